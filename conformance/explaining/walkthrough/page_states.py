"""For each of the documents' claims the state of the page that shows it, and a note.

A claim's verdict comes from a run of real Keras (`lstm-conformance claims`); the page shows the reason of the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from conformance.explaining.walkthrough.example import Example, InputPattern, fragment


@dataclass(frozen=True, kw_only=True)
class PageState:
    """A state of the page, and the section that shows a claim.

    Attributes:
        place: id of the page's section.
        example: the layer and the calls on it.
        view: the selected call, step, row, unit, gate and source, where it is not the first.
        note: one or two sentences; `{count}` is the number of weights.
    """

    place: str
    example: Example
    note: str
    view: Mapping[str, int | str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The note with the number of weights."""
        return self.note.format(count=f"{self.example.count:,}")

    def address(self, claim_id: str) -> str:
        """The part of the page's address after `#`."""
        return f"{self.place}?{fragment(self.example, **self.view, claim=claim_id)}"


_ONE_ON_ONE = Example(units=1, input_dim=1, timesteps=1, batch=1)
_SUMMARY = Example(units=10, input_dim=5, timesteps=13, batch=1)
_DENSE = Example(units=32, input_dim=64, timesteps=10)

PAGE_STATES: Mapping[str, PageState] = {
    "units-are-output-size": PageState(
        place="shapes",
        example=Example(units=10, input_dim=5, timesteps=13, batch=3),
        note="The outputs are 10 numbers a row, as many as units; neither 5 features nor 13 timesteps change that.",
    ),
    "states-have-size-units": PageState(
        place="values",
        example=Example(),
        note="A line for each of the 3 units: output gate, cell state and hidden state are 3 numbers each, for every row of "
        "the batch.",
    ),
    "one-block-of-width-units": PageState(
        place="timesteps",
        example=Example(timesteps=6),
        note="One block of {count} weights, 3 units wide, is drawn six times because it is used six times.",
    ),
    "independent-copies": PageState(
        place="weights",
        example=Example(units=2, input_dim=1),
        view={"gate": "f", "source": "h1"},
        note="The marked weight lets unit 0 read what unit 1 said one step before. Copies that do not see each other would"
        " have nothing there: only with diagonal h blocks would the layer be two one-unit LSTMs.",
    ),
    "scalars-at-one-unit": PageState(
        place="values",
        example=Example(units=1, input_dim=1),
        note="With one unit each of i, f, c and h is one number. Add a unit, and each becomes a vector as long as there are units.",
    ),
    "output-is-N-steps": PageState(
        place="timesteps",
        example=Example(units=4, input_dim=1, timesteps=1),
        note="4 units and 1 timestep: the cell runs once, and its one output has 4 numbers. How often it runs, timesteps says.",
    ),
    "return-sequences-shapes": PageState(
        place="timesteps",
        example=Example(timesteps=6, return_sequences=True),
        note="All 6 outputs leave the layer, (2, 6, 3). Switch return_sequences off, and only the last does, (2, 3).",
    ),
    "input-dim-free": PageState(
        place="shapes",
        example=Example(units=3, input_dim=7),
        note="7 numbers go in at each timestep and 3 come out: the kernel, 7 rows by 4 × 3 columns, fits any two sizes together.",
    ),
    "manual-lagging": PageState(
        place="timesteps",
        example=Example(units=3, input_dim=1, timesteps=5),
        view={"step": 3},
        note="Each timestep is given its own 1 number, for all 3 units. What came earlier arrives through h and c, not through"
        " lagged copies of the inputs.",
    ),
    "zero-pad-after-first-step": PageState(
        place="values",
        example=Example(given=InputPattern.FIRST),
        view={"step": 2},
        note="The input is zeros from timestep 2 on, yet h and c still move, by bias and recurrence. Mask those timesteps "
        "instead, and both are held.",
    ),
    "defaults-of-the-signature": PageState(
        place="equations",
        example=Example(),
        note="The gates' σ is the sigmoid, today's default. The printed defaults, with hard_sigmoid, are those of Keras 2.0.9 "
        "to 2.2.5.",
    ),
    "stateful-carries": PageState(
        place="timesteps",
        example=Example(stateful=True),
        view={"call": 2},
        note="Call 2 starts from the h and c in which call 1 ended, each row from its own. Switch stateful off: it starts from"
        " zeros.",
    ),
    "cells-equal-window": PageState(
        place="timesteps",
        example=Example(timesteps=10),
        note="Ten boxes, but one set of {count} weights and 3 units: the window is how often the cell is drawn, not how many "
        "there are.",
    ),
    "latent-dim": PageState(
        place="shapes",
        example=Example(units=4, input_dim=2, timesteps=6),
        note="The state is 4 numbers a row, as many as units; 2 features and 6 timesteps size the inputs alone.",
    ),
    "num-units-is-hidden-size": PageState(
        place="shapes",
        example=Example(units=3),
        note="State and output are both 3 wide, since nothing stands between them. TensorFlow's LSTMCell(3, num_proj=2) puts a"
        " projection there, and its output is 2 wide.",
    ),
    "num-units-is-capacity": PageState(
        place="weights",
        example=Example(units=128, input_dim=28, timesteps=28),
        note="128 units on 28 features hold {count} weights. Each unit taken away takes away a column of every gate and a row "
        "of h.",
    ),
    "fewer-units-suffice": PageState(
        place="weights",
        example=Example(units=16, input_dim=8, timesteps=8),
        note="These {count} weights are what 16 units have to read digits as 8 timesteps of 8 numbers, and they pass 90 %; 128"
        " units would have 70,144.",
    ),
    "elementwise-tanh": PageState(
        place="values",
        example=Example(),
        view={"step": 2, "unit": 1},
        note="Each unit has a z of its own in each gate, and σ or tanh turns that one number into one number; units meet in "
        "the sums only.",
    ),
    "initial-state-zero": PageState(
        place="values",
        example=Example(),
        note="Before timestep 1 the state c is 0 for every unit. It is not in a later call of a stateful layer, nor where an "
        "initial_state is given.",
    ),
    "input-times-matrix": PageState(
        place="weights",
        example=Example(units=10, input_dim=5),
        view={"gate": "c"},
        note="The x block of one gate is such a matrix, 5 by 10. There are four, one for each gate, side by side in kernel, 5 "
        "by 40.",
    ),
    "shapes-3-50": PageState(
        place="shapes",
        example=Example(units=4, input_dim=1, timesteps=50, batch=3, return_sequences=True),
        note="3 sequences of 50 timesteps: the states are (3, 4), the outputs (3, 50, 4).",
    ),
    "timesteps-equal-neurons": PageState(
        place="weights",
        example=_DENSE,
        note="10 timesteps, 32 units: every gate has 32 columns. Move the timesteps, and no weight comes or goes.",
    ),
    "each-unit-sees-all-features": PageState(
        place="weights",
        example=_DENSE,
        view={"unit": 7, "source": "x63"},
        note="The framed column is what one gate of unit 7 reads: all 64 features, all 32 numbers of h, and its bias.",
    ),
    "last-step-feeds-dense": PageState(
        place="timesteps",
        example=_DENSE,
        view={"step": 10},
        note="Only the last timestep's 32 numbers leave the layer; a Dense(2) reads them with 32 × 2 + 2 = 66 weights of its own.",
    ),
    "timesteps-free-count": PageState(
        place="weights",
        example=Example(units=10, input_dim=5, timesteps=100, batch=1),
        note="{count} at 100 timesteps, and at 13: the sum has no timesteps in it.",
    ),
    "summary-table": PageState(
        place="weights",
        example=_SUMMARY,
        note="{count} weights, all of them trained, and an output of 10 numbers a row: what the summary's line says.",
    ),
    "colah-consistent": PageState(
        place="equations",
        example=Example(),
        note="One matrix times [h, x] is the same sum as x W + h U. With the sigmoid the equations are the blog's; the "
        "hard_sigmoid of Keras 2.0 to 2.2 is another function.",
    ),
    "twelve-parameters": PageState(
        place="weights",
        example=_ONE_ON_ONE,
        note="Three weights in each of four gates, for x, for h and the bias: {count}.",
    ),
    "second-feature-adds-four": PageState(
        place="weights",
        example=Example(units=1, input_dim=2, timesteps=1, batch=1),
        view={"source": "x1"},
        note="The marked row is new: one weight for the second feature in each of four gates, which makes {count}.",
    ),
    "two-units-double": PageState(
        place="weights",
        example=Example(units=2, input_dim=1, timesteps=1, batch=1),
        view={"source": "h1"},
        note="{count}, not 24: beside its own h each unit reads the other's, in all four gates, which is 8 more.",
    ),
    "count-formula": PageState(
        place="weights",
        example=_SUMMARY,
        note="The sum is spelled out for 5 features and 10 units. Switch use_bias off, and the last h goes: 4 × (x + h) × h.",
    ),
    "no-paper": PageState(
        place="equations",
        example=Example(),
        note="Keras' own docstring cites Hochreiter & Schmidhuber 1997; the forget gate that it computes came with Gers et al."
        " 2000.",
    ),
}
