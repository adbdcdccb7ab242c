"""Each rule is broken by a page that is wrong in one thing, and kept by the same page without it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from conformance.tests.browser.opened import NARROW, opened
from conformance.tests.browser.rules import RULES

SHELL = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A page</title></head><body><main><h1>A page</h1><p>One <a href="https://example.org">link</a>, and a
<button>button</button>.</p>{fault}</main></body></html>"""
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


def written(folder: Path, fault: str = "") -> Path:
    """The page, with the fault in it."""
    file = folder / "page.html"
    file.write_text(SHELL.format(fault=fault), encoding="utf-8")
    return file


@pytest.mark.parametrize("rule", RULES)
def test_a_sound_page_keeps_the_rule(rule: str, tmp_path: Path, browser: Browser) -> None:
    """A link to elsewhere is no request: the reader asks, not the page."""
    with opened(browser, written(tmp_path), NARROW) as page:
        assert RULES[rule](page) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("<img alt='' src='https://example.org/a.png'>", "asked for https://example.org/a.png"),
        ("<img alt='' src='beside.png'>", "/beside.png"),
        ("<link rel='stylesheet' href='https://example.org/a.css'>", "asked for https://example.org/a.css"),
        ("<style>@import 'https://example.org/b.css'</style>", "asked for https://example.org/b.css"),
        ("<style>p { background: url(https://example.org/c.png) }</style>", "asked for https://example.org/c.png"),
        ("<script>fetch('https://example.org/d').catch(() => 0)</script>", "asked for https://example.org/d"),
        ("<script>navigator.sendBeacon('https://example.org/e')</script>", "asked for https://example.org/e"),
        ("<script>new WebSocket('wss://example.org/f')</script>", "asked for wss://example.org/f"),
        ("<iframe title='g' src='https://example.org/g'></iframe>", "asked for https://example.org/g"),
        ("<script>console.error('it broke')</script>", "console error: it broke"),
        ("<script>console.warn('it creaks')</script>", "console warning: it creaks"),
        ("<script>nowhere.to.be.found()</script>", "nowhere is not defined"),
        ("<script>Promise.reject(new Error('not kept'))</script>", "not kept"),
    ],
)
def test_what_a_page_does_behind_the_reader_is_raised(fault: str, said: str, tmp_path: Path, browser: Browser) -> None:
    """Requests of every kind, to other hosts and to files beside it; complaints; errors."""
    with pytest.raises(AssertionError, match=re.escape(said)), opened(browser, written(tmp_path, fault)) as page:
        page.wait_for_load_state("networkidle")


def test_what_went_wrong_is_told_with_another_failure(tmp_path: Path, browser: Browser) -> None:
    """It may be the cause."""
    with pytest.raises(KeyError) as raised, opened(browser, written(tmp_path, "<script>console.error('why')</script>")):
        raise KeyError
    assert raised.value.__notes__ == ["console error: why"]


@pytest.mark.parametrize(
    ("rule", "fault", "said"),
    [
        ("accessible", f"<img src='{PIXEL}'>", "image-alt (critical): "),
        ("accessible", "<p style='color: #ccc; background: #fff'>pale</p>", "color-contrast (serious): "),
        ("accessible", f"<details><summary>more</summary><img src='{PIXEL}'></details>", "image-alt (critical): "),
        ("accessible", "<input>", "label (critical): "),
        ("within_the_screen", "<div style='width: 50rem'>wide</div>", 'sticks out: <div style="width: 50rem">'),
        ("within_the_screen", f"<p>{'long' * 50}</p>", "px wide on a screen of 360"),
        ("printable", f"<div style='overflow-x: auto'><p>{'long' * 50}</p></div>", 'is cut off on paper: <div style="over'),
        ("printable", "<style>body { background: #111 }</style>", "is printed on a dark background"),
        ("usable_by_keyboard", "<button style='outline: none'>plain</button>", "looks the same with and without the focus: <button"),
        ("usable_by_keyboard", "<button onfocus='this.blur()'>shy</button>", 'Tab misses <button onfocus="this.blur()">'),
        ("usable_by_keyboard", "<p style='position: fixed; top: -9em'><button>far</button></p>", "out of sight: <button>far"),
    ],
)
def test_a_fault_breaks_the_rule(rule: str, fault: str, said: str, tmp_path: Path, browser: Browser) -> None:
    """And the message names it."""
    with opened(browser, written(tmp_path, fault), NARROW) as page:
        found = RULES[rule](page)
    assert [each for each in found if said in each], found
