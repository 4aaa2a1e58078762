"""
A fast local vendor in a process of its own: speaks just enough of ModelsLab's v6 for one provider of ours, with no work
behind it.  Jobs take `--seconds`; the picture comes inside the answer (base64), so a job is two requests.

    POST /api/v6/images/text2img  -> processing, eta, fetch_result (or success at once with --seconds 0)
    POST /api/v6/images/fetch/N   -> success with the picture
    GET  /stats                   -> requests so far, most connections at a time
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

    def __init__(self, seconds: float) -> None:
        self.seconds, self.picture = seconds, tiny()
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
            if not self.seconds:
                return self._success(id)
            self.ready[id] = time.monotonic() + self.seconds
            return {
                "status": "processing",
                "id": int(id),
                "eta": self.seconds,
                "output": [],
                "fetch_result": f"{self.base}/api/v6/images/fetch/{id}",
            }
        id = path.rsplit("/", 1)[1]
        if time.monotonic() < self.ready.get(id, 0):
            return {"status": "processing", "messege": "try again later.", "output": ""}
        return self._success(id)

    def _success(self, id: str) -> dict[str, object]:
        return {"status": "success", "id": int(id), "generationTime": 0.1, "output": [self.picture], "meta": {"seed": 5}}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it is closed."""
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *rest = head.decode("latin-1").split("\r\n")
                headers = dict(item.lower().split(": ", 1) for item in rest if ": " in item)
                await reader.readexactly(int(headers.get("content-length", 0)))
                body = json.dumps(self.answer(line.split(" ")[1])).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self.open -= 1
            writer.close()


async def main(seconds: float) -> None:
    """Serve on a free port; prints it."""
    vendor = Vendor(seconds)
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0, backlog=4096)
    vendor.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(vendor.base, flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.0)
    try:
        asyncio.run(main(parser.parse_args().seconds))
    except KeyboardInterrupt:
        sys.exit(0)
