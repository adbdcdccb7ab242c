"""What a reader does with a page of `verify`: reads the verdicts, looks for cases, opens differences, copies commands, prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from conformance.cases.case import Case
from conformance.explaining.reproduce import reproduction
from conformance.tests.browser.opened import NARROW, WIDE, Look

CASE = "u3-d2-t5-b4-seq-mask_left-s0"
ALIKE = "u3-d2-t5-b4-seq-mask_interior-with_masked_inf-s0"
MOVED = "u3-d2-t5-b4-seq-s0"  # of an implementation whose gates are in another order

Open = Callable[..., Page]


@pytest.fixture
def open_report(file_of: Callable[[str], Path], open_page: Open) -> Open:
    """Opens the page of a run in which 14 of 89 cases fail; `fragment` is what follows `#`."""

    def enter(fragment: str = "", look: Look = WIDE) -> Page:
        return open_page(file_of("verify, a mistake"), look, fragment)

    return enter


def test_the_summary_comes_first(open_report: Open) -> None:
    """What ran, how it came out, by sign, word and number, and how far off the worst was."""
    header = open_report().locator("header")
    expect(header.get_by_role("heading", level=1)).to_have_text("Is it a Keras LSTM? lstm_ref with mask_ignored")
    expect(header).to_contain_text("14 cases are not as expected")
    expect(header.get_by_role("listitem")).to_have_text(["✓75 PASS", "✗14 FAIL"])
    expect(header).to_contain_text("89 of level features, seed 0")
    expect(header).to_contain_text("8 σ per element, 2 σ root mean square")


def test_verdicts_are_told_by_more_than_colour(open_report: Open) -> None:
    """A value of a behaviour has its verdict's sign beside its colour."""
    page = open_report()
    expect(page.locator(".chip", has_text="left")).to_have_text("left ✗ 4")
    expect(page.locator(".chip", has_text="saved_model")).to_have_text("saved_model ✓ 1")


def test_a_difference_opens_on_its_numbers_and_picture(open_report: Open) -> None:
    """Closed at first; then numbers, charts, errors by timestep and unit, gates, diagnosis and a command."""
    page = open_report()
    entry = page.locator(f"[id='{CASE}']")
    picture = entry.get_by_role("group", name="error in σ, outputs, row 3")
    expect(picture).to_be_hidden()
    entry.locator("summary").first.click()
    expect(picture.get_by_role("row")).to_have_count(4)
    expect(entry).to_contain_text("outputs[3, 3, 0] is 0.697651267, expected 0: off by 0.7")
    expect(entry).to_contain_text("matches the reference if every timestep is used, whatever the mask says (mask_ignored)")
    expect(entry.get_by_role("img")).to_have_count(3 + 4)
    expect(entry.get_by_role("img", name="gate o over timestep 0 to 4")).to_be_visible()
    expect(entry.locator("code")).to_have_text(f"lstm-conformance verify --case {CASE} --deviation mask_ignored")


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_difference_opens_by_the_keyboard(key: str, open_report: Open) -> None:
    """As it opens by the mouse."""
    page = open_report()
    page.locator(f"[id='{CASE}'] > summary").press(key)
    expect(page.get_by_role("group", name="error in σ, outputs, row 3").first).to_be_visible()


def test_words_narrow_the_results(open_report: Open) -> None:
    """All of them must be there; what is shown is counted, and the address says what was asked."""
    page = open_report()
    expect(page.get_by_role("search").get_by_role("status")).to_have_text("all 89")
    page.get_by_role("searchbox").fill("mask_left zeromask")
    expect(page.get_by_role("search").get_by_role("status")).to_have_text("1 of 89")
    expect(page.locator("details.entry:visible")).to_have_count(1)
    expect(page.locator("details.entry:visible .title").first).to_have_text("u3-d2-t5-b4-seq-zeromask-mask_left-s0")
    assert page.evaluate("location.hash") == "#?q=mask_left+zeromask"


def test_a_verdict_narrows_the_results(open_report: Open) -> None:
    """To those that came out so."""
    page = open_report()
    page.get_by_role("checkbox", name="FAIL").check()
    expect(page.get_by_role("search").get_by_role("status")).to_have_text("14 of 89")
    expect(page.locator("details.group:visible")).to_have_count(1)


def test_a_behaviour_narrows_the_results(open_report: Open) -> None:
    """To the cases that have it."""
    page = open_report()
    page.get_by_role("combobox").select_option("return state: False")
    expect(page.get_by_role("search").get_by_role("status")).to_have_text("5 of 89")


def test_a_filter_that_nothing_meets_says_so(open_report: Open) -> None:
    """And is taken away by one button, in the address too."""
    page = open_report()
    page.get_by_role("searchbox").fill("no such case")
    expect(page.get_by_text("Nothing here is as the filter asks.")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("search").get_by_role("status")).to_have_text("all 89")
    expect(page.get_by_text("Nothing here is as the filter asks.")).to_be_hidden()
    assert page.evaluate("location.hash") == ""


def test_an_address_brings_its_filter_back(open_report: Open) -> None:
    """As it was sent."""
    page = open_report("?q=masking&kind=FAIL")
    expect(page.get_by_role("search").get_by_role("status")).to_have_text("1 of 89")
    expect(page.get_by_role("searchbox")).to_have_value("masking")
    expect(page.get_by_role("checkbox", name="FAIL")).to_be_checked()


@pytest.mark.parametrize("look", [WIDE, NARROW], ids=str)
def test_a_deep_link_leads_to_its_difference(look: Look, open_report: Open) -> None:
    """Open, in sight, with the focus on it; the address stays."""
    page = open_report(CASE, look)
    summary = page.locator(f"[id='{CASE}'] > summary")
    expect(page.locator("details.entry[open]")).to_have_count(1)
    expect(summary).to_be_focused()
    expect(summary).to_be_in_viewport()
    assert page.evaluate("location.hash") == f"#{CASE}"


def test_a_deep_link_leads_into_a_group(open_report: Open) -> None:
    """To a case that is listed with others."""
    page = open_report("u3-d2-t5-b4-seq-in_float32-via_onnx-s0")
    expect(page.locator("[id='u3-d2-t5-b4-seq-in_float32-via_onnx-s0']")).to_be_in_viewport()


def test_each_difference_opens_though_many_are_alike(open_report: Open) -> None:
    """Those after the first lie in a group, where a link and a search find them."""
    page = open_report(ALIKE)
    entry = page.locator(f"details.group > .inside > [id='{ALIKE}']")
    expect(entry.locator("> summary")).to_be_focused()
    expect(entry).to_contain_text("matches the reference if every timestep is used, whatever the mask says (mask_ignored)")
    expect(entry.locator("code")).to_have_text(f"lstm-conformance verify --case {ALIKE} --deviation mask_ignored")
    page.get_by_role("searchbox").fill(ALIKE)
    expect(page.get_by_role("search").get_by_role("status")).to_have_text("1 of 89")
    expect(entry).to_be_visible()


def test_a_link_followed_in_the_page_opens_its_difference(open_report: Open) -> None:
    """Without loading the page again."""
    page = open_report()
    page.evaluate(f"location.hash = '{CASE}'")
    expect(page.locator(f"[id='{CASE}'] > summary")).to_be_focused()


def test_a_command_is_copied_whole(open_report: Open) -> None:
    """And the page says that it is, for those who hear it too."""
    page = open_report(CASE)
    page.locator(f"[id='{CASE}']").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()") == f"lstm-conformance verify --case {CASE} --deviation mask_ignored"


def test_paper_shows_what_was_closed(open_report: Open) -> None:
    """But of a group that is open, a line each; and no controls. On the screen all is as it was afterwards."""
    page = open_report()
    assert page.pdf().startswith(b"%PDF")
    expect(page.locator("details.entry[open]")).to_have_count(0)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("details.entry[open]")).to_have_count(4)
    page.emulate_media(media="print")
    expect(page.get_by_role("searchbox")).to_be_hidden()
    expect(page.get_by_role("button", name="Copy").first).to_be_hidden()
    page.evaluate("document.querySelector('details.group').open = true")
    expect(page.locator("details.group .entry > summary").first).to_be_visible()
    expect(page.locator("details.group .entry > .inside").first).to_be_hidden()


def test_a_script_is_copied_whole(file_of: Callable[[str], Path], open_page: Open) -> None:
    """Line for line what `reproduce` prints."""
    page = open_page(file_of("verify"), fragment=MOVED)
    page.locator(f"[id='{MOVED}']").get_by_role("button", name="Copy").last.click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()") == reproduction(Case.from_id(MOVED), "jax")


def test_environments_stand_side_by_side(file_of: Callable[[str], Path], open_page: Open) -> None:
    """A column each, and in it what came out."""
    page = open_page(file_of("verify, side by side"))
    names = [f"keras.layers.LSTM 3.15.1 jax ({number})" for number in (1, 2)]
    expect(page.get_by_role("columnheader").filter(has_text="jax")).to_have_text(names)
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="mask = left", exact=True))
    expect(row.get_by_role("cell")).to_have_text(["✗ 1", "✗ 1"])


def test_hostile_text_is_text(file_of: Callable[[str], Path], open_page: Open) -> None:
    """An element in a report's string is shown as it is written; none comes of it."""
    page = open_page(file_of("verify, hostile"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>alert(1)</script> {{ 7 * 7 }}")
    expect(page.locator("img")).to_have_count(0)
