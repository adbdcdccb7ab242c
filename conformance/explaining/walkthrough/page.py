"""The answer as a page."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.claims import CLAIMS, Claim
from conformance.explaining.walkthrough.example import DEFAULTS, LARGEST, Example
from conformance.explaining.walkthrough.stops import STOPS
from conformance.report.html.page import render

SCRIPTS = ("explain_equations.js", "explain_state.js", "explain_pictures.js", "explain_words.js", "explain.js")

# What each size is the size of, as the sliders say it.
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
class Shown:
    """A claim as the page lists it: its link, and what is seen there."""

    claim: Claim
    address: str
    says: str


def page(example: Example) -> str:
    """The page, which opens on the example."""
    return render(
        "explain.html.jinja",
        styles=("explain.css",),
        scripts=SCRIPTS,
        title="What exactly are units?",
        example=example,
        sizes=SIZES,
        flags=FLAGS,
        shown=[Shown(claim=claim, address=STOPS[claim.id].address(claim.id), says=STOPS[claim.id].says) for claim in CLAIMS],
        settings={
            "defaults": dict(DEFAULTS),
            "largest": dict(LARGEST),
            "opens": example.address,
        },
    )
