"""Every claim has its expected verdict; claims, findings and their output are well-formed."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from conformance.claims import CLAIMS, Claim, ClaimResult, plot_accuracy, run_claims
from conformance.claims.capacity import Training
from conformance.claims.judging import above, at_most, equal, judge, judge_under, note
from conformance.claims.measure import gap, random_inputs, random_weights, rounding_limit
from conformance.claims.model import ClaimVerdict, Evidence, Finding, Side, plain
from conformance.claims.text import as_json, format_value, render
from conformance.report.files import FileWriteError
from conformance.tests.support.readme import claim_rows

IDS = (
    "units-are-output-size",
    "states-have-size-units",
    "one-block-of-width-units",
    "scalars-at-one-unit",
    "input-dim-free",
    "independent-copies",
    "output-is-N-steps",
    "return-sequences-shapes",
    "manual-lagging",
    "zero-pad-after-first-step",
    "stateful-carries",
    "defaults-of-the-signature",
    "latent-dim",
    "num-units-is-hidden-size",
    "num-units-is-capacity",
    "shapes-3-50",
    "elementwise-tanh",
    "input-times-matrix",
    "cells-equal-window",
    "initial-state-zero",
    "fewer-units-suffice",
    "timesteps-equal-neurons",
    "each-unit-sees-all-features",
    "last-step-feeds-dense",
    "timesteps-free-count",
    "summary-table",
    "colah-consistent",
    "twelve-parameters",
    "second-feature-adds-four",
    "two-units-double",
    "count-formula",
    "no-paper",
)

YES, NO, SILENT = equal("a", 1, 1), equal("b", 1, 2), note("c", 3)


def claim(run: object = None) -> Claim:
    """A claim with the given experiment."""
    return Claim(id="a-claim", documents=("D0", "D2"), statement="One is one.", expected=ClaimVerdict.HOLDS, run=run)  # type: ignore[arg-type]  # no run is needed to look at it


def raising() -> Finding:
    """A claim's run that ends in an error."""
    raise ZeroDivisionError("no layer here")


def printed(result: ClaimResult) -> str:
    """The output of `render` to a pipe."""
    stream = io.StringIO()
    render(result, Console(file=stream, width=40))
    return stream.getvalue()


def test_the_claims_are_the_documents_statements() -> None:
    """Every statement is a claim, document by document, and no other is."""
    assert tuple(claim.id for claim in CLAIMS) == IDS


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_has_its_expected_verdict(claim: Claim) -> None:
    """The verdict that real Keras gives is the expected one, with evidence that JSON can hold."""
    (result,) = run_claims([claim])
    assert result.error == ""
    assert result.as_expected
    assert as_json(result)["evidence"]
    assert json.loads(json.dumps(as_json(result), allow_nan=False))["outcome"] == claim.expected.value
    assert [row for row in claim_rows() if row.claim == claim.id and not row.agrees_with(printed(result))] == []


def test_the_readme_shows_some_claims() -> None:
    """Those that it shows exist, so that the test above has compared each."""
    assert {row.claim for row in claim_rows()} <= set(IDS)
    assert len(claim_rows()) >= 6


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_says_where_it_comes_from(claim: Claim) -> None:
    """Documents are D0 to D3, the statement is one sentence, the source is the file that holds the experiment."""
    assert set(claim.documents) <= {"D0", "D1", "D2", "D3"}
    assert re.fullmatch(r"[^\n]+[^.]\.", claim.statement)
    assert f"def {claim.run.__name__}(" in (Path(__file__).parents[3] / claim.source).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [((YES, SILENT), ClaimVerdict.HOLDS), ((YES, NO), ClaimVerdict.FAILS), ((SILENT,), ClaimVerdict.FAILS)],
    ids=["all agree", "one disagrees", "nothing stated"],
)
def test_an_unconditional_verdict_needs_all_evidence(evidence: tuple[Evidence, ...], verdict: ClaimVerdict) -> None:
    """A statement holds if all that it states is borne out, and never by silence."""
    assert judge(*evidence).verdict is verdict


@pytest.mark.parametrize(
    ("when", "otherwise", "verdict"),
    [
        ([YES], [NO], ClaimVerdict.HOLDS_ONLY_WHEN),
        ([YES], [YES], ClaimVerdict.HOLDS),
        ([NO], [NO], ClaimVerdict.FAILS),
        ([YES], [NO, YES], ClaimVerdict.FAILS),
    ],
    ids=["condition separates", "holds anyway", "fails under it too", "not the right condition"],
)
def test_a_condition_is_judged_by_both_sides(when: list[Evidence], otherwise: list[Evidence], verdict: ClaimVerdict) -> None:
    """A condition is named only where it separates agreement from disagreement."""
    finding = judge_under("a condition", when=when, otherwise=otherwise)
    assert (finding.verdict, bool(finding.condition)) == (verdict, verdict is ClaimVerdict.HOLDS_ONLY_WHEN)
    assert [item.side for item in finding.evidence] == [Side.WHEN] * len(when) + [Side.OTHERWISE] * len(otherwise)


@pytest.mark.parametrize(
    ("special", "condition"), [([YES], "a special case"), ([NO], ""), ([], "")], ids=["agrees", "disagrees", "unmeasured"]
)
def test_an_exception_is_named_only_if_measured(special: list[Evidence], condition: str) -> None:
    """A failing statement names the special case in which it would hold only where that was seen."""
    assert judge(NO, exception="a special case", under_exception=special).condition == condition


@pytest.mark.parametrize("relation", [at_most, above], ids=["at_most", "above"])
def test_nan_agrees_with_nothing(relation: object) -> None:
    """A measurement that is no number bears no statement out."""
    assert relation("a number", float("nan"), 1).agrees is False  # type: ignore[operator]  # parametrized over functions of several signatures


def test_values_become_what_json_can_hold() -> None:
    """NumPy's scalars and arrays, tuples, and what only has a text form all become plain values."""
    value = plain({1: np.float32(0.5), "shape": (np.int64(2), [3]), "array": np.arange(2), "none": None})
    assert value == {"1": 0.5, "shape": (2, (3,)), "array": (0, 1), "none": "None"}


def test_arrays_of_two_shapes_have_no_gap() -> None:
    """A difference that would broadcast is refused."""
    with pytest.raises(ValueError, match="no element-by-element difference"):
        gap(np.zeros((2, 3)), np.zeros(3))


def test_the_rounding_limit_is_that_of_float32() -> None:
    """Two runs may differ by more than one rounding, and by far less than any effect that a claim looks for."""
    assert 2.0**-24 < rounding_limit(random_weights(4, 5), random_inputs(2, 6, 5)) < 1e-5


def test_an_error_is_a_result() -> None:
    """A claim that raises has an error with type and message as its result, and the run goes on."""
    first, second = run_claims([claim(raising), claim(lambda: judge(YES))])
    assert (first.outcome, first.error, first.as_expected) == ("error", "ZeroDivisionError: no layer here", False)
    assert (second.outcome, second.as_expected) == ("holds", True)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Evidence(label="", measured=1), "needs a label"),
        (lambda: Evidence(label="a", measured=1, agrees=True), "has a relation"),
        (lambda: Finding(verdict=ClaimVerdict.HOLDS, evidence=()), "needs evidence"),
        (lambda: Finding(verdict=ClaimVerdict.HOLDS_ONLY_WHEN, evidence=(YES,)), "needs its condition"),
        (lambda: ClaimResult(claim=claim(), finding=None, error="", seconds=0), "exactly one"),
    ],
    ids=["no label", "no relation", "no evidence", "no condition", "neither finding nor error"],
)
def test_half_said_values_are_refused(build: object, message: str) -> None:
    """Evidence, findings and results are validated at birth."""
    with pytest.raises(ValueError, match=message):
        build()  # type: ignore[operator]  # parametrized over constructors


def test_a_claim_result_prints_as_whole_lines() -> None:
    """A pipe gets verdict, tags, statement, measured and stated values and the condition, unwrapped and without escapes."""
    finding = judge_under("it is", when=[at_most("a [number]", 1e-9, 2.5e-7)], otherwise=[NO])
    text = printed(ClaimResult(claim=claim(), finding=finding, error="", seconds=0.25))
    assert text == (
        "HOLDS ONLY WHEN  a-claim  [D0, D2]  0.2 s  expected: holds\n"
        "  statement: One is one.\n"
        "  under the condition:\n"
        "    a [number]: 1.00e-09  (stated: ≤ 2.50e-07)  agrees\n"
        "  outside the condition:\n"
        "    b: 1  (stated: = 2)  disagrees\n"
        "  holds only when: it is\n"
    )


def test_an_error_is_printed() -> None:
    """An error prints in the finding's place."""
    assert "ERROR  a-claim" in printed(ClaimResult(claim=claim(), finding=None, error="TypeError: no", seconds=0))
    assert "TypeError: no" in printed(ClaimResult(claim=claim(), finding=None, error="TypeError: no", seconds=0))


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (0.25, "0.25"), (0.0, "0"), (3.2e-9, "3.20e-09"), ((1, ("a",)), "(1, (a))"), ({"f": 3, "i": 3}, "f 3, i 3")],
    ids=str,
)
def test_values_print_on_one_line(value: object, text: str) -> None:
    """Each kind of value has one short form."""
    assert format_value(value) == text  # type: ignore[arg-type]  # parametrized over values of several types


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml")], ids=[".png", ".svg"])
def test_accuracy_is_plotted_over_units(tmp_path: Path, suffix: str, start: bytes) -> None:
    """The finding of fewer-units-suffice becomes a picture of the asked format."""
    trainings = [Training(units=units, parameters=100 * units, accuracies=(0.8, 0.95)) for units in (4, 8, 16)]
    path = tmp_path / f"accuracy{suffix}"
    plot_accuracy(judge(YES, *(training.evidence() for training in trainings)), path)
    assert path.read_bytes().startswith(start)


def test_plot_that_cannot_be_written_is_refused_by_its_own_name(tmp_path: Path) -> None:
    """Not by that of the file which it would have been renamed from."""
    training = Training(units=4, parameters=100, accuracies=(0.8, 0.95))
    (tmp_path / "taken").touch()
    with pytest.raises(FileWriteError, match=r"taken/accuracy\.png could not be written: .*: name another path"):
        plot_accuracy(judge(YES, training.evidence()), tmp_path / "taken" / "accuracy.png")


def test_only_accuracies_are_plotted(tmp_path: Path) -> None:
    """Another claim's finding is refused."""
    with pytest.raises(ValueError, match="no accuracies to plot"):
        plot_accuracy(judge(YES), tmp_path / "accuracy.png")
