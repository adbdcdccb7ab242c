"""What the tests in a browser share. They are no part of the ordinary test command: they need a browser, and say so.

uv run --group browser pytest conformance/tests/browser
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Page

from conformance.tests.browser import chromium
from conformance.tests.browser.opened import WIDE, Look, opened
from conformance.tests.browser.pages import PAGES


def pytest_configure() -> None:
    """Without a browser nothing begins: one error, not one for each test."""
    try:
        chromium.find()
    except chromium.NoChromiumError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests of a process; each page has a profile of its own."""
    with chromium.started() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens files as `opened` does, and leaves them when the test ends."""
    with ExitStack() as stack:

        def enter(file: Path, look: Look = WIDE, fragment: str = "") -> Page:
            return stack.enter_context(opened(browser, file, look, fragment))

        yield enter


@pytest.fixture(scope="module")
def explained(browser: Browser, file_of: Callable[[str], Path]) -> Iterator[Page]:
    """The learner's page, opened once: a state is in its address, and depends on nothing before."""
    with opened(browser, file_of("explain")) as page:
        yield page


@pytest.fixture(scope="session")
def file_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a page, made once: by the first of pytest's processes that needs it, in the folder that they share."""
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent

    def made(name: str) -> Path:
        file = folder / f"{name}.html"
        with FileLock(file.with_suffix(".lock")):
            if not file.exists():
                PAGES[name](file)
        return file

    return made
