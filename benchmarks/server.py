"""
A fast local vendor in a process of its own: speaks just enough of ModelsLab's dialect for two providers of ours, with
no work behind it.  Jobs take `--seconds`, their picture comes inside the answer (base64), a job is two requests; or
they take `--polls` looks, and their picture lies behind a link.

    POST .../text2img  -> processing, eta, fetch_result (or success at once without --seconds and --polls)
    POST .../fetch/N   -> success with the picture
    GET  /stats        -> requests so far, most connections at a time
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import sys
import time


def tiny() -> str:
    """Return a 64x64 PNG in base64."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 120, 200)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


class Vendor:
    """Counts what it is asked."""

    def __init__(self, seconds: float, polls: int) -> None:
        self.seconds, self.polls, self.picture = seconds, polls, tiny()
        self.looks: dict[str, int] = {}
        self.requests = self.open = self.most = 0
        self.ready: dict[str, float] = {}
        self.base = ""

    def answer(self, path: str) -> dict[str, object]:
        """Answer one request."""
        if path == "/stats":
            return {"requests": self.requests, "most_connections": self.most}
        if path == "/reset":
            self.requests = self.most = 0
            return {}
        self.requests += 1
        if path.endswith("/text2img"):
            id = str(self.requests)
            if not self.seconds and not self.polls:
                return self._success(id)
            self.ready[id] = time.monotonic() + self.seconds
            return {
                "status": "processing",
                "id": int(id),
                "eta": self.seconds,
                "output": [],
                "fetch_result": f"{self.base}{path.removesuffix('/text2img')}/fetch/{id}",
            }
        id = path.rsplit("/", 1)[1]
        self.looks[id] = self.looks.get(id, 0) + 1
        if self.polls:
            return self._success(id) if self.looks[id] >= self.polls else {"status": "processing", "output": ""}
        if time.monotonic() < self.ready.get(id, 0):
            return {"status": "processing", "messege": "try again later.", "output": ""}
        return self._success(id)

    def _success(self, id: str) -> dict[str, object]:
        output = f"{self.base}/files/{id}.png" if self.polls else self.picture
        return {"status": "success", "id": int(id), "generationTime": 0.1, "output": [output], "meta": {"seed": 5}}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it is closed."""
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *rest = head.decode("latin-1").split("\r\n")
                headers = dict(item.lower().split(": ", 1) for item in rest if ": " in item)
                await reader.readexactly(int(headers.get("content-length", 0)))
                path = line.split(" ")[1]
                is_file = path.startswith("/files/")
                body = base64.b64decode(self.picture) if is_file else json.dumps(self.answer(path)).encode()
                kind = b"image/png" if is_file else b"application/json"
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (kind, len(body)))
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self.open -= 1
            writer.close()


async def main(seconds: float, polls: int) -> None:
    """Serve on a free port; prints it."""
    vendor = Vendor(seconds, polls)
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0, backlog=4096)
    vendor.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(vendor.base, flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--polls", type=int, default=0)
    words = parser.parse_args()
    try:
        asyncio.run(main(words.seconds, words.polls))
    except KeyboardInterrupt:
        sys.exit(0)
