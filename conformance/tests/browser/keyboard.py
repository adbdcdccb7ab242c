"""The walk through a page by the Tab key alone."""

from __future__ import annotations

from playwright.sync_api import Page

# Notes the controls that the key must come to, and what each looks like while it has no focus. A control is known by its place in
# the page: a page may make it anew while it is walked through. Of radio buttons with one name the key comes to one.
_PREPARE = """() => {
  const look = (each) => {
    const { outline, boxShadow, border, backgroundColor, color, textDecoration } = getComputedStyle(each);
    return [outline, boxShadow, border, backgroundColor, color, textDecoration].join();
  };
  const name = (each) => each.outerHTML.slice(0, 120);
  const place = (each) => (each ? `${place(each.parentElement)} ${[...(each.parentElement?.children ?? [])].indexOf(each)}` : "");
  const walk = window.walk = { look, name, place, looks: new Map(), due: new Map(), met: new Set() };
  const radios = new Map();
  for (const each of document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex], [contenteditable]")) {
    walk.looks.set(place(each), look(each));
    if (each.tabIndex < 0 || each.disabled || !each.checkVisibility({ visibilityProperty: true })) continue;
    if (each.type !== "radio" || !each.name) walk.due.set(place(each), name(each));
    else if (each.checked || !radios.has(each.name)) radios.set(each.name, each);
  }
  radios.forEach((each) => walk.due.set(place(each), name(each)));
  return walk.due.size;
}"""

# What is wrong where the key has come to; null when it has left the page or come round.
_STEP = """() => {
  const { look, looks, met, name, place } = window.walk, each = document.activeElement, where = place(each);
  if (!each || each === document.body || met.has(where)) return null;
  met.add(where);
  const { top, right, bottom, left, width } = each.getBoundingClientRect();
  if (!width || bottom <= 0 || right <= 0 || top >= innerHeight || left >= innerWidth) return [`has the focus out of sight: ${name(each)}`];
  return looks.get(where) === look(each) ? [`looks the same with and without the focus: ${name(each)}`] : [];
}"""

_MISSED = "() => [...window.walk.due].filter(([where]) => !window.walk.met.has(where)).map(([, name]) => `Tab misses ${name}`)"


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
