"""
`make sdk`: a vendor's own SDK from npm drives `imagegen emulate`.

Not part of `make test`: it needs node and the npm registry.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("imagegen")


@contextmanager
def emulator() -> Iterator[str]:
    """Run the command and give its address."""
    words = [str(COMMAND), "emulate", "--port", "0", "--speed", "20", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield address(process)
        finally:
            process.terminate()


def address(process: subprocess.Popen[str]) -> str:
    """Read what the command prints when it listens."""
    text = ""
    assert process.stdout is not None
    for line in process.stdout:
        text += line
        if line.startswith("}") or (line.startswith("{") and line.rstrip().endswith("}")):
            return str(json.loads(text)["url"])
    raise SystemExit(f"the emulator did not start: {text}")


def main() -> int:
    """Run the scripts of this folder."""
    with emulator() as url:
        environ = {**os.environ, "TAMS_BASE_URL": f"{url}/tams"}
        return subprocess.run(["node", str(HERE / "tams.mjs")], cwd=HERE, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
