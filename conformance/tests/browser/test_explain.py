"""The learner's page answers what is asked of it: what it shows of a layer is what the layer is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from conformance.explaining.walkthrough.example import Example, fragment
from conformance.explaining.walkthrough.page import PAGE_STATES, PageState
from conformance.explaining.walkthrough.values import trace_call, weights_of
from conformance.tests.browser.opened import NARROW

# A slider moved through values; how often the address was written meanwhile.
DRAWN = """(values) => {
  const [slider, write] = [document.querySelector("[data-of=units]"), history.replaceState];
  history.written = 0;
  history.replaceState = function (...parts) { history.written += 1; write.apply(this, parts); };
  for (const value of values) {
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  }
  return history.written;
}"""


@pytest.fixture
def show(explained: Page) -> Callable[..., Page]:
    """The page in the state of an example."""

    def shown(example: Example, place: str = "", **view: int | str) -> Page:
        explained.evaluate("address => { location.hash = ''; location.hash = address; }", f"{place}?{fragment(example, **view)}")
        expect(explained.locator("#size-units")).to_have_value(str(example.units))
        return explained

    return shown


@pytest.mark.parametrize("claim_id", PAGE_STATES)
def test_link_of_a_claim_leads_to_what_shows_it(claim_id: str, explained: Page) -> None:
    """The section says what is to be seen; the page shows that layer, with its number of weights."""
    state: PageState = PAGE_STATES[claim_id]
    explained.locator(f"#claim-{claim_id} a").click()
    said = explained.locator(f"#{state.place} #stop")
    expect(said).to_be_in_viewport()
    expect(said).to_contain_text(state.text)
    expect(explained.locator("#sum .total")).to_have_text(f"= {state.example.count:,} weights")
    expect(explained.locator(".code code")).to_have_text(state.example.constructor)
    expect(explained.locator(f"#{state.place}")).to_be_focused()


@pytest.mark.parametrize(
    ("units", "input_dim", "sum_"),
    [
        (10, 5, ["4 × ((x + h) × h + h)", "= 4 × ((5 + 10) × 10 + 10)", "= 4 × 160", "= 640 weights"]),
        (1, 1, ["4 × ((x + h) × h + h)", "= 4 × ((1 + 1) × 1 + 1)", "= 4 × 3", "= 12 weights"]),
        (128, 64, ["4 × ((x + h) × h + h)", "= 4 × ((64 + 128) × 128 + 128)", "= 4 × 24,704", "= 98,816 weights"]),
    ],
)
def test_sizes_that_are_typed_change_the_sum(units: int, input_dim: int, sum_: list[str], show: Callable[..., Page]) -> None:
    """Spelled out, with the numbers."""
    page = show(Example())
    page.locator("#size-units").fill(str(units))
    page.locator("#size-input_dim").fill(str(input_dim))
    expect(page.locator("#sum p")).to_have_text(sum_)


def test_slider_moves_by_keyboard_and_says_what_became_of_it(show: Callable[..., Page]) -> None:
    """The number beside it follows, the address too, and a screen reader hears the new layer."""
    page = show(Example())
    page.locator("[data-of=units]").press("ArrowRight")
    expect(page.locator("#size-units")).to_have_value("4")
    expect(page.locator("#page-said")).to_have_text("LSTM(4): 112 weights, inputs (2, 4, 2), outputs (2, 4)")
    expect(page).to_have_url(re.compile(r"\bunits=4\b"))


@pytest.mark.parametrize(
    ("example", "call", "first", "inputs", "leaves", "final"),
    [
        (Example(), 1, "h = c = 0", [1, 2, 3, 4], 1, "final h and c"),
        (Example(return_sequences=True), 2, "h = c = 0", [1, 2, 3, 4], 4, "final h and c"),
        (Example(go_backwards=True), 1, "h = c = 0", [4, 3, 2, 1], 1, "final h and c"),
        (Example(return_state=True), 1, "h = c = 0", [1, 2, 3, 4], 1, "final h and c: handed out"),
        (Example(stateful=True), 1, "h = c = 0", [1, 2, 3, 4], 1, "final h and c: kept for the next call"),
        (Example(stateful=True), 2, "h and c of call 1", [1, 2, 3, 4], 1, "final h and c: kept for the next call"),
        (Example(timesteps=150), 1, "h = c = 0", [1, 2, 3, 148, 149, 150], 1, "final h and c"),
    ],
)
def test_options_change_the_unrolled_picture(
    *, example: Example, call: int, first: str, inputs: list[int], leaves: int, final: str, show: Callable[..., Page]
) -> None:
    """What a call starts from, in which order it reads, what leaves it, and what becomes of its final state."""
    chain = show(example, call=call).locator("#chain")
    expect(chain.locator(".end .state")).to_have_text([first, final])
    expect(chain.locator(".step .input")).to_have_text([f"↑ x at timestep {step}" for step in inputs])
    expect(chain.locator(".leaves")).to_have_count(leaves)


@pytest.mark.parametrize(
    ("example", "call", "step", "row"),
    [
        (Example(), 1, 1, 0),
        (Example(units=5, timesteps=7, batch=3), 1, 7, 2),
        (Example(go_backwards=True, use_bias=False, seed=5), 1, 2, 1),
        (Example(stateful=True), 3, 4, 1),
    ],
)
def test_values_are_those_of_the_reference(example: Example, call: int, step: int, row: int, show: Callable[..., Page]) -> None:
    """Of every unit, as far as they are printed."""
    passed = trace_call(example, call)
    arrays = (*passed.gates, passed.before.cell, passed.after.cell, passed.after.hidden)
    shown = show(example, call=call, step=step, row=row).locator("#units-values td").all_text_contents()
    numbers = np.array([float(text.replace("−", "-")) for text in shown]).reshape(example.units, -1)
    assert numbers == pytest.approx(np.stack([array[row, step - 1] for array in arrays], axis=1), abs=0.5e-4 + 1e-9)


@pytest.mark.parametrize(
    ("example", "handed_out"),
    [
        (Example(), {"outputs": "(2, 3)"}),
        (Example(return_sequences=True), {"outputs": "(2, 4, 3)"}),
        (Example(units=5, batch=1, return_state=True), {"outputs": "(1, 5)", "final h": "(1, 5)", "final c": "(1, 5)"}),
    ],
)
def test_what_leaves_the_layer_has_its_shape(example: Example, handed_out: dict[str, str], show: Callable[..., Page]) -> None:
    """By name."""
    page = show(example)
    expect(page.locator("#flow .card.out h3")).to_have_text([*handed_out])
    expect(page.locator("#flow .card.out .shape")).to_have_text([*handed_out.values()])


def test_pointing_at_a_cell_names_the_weight(show: Callable[..., Page]) -> None:
    """Its place in Keras' arrays, its value, and what it joins; the unit below is that of its column."""
    page = show(Example(), place="weights")
    kernel = weights_of(Example()).recurrent_kernel
    # Cells of 30 pixels behind 20 of labels; the rows of h begin 5 below the two of x.
    page.locator("canvas[data-gate=f]").hover(position={"x": 20 + 30 * 2 + 15, "y": 2 * 30 + 5 + 30 + 15})
    value = f"{kernel[1, 5]:+.4f}".replace("-", "−")
    expect(page.locator("#weight")).to_have_text(
        f"recurrent_kernel[1, 5] = {value}: it joins what unit 1 said one step before to the forget gate of unit 2."
    )
    expect(page.locator("#values [data-shows=unit]")).to_have_text("2")
    expect(page.locator("#units-values .here")).to_contain_text("unit 2")


@pytest.mark.parametrize(("units", "input_dim", "others"), [(5, 5, []), (20, 28, ["It reads 38 more, which are not drawn."])])
def test_picture_of_a_unit_says_what_is_left_out(units: int, input_dim: int, others: list[str], show: Callable[..., Page]) -> None:
    """Of many numbers that a unit reads the first are drawn."""
    page = show(Example(units=units, input_dim=input_dim), place="weights")
    expect(page.locator("#wires p")).to_have_text(others)
    expect(page.locator("#wires text")).to_have_count(5 + 5 + 1 + 4)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ("Right", "kernel[0, 5] = "),
        ("Right Down", "recurrent_kernel[0, 5] = "),
        ("Right Down Down", "recurrent_kernel[1, 5] = "),
        ("Right Down Down Down Down", "bias[5] = "),
        ("Right Right Left Up", "kernel[0, 4] = "),
    ],
)
def test_arrow_keys_go_from_weight_to_weight(keys: str, named: str, show: Callable[..., Page]) -> None:
    """Right to the next unit, down to the next number that is read, from x to h to the bias, and no further; it is said aloud."""
    page = show(Example(units=2, input_dim=1), place="weights")
    _press(page.locator("canvas[data-gate=c]"), keys)
    expect(page.locator("#weight")).to_contain_text(named)
    expect(page.locator("#page-said")).to_contain_text(named)


def _press(canvas: Locator, keys: str) -> None:
    for key in keys.split():
        canvas.press(f"Arrow{key}")


@pytest.mark.parametrize("keys", ["Alt+ArrowDown", "Control+ArrowRight", "Meta+ArrowRight"])
def test_arrow_keys_with_another_key_are_the_browsers(keys: str, show: Callable[..., Page]) -> None:
    """Alt and an arrow go back to the page before."""
    page = show(Example(), place="weights")
    page.locator("canvas[data-gate=i]").press(keys)
    expect(page.locator("#weight")).to_contain_text("kernel[0, 0] = ")


@pytest.mark.parametrize(("typed", "settled"), [("300", "256"), ("0", "1"), ("", "3"), ("-3", "1")])
def test_a_number_that_is_none_does_not_stay(typed: str, settled: str, show: Callable[..., Page]) -> None:
    """Whoever leaves the field sees in it what the layer has: the nearest that there is, or what it was."""
    page = show(Example())
    field = page.locator("#size-units")
    field.press("Backspace")
    field.press_sequentially(typed)
    field.blur()
    expect(field).to_have_value(settled)
    expect(page.locator(".code code")).to_have_text(f"LSTM({settled})")


def test_the_button_back_shows_what_was_there_before(open_page: Callable[..., Page], file_of: Callable[[str], Path]) -> None:
    """From a claim to the layer on which the page opened, and forward to the claim's."""
    page = open_page(file_of("explain"))
    page.locator("#claim-two-units-double a").click()
    expect(page.locator(".code code")).to_have_text("LSTM(2)")
    page.go_back()
    expect(page.locator(".code code")).to_have_text("LSTM(3)")
    expect(page.locator("#stop")).to_be_hidden()
    page.go_forward()
    expect(page.locator(".code code")).to_have_text("LSTM(2)")


def test_link_of_a_claim_leads_there_again(explained: Page) -> None:
    """Though the address is that of the link already."""
    link = explained.locator("#claim-two-units-double a")
    link.click()
    expect(explained.locator("#weights #stop")).to_be_in_viewport()
    link.click()
    expect(explained.locator("#weights #stop")).to_be_in_viewport()


def test_a_slider_that_is_drawn_writes_its_address_once(show: Callable[..., Page]) -> None:
    """When it rests: a browser refuses hundreds of addresses in a row, and the page would stop."""
    page = show(Example())
    written = page.evaluate(DRAWN, list(range(4, 30)))
    expect(page).to_have_url(re.compile(r"\bunits=29\b"))
    assert written == 0
    assert page.evaluate("history.written") == 1


def test_steps_are_taken_by_buttons_that_end_where_the_call_does(show: Callable[..., Page]) -> None:
    """The step, its box in the picture and its values go together."""
    page = show(Example(), place="values", step=3)
    page.get_by_role("button", name="next step").click()
    expect(page.locator("#step")).to_have_text("Step 4 of 4, in call 1, row 0 of the batch. ")
    expect(page.locator("#chain [aria-pressed=true]")).to_have_attribute("data-k", "3")
    expect(page.get_by_role("button", name="next step")).to_be_disabled()


def test_narrow_screen_keeps_the_layer_in_sight(open_page: Callable[..., Page], file_of: Callable[[str], Path]) -> None:
    """While a slider moves, the count is to be seen."""
    page = open_page(file_of("explain"), NARROW)
    page.locator("[data-of=units]").press("ArrowRight")
    expect(page.locator("#brief")).to_be_in_viewport()
    expect(page.locator("#brief")).to_contain_text("LSTM(4): 112 weights")
