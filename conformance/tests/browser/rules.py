"""What holds for every page. A rule gives what is wrong, in words; nothing, if nothing is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from conformance.tests.browser.keyboard import unreachable

GRAVE = ("serious", "critical")
PAPER = 718  # of A4 between margins of 1 cm, in CSS pixels

_OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"

# Names the outermost of what sticks out, and leaves alone what is in a box that scrolls by itself.
_STICKING_OUT = """() => {
  const root = document.documentElement, width = root.clientWidth;
  if (root.scrollWidth <= width) return [];
  const boxed = (each) => {
    for (let box = each.parentElement; box !== document.body; box = box.parentElement) {
      if (getComputedStyle(box).overflowX !== "visible") return true;
    }
    return false;
  };
  const beyond = (each) => each.getBoundingClientRect().right > width + 1 && !boxed(each);
  const out = [...document.body.querySelectorAll("*")].filter(beyond);
  const outermost = out.filter((each) => !out.includes(each.parentElement)).slice(0, 5);
  return [
    `is ${root.scrollWidth} px wide on a screen of ${width}`,
    ...outermost.map((each) => `sticks out: ${each.outerHTML.slice(0, 120)}`),
  ];
}"""

_CUT_OFF = """() => [...document.body.querySelectorAll("*")]
  .filter((each) => getComputedStyle(each).overflowX !== "visible")
  .filter(({ clientWidth, scrollWidth }) => clientWidth > 1 && scrollWidth > clientWidth + 1)
  .map((each) => `is cut off on paper: ${each.outerHTML.slice(0, 120)}`)"""

_DARK = """() => {
  const [red, green, blue, alpha = 1] = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number);
  return alpha > 0 && Math.min(red, green, blue) < 200 ? ["is printed on a dark background"] : [];
}"""


def asks_for_nothing(page: Page) -> list[str]:
    """Nor complains; what a page does behind its reader is raised when it is left."""
    page.wait_for_load_state("networkidle")
    return []


def accessible(page: Page) -> list[str]:
    """Axe-core finds nothing serious, with all that can be opened open."""
    page.evaluate(_OPEN_ALL)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [_violation(each) for each in found if each["impact"] in GRAVE]


def _violation(each: Mapping[str, Any]) -> str:
    """The rule, and the elements that break it."""
    where = "; ".join(str(node["target"][0]) for node in each["nodes"])
    return f"{each['id']} ({each['impact']}): {each['help']}: {where}"


def within_the_screen(page: Page) -> list[str]:
    """Nobody scrolls sideways to read it; a table that is too wide scrolls in its own box."""
    page.evaluate(_OPEN_ALL)
    found: list[str] = page.evaluate(_STICKING_OUT)
    return found


def printable(page: Page) -> list[str]:
    """On paper nothing is cut off, and nothing is dark."""
    page.evaluate(_OPEN_ALL)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    found: list[str] = page.evaluate(_STICKING_OUT) + page.evaluate(_CUT_OFF) + page.evaluate(_DARK)
    return found


def usable_by_keyboard(page: Page) -> list[str]:
    """The Tab key comes to every control, and where it is can be seen."""
    return unreachable(page)


# In an order in which none disturbs the next: what has been opened stays open, and what is on paper stays there.
RULES: Mapping[str, Callable[[Page], list[str]]] = MappingProxyType(
    {rule.__name__: rule for rule in (asks_for_nothing, usable_by_keyboard, within_the_screen, accessible, printable)}
)


def broken(page: Page) -> list[str]:
    """What is wrong by any rule."""
    return [wrong for rule in RULES.values() for wrong in rule(page)]
