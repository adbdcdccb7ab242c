"""Where the browser is, and how it is started: headless, and asking nobody for anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--disable-gpu", "--disable-quic", "--host-resolver-rules=MAP * ~NOTFOUND")


class NoChromiumError(RuntimeError):
    """There is none where one is looked for."""

    def __init__(self) -> None:
        super().__init__(
            f"no Chromium found: expected the variable CHROMIUM to name one, or one of {', '.join(NAMES)} on PATH; "
            "install one (apt-get install chromium), or set CHROMIUM to its path"
        )


def find() -> Path:
    """The one that CHROMIUM names, or the first on PATH.

    Raises:
        NoChromiumError: There is none.
    """
    names = [os.environ["CHROMIUM"]] if os.environ.get("CHROMIUM") else NAMES
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise NoChromiumError
    return Path(found)


@contextmanager
def started() -> Iterator[Browser]:
    """The browser, until it is left."""
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=find(), args=QUIET) as browser:
        yield browser
