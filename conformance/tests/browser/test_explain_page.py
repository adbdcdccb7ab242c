"""The learner's page: what its controls change, what it computes, where a claim's link leads."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from conformance.claims import CLAIMS, Claim
from conformance.tests.browser.opened import NARROW, WIDE, Look
from conformance.walkthrough.example import Example, Given, fragment
from conformance.walkthrough.stops import STOPS
from conformance.walkthrough.values import walk

Open = Callable[..., Page]

# The steps of one call for one row of the batch, as the page's own script computes them: gates, then cell and hidden state.
COMPUTED = """(example) => equations.walk(example, example.row, example.call).map(({ gates, after }) =>
  [...equations.GATES.map((gate) => [...gates[gate]]), [...after.cell], [...after.hidden]])"""


@pytest.fixture
def open_example(file_of: Callable[[str], Path], open_page: Open) -> Open:
    """Opens the page of 3 units, 2 features, 4 timesteps and a batch of 2, or the state that `fragment` names."""

    def enter(fragment: str = "", look: Look = WIDE) -> Page:
        return open_page(file_of("explain"), look, fragment)

    return enter


@pytest.mark.parametrize(
    ("size", "count", "outputs"),
    [("units", 112, "(2, 4)"), ("input_dim", 84, "(2, 3)"), ("timesteps", 72, "(2, 3)"), ("batch", 72, "(3, 3)")],
)
def test_a_slider_moves_the_layer(size: str, count: int, outputs: str, open_example: Open) -> None:
    """One step by the arrow key: the sum, the picture, the field beside it and the address follow; not all sizes cost weights."""
    page = open_example()
    page.get_by_role("slider", name=f"{size}, as a slider").press("ArrowRight")
    expect(page.locator("#sum .total")).to_have_text(f"= {count} weights")
    expect(page.locator("#flow .card.out .shape")).to_have_text(outputs)
    moved = {name: str(usual + (name == size)) for name, usual in (("units", 3), ("input_dim", 2), ("timesteps", 4), ("batch", 2))}
    expect(page.get_by_role("spinbutton", name=size, exact=True)).to_have_value(moved[size])
    assert dict(parse_qsl(page.evaluate("location.hash").removeprefix("#?"))) == moved


def test_the_sum_is_spelled_out(open_example: Open) -> None:
    """In symbols, with the numbers, and as the total; without a bias it has a term less."""
    page = open_example()
    terms = ["4 × ((x + h) × h + h)", "= 4 × ((2 + 3) × 3 + 3)", "= 4 × 18", "= 72 weights"]
    expect(page.locator("#sum p")).to_have_text(terms)
    page.get_by_role("checkbox", name="use_bias").uncheck()
    expect(page.locator("#sum p")).to_have_text(["4 × (x + h) × h", "= 4 × (2 + 3) × 3", "= 4 × 15", "= 60 weights"])


def test_return_sequences_lets_every_output_out(open_example: Open) -> None:
    """The shape has timesteps, and each step says that its output leaves."""
    page = open_example()
    expect(page.locator("#chain .leaves")).to_have_count(1)
    page.get_by_role("checkbox", name="return_sequences").check()
    expect(page.locator("#flow .card.out .shape")).to_have_text("(2, 4, 3)")
    expect(page.locator("#chain .leaves")).to_have_count(4)
    expect(page.locator(".code code")).to_have_text("LSTM(3, return_sequences=True)")


def test_return_state_hands_out_both_states(open_example: Open) -> None:
    """Beside the outputs."""
    page = open_example()
    page.get_by_role("checkbox", name="return_state").check()
    expect(page.locator("#flow .card.out h3")).to_have_text(["outputs", "final h", "final c"])


def test_stateful_starts_where_the_call_before_ended(open_example: Open) -> None:
    """The second call; without it, from zeros."""
    page = open_example()
    page.get_by_label("Call", exact=True).select_option("2")
    expect(page.locator("#chain li").first).to_have_text("h = c = 0")
    page.get_by_role("checkbox", name="stateful").check()
    expect(page.locator("#chain li").first).to_have_text("h and c of call 1")
    expect(page.locator("#calls")).to_contain_text("call 2 starts where call 1 ended")


def test_go_backwards_reads_the_last_timestep_first(open_example: Open) -> None:
    """The first step reads the fourth."""
    page = open_example()
    page.get_by_role("checkbox", name="go_backwards").check()
    expect(page.locator("#chain .input").first).to_have_text("↑ x at timestep 4")


def test_a_weight_that_is_pointed_at_is_named(open_example: Open) -> None:
    """By what it joins, in which gate, with its value; the address waits until the pointer rests."""
    page = open_example()
    page.locator("canvas[data-gate=f]").hover(position={"x": 30, "y": 8})
    expect(page.locator("#weight")).to_have_text(re.compile(r"= [+−]\d\.\d{4}: it joins input 0 to the forget gate of unit 0\.$"))
    expect(page).to_have_url(re.compile("gate=f"))


def test_weights_are_walked_through_by_the_keyboard(open_example: Open) -> None:
    """From cell to cell with the arrow keys, and said aloud."""
    page = open_example()
    canvas = page.locator("canvas[data-gate=o]")
    canvas.focus()
    canvas.press("ArrowRight")
    canvas.press("ArrowDown")
    expect(page.locator("#weight")).to_contain_text("it joins input 1 to the output gate of unit 1.")
    expect(page.get_by_role("status").filter(has_text="it joins input 1 to the output gate of unit 1.")).to_be_attached()


def test_a_step_and_a_unit_are_chosen(open_example: Open) -> None:
    """The sums by hand are theirs; the focus stays on what was pressed."""
    page = open_example()
    page.get_by_role("button", name="next step →").click()
    expect(page.locator("#step")).to_contain_text("Step 2 of 4")
    unit = page.get_by_role("button", name="unit 2", exact=True)
    unit.press("Enter")
    expect(unit).to_be_focused()
    expect(page.get_by_role("heading", name="Unit 2, by hand")).to_be_visible()


def test_what_cannot_be_is_not_taken(open_example: Open) -> None:
    """A size beyond the slider's, and none, leave the layer as it was; an address is brought within the limits."""
    page = open_example()
    page.get_by_role("spinbutton", name="units", exact=True).fill("1000")
    expect(page.locator("#sum .total")).to_have_text("= 72 weights")
    page.evaluate("location.hash = '?units=1000&input_dim=x&timesteps=-3&gate=q&source=h9999'")
    expect(page.get_by_role("spinbutton", name="units", exact=True)).to_have_value("256")
    expect(page.get_by_role("spinbutton", name="input_dim", exact=True)).to_have_value("2")
    expect(page.get_by_role("spinbutton", name="timesteps", exact=True)).to_have_value("1")


@pytest.mark.parametrize(
    ("example", "call", "row"),
    [
        (Example(), 1, 1),
        (Example(units=1, input_dim=1, timesteps=1, batch=1), 1, 0),
        (Example(units=16, input_dim=5, timesteps=30, seed=7), 1, 0),
        (Example(stateful=True, go_backwards=True, use_bias=False), 3, 1),
        (Example(given=Given.MASKED), 1, 0),
        (Example(given=Given.FIRST), 1, 0),
    ],
    ids=["plain", "one-unit", "long", "third-call-backwards-without-bias", "masked", "zeros"],
)
def test_the_browser_computes_what_the_reference_computes(example: Example, call: int, row: int, open_example: Open) -> None:
    """Gates and states of every step, to rounding: both are float64, and add in another order."""
    page = open_example()
    computed = np.array(page.evaluate(COMPUTED, {**vars(example), "call": call, "row": row}))
    passed = walk(example, call)
    gates = [gate[row] for gate in passed.gates]
    expected = np.stack([*gates, passed.after.cell[row], passed.after.hidden[row]], axis=1)
    np.testing.assert_allclose(computed, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("step", [1, 3])
def test_the_table_shows_what_the_reference_computes(step: int, open_example: Open) -> None:
    """Row for row what each unit's gates and states are, to four decimals."""
    example = Example(stateful=True)
    page = open_example(f"values?{fragment(example, call=2, step=step, row=1)}")
    expect(page.locator("#step")).to_contain_text(f"Step {step} of 4, in call 2, row 1 of the batch.")
    shown = [[float(text.replace("−", "-")) for text in row.locator("td").all_inner_texts()] for row in page.locator("#units-values tr").all()]
    passed, at = walk(example, 2), (1, step - 1)
    gates = [gate[at] for gate in passed.gates]
    expected = np.stack([*gates, passed.before.cell[at], passed.after.cell[at], passed.after.hidden[at]], axis=1)
    np.testing.assert_allclose(shown, expected, rtol=0, atol=5.1e-5)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_leads_to_the_state_that_shows_it(claim: Claim, open_example: Open) -> None:
    """Its layer, with its number of weights, at its place, and what there is to see."""
    page, stop = open_example(), STOPS[claim.id]
    page.get_by_role("link", name=claim.statement, exact=True).click()
    expect(page.locator("#sum .total")).to_have_text(f"= {stop.example.count:,} weights")
    expect(page.locator("#stop")).to_contain_text(stop.says)
    expect(page.locator(f"#{stop.place}")).to_be_in_viewport()
    expect(page.locator(".code code")).to_have_text(stop.example.constructor)


def test_a_narrow_page_has_its_controls_in_reach(open_example: Open) -> None:
    """Every one can be pressed on a phone."""
    page = open_example(look=NARROW)
    page.get_by_role("checkbox", name="stateful").check()
    page.get_by_role("slider", name="units, as a slider").fill("2")
    expect(page.locator("#sum .total")).to_have_text("= 40 weights")
