"""What the tests in a browser share. They are no part of the ordinary test command: they need a browser, and say so.

uv run --group browser pytest conformance/tests/browser
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from conformance.tests.browser import chromium
from conformance.tests.browser.opened import opened
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

        def enter(*args: object, **kwargs: object) -> Page:
            return stack.enter_context(partial(opened, browser)(*args, **kwargs))

        yield enter


@pytest.fixture(scope="session")
def file_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a page, made by the command that a user would give, once a process."""

    @cache
    def made(name: str) -> Path:
        file = tmp_path_factory.mktemp("page") / f"{name}.html"
        PAGES[name](file)
        return file

    return made
