"""Every page, at every look, keeps every rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from conformance.tests.browser.opened import LOOKS, Look
from conformance.tests.browser.pages import PAGES
from conformance.tests.browser.rules import broken


@pytest.mark.parametrize("look", LOOKS, ids=str)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_every_rule(name: str, look: Look, file_of: Callable[[str], Path], open_page: Callable[..., Page]) -> None:
    """And says nothing in the console, and throws nothing meanwhile."""
    wrong = broken(open_page(file_of(name), look))
    assert not wrong, "\n".join(wrong)
