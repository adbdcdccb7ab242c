"""The README's picture of a report page, made of a real run in a real browser.

`uv run --group browser python -m conformance.tests.browser.picture` writes `conformance/docs/report.png` anew.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from conformance.tests.browser import chromium
from conformance.tests.browser.opened import Look, opened

PICTURE = Path(__file__).parents[2] / "docs" / "report.png"
RUN = ("verify", "--case", "u2-d1-t6-b3-seq-s0", "--deviation", "all_gates_icfo", "--quiet")
LOOK = Look(width=1000, scheme="light")
HEIGHT = 880  # of the entry: its numbers, its picture and its gates
COLOURS = 32  # enough for text and two lines, and a sixth of the file's size


def main() -> None:
    """Run, open the page's first difference, and keep what is seen of it."""
    with tempfile.TemporaryDirectory() as folder, chromium.started() as browser:
        page = Path(folder) / "report.html"
        subprocess.run([sys.executable, "-m", "conformance", *RUN, "--html", str(page)], check=False)  # noqa: S603  # our own command
        with opened(browser, page, LOOK) as shown:
            entry = shown.locator("details.entry").first
            entry.evaluate("entry => { entry.open = true }")
            shown.set_viewport_size({"width": LOOK.width, "height": 3000})  # so that nothing scrolls, and no bar stays above
            place = entry.bounding_box()
            assert place is not None  # it is open
            seen = shown.screenshot(clip={**place, "height": HEIGHT})
    Image.open(io.BytesIO(seen)).quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
