"""The explanation as a page."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.claims import CLAIMS, Claim
from conformance.explaining.walkthrough.example import DEFAULTS, LARGEST, Example
from conformance.explaining.walkthrough.page_states import PAGE_STATES
from conformance.report.html.page import render

SCRIPTS = ("explain_equations.js", "explain_state.js", "explain_pictures.js", "explain_words.js", "explain.js")

# The meaning of each size, next to its slider.
SIZES = (
    ("units", "how many numbers the layer remembers, and says"),
    ("input_dim", "how many numbers it is given at each timestep"),
    ("timesteps", "how often it is given them, one after the other"),
    ("batch", "how many sequences it reads side by side"),
)
FLAGS = (
    ("return_sequences", "hand out every timestep's h, not the last alone"),
    ("return_state", "hand out the final h and c too"),
    ("stateful", "start the next call from the final h and c"),
    ("go_backwards", "read the last timestep first"),
    ("use_bias", "add a bias in every gate"),
)


@dataclass(frozen=True, kw_only=True)
class ClaimLink:
    """A claim in the page's list, with its link and its explanation."""

    claim: Claim
    address: str
    text: str


def _link(claim: Claim) -> ClaimLink:
    state = PAGE_STATES[claim.id]
    return ClaimLink(claim=claim, address=state.address(claim.id), text=state.text)


def page(example: Example) -> str:
    """The page, which shows the example first."""
    return render(
        "explain.html.jinja",
        styles=("explain.css",),
        scripts=SCRIPTS,
        title="What exactly are units?",
        example=example,
        sizes=SIZES,
        flags=FLAGS,
        claims=[
            ClaimLink(claim=claim, address=PAGE_STATES[claim.id].address(claim.id), text=PAGE_STATES[claim.id].text)
            for claim in CLAIMS
        ],
        settings={
            "defaults": dict(DEFAULTS),
            "largest": dict(LARGEST),
            "opens": example.address,
        },
    )
