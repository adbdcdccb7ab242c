"""A file opened as a reader opens it, and everything that goes wrong meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route

COMPLAINTS = ("error", "warning", "assert")


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a page is looked at: on what width, in CSS pixels, and in which colours."""

    width: int
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        """As tests are named."""
        return f"{self.width}px-{self.scheme}"


WIDE = Look(width=1200, scheme="light")
NARROW = Look(width=360, scheme="dark")
LOOKS = (WIDE, NARROW)  # each width and each scheme once: how wide a page is does not change what colours it has


@contextmanager
def opened(browser: Browser, file: Path, look: Look = WIDE, fragment: str = "") -> Iterator[Page]:
    """The file in a page of its own, offline, at `#fragment` if one is given.

    Raises:
        AssertionError: When it is left, if the page has asked for anything but itself, has complained in the console, or has
            thrown an error that nobody caught.
    """
    wrong: list[str] = []
    address = file.resolve().as_uri()
    with browser.new_context(
        viewport={"width": look.width, "height": 800},
        color_scheme=look.scheme,
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
        offline=True,
        service_workers="block",
    ) as context:
        _watch(context, address, wrong)
        page = context.new_page()
        try:
            page.goto(f"{address}#{fragment}" if fragment else address)
            yield page
        except BaseException as error:
            for each in wrong:
                error.add_note(each)
            raise
    assert not wrong, "\n".join(wrong)


def _watch(context: BrowserContext, address: str, wrong: list[str]) -> None:
    """Refuse every request but the one for the page, and write down each, as each complaint and each error."""

    def refuse_others(route: Route) -> None:
        if route.request.url.partition("#")[0] == address:
            route.continue_()
            return
        wrong.append(f"asked for {route.request.url}")
        route.abort()

    def hear(message: ConsoleMessage) -> None:
        if message.type in COMPLAINTS:
            wrong.append(f"console {message.type}: {message.text}")

    context.route("**/*", refuse_others)
    context.on("console", hear)
    context.on("weberror", lambda error: wrong.append(f"uncaught: {error.error}"))
    context.on("page", lambda page: page.on("websocket", lambda socket: wrong.append(f"asked for {socket.url}")))
