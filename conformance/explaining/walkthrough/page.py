"""The explanation as a page, and for each of the documents' claims the state of the page that shows it.

A claim's verdict comes from a run of real Keras (`lstm-conformance claims`); the page shows the reason of the verdict.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from conformance.claims import CLAIMS
from conformance.explaining.walkthrough.example import DEFAULTS, LARGEST, MEANINGS, Example, InputPattern, fragment
from conformance.report.html.page import render

SCRIPTS = ("explain_equations.js", "explain_state.js", "explain_pictures.js", "explain_words.js", "explain.js")

FLAGS = (
    ("return_sequences", "hand out every timestep's h, not the last alone"),
    ("return_state", "hand out the final h and c too"),
    ("stateful", "start the next call from the final h and c"),
    ("go_backwards", "read the last timestep first"),
    ("use_bias", "add a bias in every gate"),
)


@dataclass(frozen=True, kw_only=True)
class PageState:
    """A state of the page, and the section that shows a claim.

    Attributes:
        place: id of the page's section.
        example: the layer and the calls on it.
        view: the selected call, step, row, unit, gate and source, where it is not the first.
        text: one or two sentences.
    """

    place: str
    example: Example
    view: Mapping[str, int | str]
    text: str

    def address(self, claim_id: str) -> str:
        """The part of the page's address after `#`."""
        return f"{self.place}?{fragment(self.example, **self.view, claim=claim_id)}"


def _page_state(
    *, place: str, note: str, layer: Mapping[str, Any] = MappingProxyType({}), view: Mapping[str, Any] = MappingProxyType({})
) -> PageState:
    arguments: dict[str, Any] = {name: InputPattern(value) if name == "given" else value for name, value in layer.items()}
    example = Example(**arguments)
    return PageState(place=place, example=example, view=view, text=note.format(count=f"{example.count:,}"))


PAGE_STATES: Mapping[str, PageState] = {
    claim_id: _page_state(**state)
    for claim_id, state in tomllib.loads(Path(__file__).with_name("page_states.toml").read_text("utf-8")).items()
}


def page(example: Example) -> str:
    """The page, which shows the example first."""
    return render(
        "explain.html.jinja",
        styles=("explain.css",),
        scripts=SCRIPTS,
        title="What exactly are units?",
        example=example,
        sizes=MEANINGS.items(),
        flags=FLAGS,
        claims=[(claim, PAGE_STATES[claim.id]) for claim in CLAIMS],
        settings={"defaults": dict(DEFAULTS), "largest": dict(LARGEST), "opens": example.address},
    )
