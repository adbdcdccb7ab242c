"""What a layer is made of, in the terminal and as a page: each number that is shown is the layer's."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from conformance.claims import CLAIMS, Claim, origins
from conformance.cli import main
from conformance.explaining.explain import View
from conformance.explaining.walkthrough import text
from conformance.explaining.walkthrough.example import LARGEST, Example, InputPattern, fragment
from conformance.explaining.walkthrough.page import PAGE_STATES, PageState, page
from conformance.explaining.walkthrough.values import trace_call
from lstm_ref import LSTMError

PLACES = {"shapes", "weights", "timesteps", "values", "equations"}


def printed(example: Example, width: int = 110, **view: int) -> str:
    """What a terminal of that width shows of a layer."""
    console = Console(file=io.StringIO(), width=width)
    text.render(example, View(**view), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def invoke(*arguments: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(main, ["explain", *arguments], catch_exceptions=False, prog_name="lstm-conformance")


# --- the layer -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": 0}, "units must be 1 to 256, the most that is drawn; got 0"),
        ({"input_dim": 257}, "input_dim must be 1 to 256, the most that is drawn; got 257"),
        ({"timesteps": -1}, "timesteps must be 1 to 200, the most that is drawn; got -1"),
        ({"batch": 65}, "batch must be 1 to 64, the most that is drawn; got 65"),
        ({"seed": 2**32}, "seed must be 0 to 4294967295; got 4294967296"),
    ],
)
def test_a_size_that_is_none_is_refused(changes: dict[str, int], message: str) -> None:
    """With those that there are."""
    with pytest.raises(LSTMError, match=re.escape(message)):
        replace(Example(), **changes)  # type: ignore[arg-type]  # by their names


def test_address_says_the_sizes_and_what_is_not_the_default() -> None:
    """And of the view what it is given."""
    example = Example(units=2, return_state=True, use_bias=False, given=InputPattern.MASKED, seed=7)
    assert fragment(example, step=3) == (
        "units=2&input_dim=2&timesteps=4&batch=2&return_state=1&use_bias=0&given=masked&seed=7&step=3"
    )


# --- the terminal --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("example", "sum_", "outputs"),
    [
        (Example(), "4 × ((x + h) × h + h) = 4 × ((2 + 3) × 3 + 3) = 4 × 18 = 72 weights", "(2, 3)"),
        (Example(units=10, input_dim=5), "= 4 × ((5 + 10) × 10 + 10) = 4 × 160 = 640 weights", "(2, 10)"),
        (Example(units=2, input_dim=1, use_bias=False), "4 × (x + h) × h = 4 × (1 + 2) × 2 = 4 × 6 = 24 weights", "(2, 2)"),
        (Example(return_sequences=True), "= 72 weights", "(2, 4, 3)"),
    ],
)
def test_terminal_spells_out_the_sum_and_the_shapes(example: Example, sum_: str, outputs: str) -> None:
    """With the layer's own numbers."""
    said = printed(example)
    assert sum_ in said
    assert re.search(rf"^ *outputs +{re.escape(outputs)} ", said, re.MULTILINE)


def test_terminal_draws_every_weight_of_a_small_layer() -> None:
    """A sign for each: 72 of them."""
    picture = printed(Example()).partition("every weight by its sign")[2].partition("one set of")[0]
    assert len(re.findall(r"[+-]", picture)) == 72
    assert re.findall(r"^ +(\S+)  ", picture, re.MULTILINE) == ["i", "x[0]", "x[1]", "h[0]", "h[1]", "h[2]", "bias"]


def test_terminal_scales_down_a_large_layer() -> None:
    """At most 20 lines of x and h, in their proportion, whatever the size."""
    picture = printed(Example(units=256, input_dim=256)).partition("each letter is up to 26 × 26 weights")[2]
    assert [len(re.findall(rf"^ +{letter}+  ", picture, re.MULTILINE)) for letter in "xhb"] == [10, 10, 1]


@pytest.mark.parametrize(
    ("example", "order"),
    [
        (Example(), "x 1 x 2 x 3 x 4"),
        (Example(go_backwards=True), "x 4 x 3 x 2 x 1"),
        (Example(timesteps=100), "x 1 x 2 x 3 x 4 x 100"),
    ],
)
def test_terminal_draws_the_timesteps_in_their_order(example: Example, order: str) -> None:
    """As they are read; of many the first and the last."""
    assert re.search(f"^ +{order}$".replace(" x", " +x"), printed(example), re.MULTILINE)


def test_terminal_marks_what_leaves_the_layer() -> None:
    """One output or all; final states that are returned or kept."""
    assert printed(Example()).count(" out\n") == 1
    said = printed(Example(return_sequences=True, return_state=True, stateful=True))
    assert re.search(r"^ +out +out +out +out$", said, re.MULTILINE)
    assert "> h, c returned kept" in said


def test_terminal_shows_what_the_reference_computes() -> None:
    """Of the row and unit that are asked for, at the first steps and the last."""
    example = Example(timesteps=6)
    passed = trace_call(example)
    lines = re.findall(r"^ +(\d+)((?: +[+-][\d.]+){6}) *$", printed(example, row=1, unit=2, steps=2), re.MULTILINE)
    assert [int(step) for step, _ in lines] == [1, 2, 6]
    shown = [float(number) for number in lines[-1][1].split()]
    arrays = (*passed.gates, passed.after.cell, passed.after.hidden)
    assert shown == pytest.approx([array[1, 5, 2] for array in arrays], abs=0.5e-4)


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("units", [16, 19, 256])
def test_terminal_draws_within_its_width(units: int, width: int) -> None:
    """No line of words or pictures is longer; a number that finds no room in a table is said in a line, and never cut."""
    said = printed(Example(units=units, input_dim=1, timesteps=100, return_state=True, stateful=True), width, steps=1)
    assert max(map(len, said.partition("real values")[0].splitlines())) <= width
    assert len(re.findall(r"[+-]\d\.\d{4}\b", said)) == 12
    assert "…" not in said


# --- the command ---------------------------------------------------------------------------------------------------------------


def test_command_without_a_case_explains_a_layer(tmp_path: Path) -> None:
    """Its options are the layer's; the page opens on it."""
    file = tmp_path / "page.html"
    result = invoke("--units", "10", "--input-dim", "5", "--timesteps", "13", "--stateful", "--no-bias", "--html", str(file))
    assert result.exit_code == 0
    assert result.stdout.startswith("LSTM(10, stateful=True, use_bias=False) on inputs (2, 13, 5)\n")
    opens = json.loads(_settings(file.read_text(encoding="utf-8")))["opens"]
    assert opens == {"units": "10", "input_dim": "5", "timesteps": "13", "batch": "2", "stateful": "1", "use_bias": "0"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["u2-d1-t6-b3-s0", "--units", "2", "--no-bias", "--html", "page.html"],
            "the case u2-d1-t6-b3-s0 defines its layer: leave out --units, --no-bias, --html, or the case",
        ),
        (["--units", "300"], "units must be 1 to 256, the most that is drawn; got 300"),
        (["--unit", "3"], "LSTM(3) has 3 units, 0 to 2; got unit 3"),
    ],
)
def test_command_refuses_what_does_not_fit(arguments: list[str], message: str) -> None:
    """Exit code 2, and one line."""
    result = invoke(*arguments)
    assert (result.exit_code, result.stderr) == (2, f"error: {message}\n")


# --- the page ------------------------------------------------------------------------------------------------------------------


def _settings(html: str) -> str:
    found = re.search(r'<script type="application/json" id="settings">(.*?)</script>', html, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def html() -> str:
    """The page of the default layer."""
    return page(Example())


def test_every_claim_has_its_stop() -> None:
    """And no stop is left of a claim that is gone."""
    assert set(PAGE_STATES) == {claim.id for claim in CLAIMS}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_page_lists_each_claim_with_its_verdict_and_link(claim: Claim, html: str) -> None:
    """The link leads to a section, in a state that the page has."""
    item = re.search(rf'<li id="claim-{claim.id}">(.*?)</li>', html, re.DOTALL)
    assert item
    assert f"</span>{claim.expected.value}</span>" in item[1]
    address = re.search(r'href="#(\w+)\?([^"]+)"', item[1])
    assert address
    assert address[1] in PLACES
    assert f'<section id="{address[1]}"' in html
    state = {name: values[0] for name, values in parse_qs(address[2].replace("&amp;", "&")).items()}
    assert state["claim"] == claim.id
    assert all(1 <= int(state[name]) <= largest for name, largest in LARGEST.items())


@pytest.mark.parametrize("stop", PAGE_STATES.values(), ids=PAGE_STATES)
def test_a_stop_looks_at_what_its_layer_has(stop: PageState) -> None:
    """Step, row, unit and what is read are within the sizes."""
    example, view = stop.example, stop.view
    limits = {"step": example.timesteps, "call": 3, "unit": example.units - 1, "row": example.batch - 1}
    assert all(int(view[name]) <= limit for name, limit in limits.items() if name in view)
    kind, index = re.fullmatch(r"([xh])(\d+)", str(view.get("source", "x0"))).groups()  # type: ignore[union-attr]
    assert int(index) < (example.input_dim if kind == "x" else example.units)
    assert set(view) <= {*limits, "gate", "source"}


@pytest.mark.parametrize(
    ("claim_id", "numbers"),
    [
        ("defaults-of-the-signature", lambda _: (f"Keras {origins.FIRST} to {origins.LAST}.",)),
        (
            "return-sequences-shapes",
            lambda layer: (layer.shapes["outputs"], replace(layer, return_sequences=False).shapes["outputs"]),
        ),
        ("input-dim-free", lambda layer: (f"{layer.input_dim} rows by 4 × {layer.units} columns",)),
        ("fewer-units-suffice", lambda layer: (f"{replace(layer, units=128).count:,}",)),
        ("input-times-matrix", lambda layer: (f"{layer.input_dim} by {layer.units}.", f"{layer.input_dim} by {4 * layer.units}.")),
        ("shapes-3-50", lambda layer: (layer.shapes["hidden state h, cell state c"], layer.shapes["outputs"])),
        ("last-step-feeds-dense", lambda layer: (f"{layer.units} × 2 + 2 = {layer.units * 2 + 2} weights",)),
        ("timesteps-free-count", lambda layer: (f"{layer.count} at {layer.timesteps} timesteps",)),
        ("two-units-double", lambda layer: (f"{layer.count}, not 24", f"which is {layer.count - 24} more")),
    ],
)
def test_a_stop_says_the_numbers_of_its_layer(claim_id: str, numbers: Callable[[Example], tuple[object, ...]]) -> None:
    """Those that are written out, too: they follow from its sizes, or from the claim's own."""
    stop = PAGE_STATES[claim_id]
    assert [number for number in numbers(stop.example) if str(number) not in stop.text] == []


def test_page_loads_nothing(html: str) -> None:
    """No address but those within the page, and its icon; the policy lets nothing else."""
    assert set(re.findall(r'(?:src|href|action|data)="([^#"][^"]*)"', html)) <= {"data:,"}
    assert "default-src &#39;none&#39;" in html
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", html)
