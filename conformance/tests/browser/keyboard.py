"""The walk through a page by the Tab key alone."""

from __future__ import annotations

from playwright.sync_api import Page

# Notes the controls that the key must come to, and what each looks like while it has no focus. Of radio buttons with one name
# the key comes to one.
_PREPARE = """() => {
  const look = (each) => {
    const { outline, boxShadow, border, backgroundColor, color, textDecoration } = getComputedStyle(each);
    return [outline, boxShadow, border, backgroundColor, color, textDecoration].join();
  };
  const walk = window.walk = { look, name: (each) => each.outerHTML.slice(0, 120), looks: new Map(), due: new Set(), met: new Set() };
  const radios = new Map();
  for (const each of document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex], [contenteditable]")) {
    walk.looks.set(each, look(each));
    if (each.tabIndex < 0 || each.disabled || !each.checkVisibility({ visibilityProperty: true })) continue;
    if (each.type !== "radio" || !each.name) walk.due.add(each);
    else if (each.checked || !radios.has(each.name)) radios.set(each.name, each);
  }
  radios.forEach((each) => walk.due.add(each));
  return walk.due.size;
}"""

# What is wrong where the key has come to; null when it has left the page or come round.
_STEP = """() => {
  const { look, name, looks, met } = window.walk, each = document.activeElement;
  if (!each || each === document.body || met.has(each)) return null;
  met.add(each);
  const { top, right, bottom, left, width } = each.getBoundingClientRect();
  if (!width || bottom <= 0 || right <= 0 || top >= innerHeight || left >= innerWidth) return [`has the focus out of sight: ${name(each)}`];
  return looks.get(each) === look(each) ? [`looks the same with and without the focus: ${name(each)}`] : [];
}"""

_MISSED = """() => [...window.walk.due].filter((each) => !window.walk.met.has(each))
  .map((each) => `Tab misses ${window.walk.name(each)}`)"""


def unreachable(page: Page) -> list[str]:
    """What the key misses, and where it is without anyone seeing it."""
    controls: int = page.evaluate(_PREPARE)
    wrong: list[str] = []
    for _ in range(2 * controls + 50):
        page.keyboard.press("Tab")
        found = page.evaluate(_STEP)
        if found is None:
            break
        wrong += found
    else:
        wrong.append("Tab comes to no end")
    missed: list[str] = page.evaluate(_MISSED)
    return wrong + missed
