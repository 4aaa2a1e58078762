"""
The comparison page in a real browser: `make browser`.  Needs `chromium`; CI does not run it.

Makes the page with the emulator, opens it at several widths in light and dark, fails on sideways overflow or a script
error, and leaves screenshots for people to look at in the folder that it names.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from imagegen.cli import main

LIGHTHOUSE = Path(__file__).parents[2] / "examples" / "lighthouse.toml"
WIDTHS = (320, 400, 700, 1400)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
]
# The page itself has no script; a frame around it measures how wide it becomes.
FRAME = """<!DOCTYPE html><body style="margin:0"><iframe id="f" src="{page}" style="width:400px;height:{height}px;border:0">
</iframe><script>
f.onload = () => {{
  const found = {widths}.map(w => (f.style.width = w + 'px', w + '=' + f.contentDocument.documentElement.scrollWidth));
  f.style.width = '{shown}px';
  document.body.append(Object.assign(document.createElement('p'), {{id: 'found', textContent: 'FOUND ' + found}}));
}};
</script></body>"""


def browse(browser: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the browser once with a profile of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def overflowing(browser: str, page: Path) -> list[str]:
    """Return the widths at which the page is wider than its window, and what went wrong in scripts."""
    frame = page.with_name("frame.html")
    frame.write_text(FRAME.format(page=page.as_uri(), height=6000, widths=list(WIDTHS), shown=WIDTHS[1]))
    done = browse(browser, "--virtual-time-budget=5000", "--dump-dom", frame.as_uri())
    found = re.search(r"FOUND ([\d=,]+)", done.stdout)
    if found is None:
        return ["the page could not be measured"]
    pairs = [pair.split("=") for pair in found[1].split(",")]
    wide = [f"{width} px wide, content {content} px" for width, content in pairs if int(content) > int(width)]
    return wide + [line for line in done.stderr.splitlines() if "CONSOLE" in line and "error" in line.lower()]


def screenshots(browser: str, page: Path) -> None:
    """Take pictures of the page: a desktop and a phone, light and dark."""
    for name, scheme in (("light", 1), ("dark", 0)):
        look = f"--blink-settings=preferredColorScheme={scheme}"
        wide = page.with_name(f"1400-{name}.png")
        browse(browser, look, f"--screenshot={wide}", "--window-size=1400,3600", page.as_uri())
        phone = page.with_name(f"400-{name}.png")
        frame = page.with_name("frame.html").as_uri()
        browse(browser, look, f"--screenshot={phone}", "--window-size=400,6000", "--virtual-time-budget=5000", frame)


def run() -> int:
    """Make the page and look at it."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print("there is no chromium here; on Debian: apt-get install chromium", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="imagegen-browser-"))
    main(["compare", str(LIGHTHOUSE), "--emulated", "--run", "-o", str(folder)])
    page = folder / "report.html"
    faults = overflowing(browser, page)
    screenshots(browser, page)
    print(f"looked at: {folder}", *faults, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(run())
