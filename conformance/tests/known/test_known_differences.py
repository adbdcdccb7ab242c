"""Known differences: what is excused, what is not, what counts as fixed, and which entries are refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from conformance.environments import DESCRIBED_BY
from conformance.judging.verdict import CheckResult, Result, Verdict
from conformance.known.known_differences import (
    Kind,
    KnownDifference,
    KnownError,
    classify,
    condition_values,
    expected_deviations,
    known_differences,
    mark_fixed,
)
from lstm_ref import LSTMError

ENVIRONMENT = {"keras": "3.15.1", "backend": "torch"}
MASKED = "u2-d1-t3-b1-mask_left-s0"
PLAIN = "u2-d1-t3-b1-s0"

WRONG = KnownDifference(
    id="masks-ignored",
    kind=Kind.WRONG_RESULT,
    summary="a mask is ignored",
    reason="Nobody looks at it.",
    backends=("torch", "jax"),
    first=Version("3.14"),
    last=Version("3.15.1"),
    seen="2026-11-21",
    when=({"mask": ["left", "right"]}, {"probe": ["probe-dropout-*-s0"]}),
    checks=("outputs", "hidden_state"),
    explained_by=("mask_ignored",),
    evidence=MASKED,
)
NO_MASK = KnownError(type="ValueError", words=("no mask of", "timesteps can be read"))
CRASH = replace(WRONG, id="masks-crash", kind=Kind.CRASH, checks=(), explained_by=(), errors=(NO_MASK,))

# What an array is that is far off.
OFF: dict[str, Any] = {"worst": 1e6, "rms": 1e5, "size": 6, "largest": 0.1}


def result(verdict: Verdict, *failed: str, case_id: str = MASKED, reason: str = "", **measured: Any) -> Result:
    """A case's result: these checks fail, another passes; of a failing case, a mask that is ignored explains it."""
    checks = [CheckResult(check=name, verdict=Verdict.FAIL, **OFF | measured) for name in failed]
    return Result(
        case_id=case_id,
        group="via call",
        verdict=verdict,
        checks=(*checks, CheckResult(check="shapes", verdict=Verdict.PASS)),
        explained_by=("mask_ignored",) if failed else (),
        reason=reason,
    )


def unexplained(*failed: str, case_id: str = MASKED, **measured: Any) -> Result:
    """A case that fails these checks by so much, and that no deviation explains."""
    return replace(result(Verdict.FAIL, *failed, case_id=case_id, **measured), explained_by=())


WRONG_OUTPUTS = result(Verdict.FAIL, "outputs")
RAISED = result(Verdict.ERROR, reason="ValueError: no mask of 3 timesteps can be read")


# --- what is excused


@pytest.mark.parametrize("failed", [("outputs",), ("hidden_state",), ("outputs", "hidden_state")])
def test_a_difference_that_an_entry_records_is_known(failed: tuple[str, ...]) -> None:
    """Any of its checks may fail; the result says which entry, and what it says."""
    known = classify(result(Verdict.FAIL, *failed), ENVIRONMENT, [WRONG])
    assert (known.verdict, known.known, known.reason) == (
        Verdict.KNOWN_DIFFERENCE,
        "masks-ignored",
        "masks-ignored: a mask is ignored",
    )
    assert known.checks == result(Verdict.FAIL, *failed).checks


def test_an_exception_that_an_entry_records_is_known() -> None:
    """Its type is the entry's, and its message holds the entry's words."""
    known = classify(RAISED, ENVIRONMENT, [CRASH])
    assert (known.verdict, known.known) == (Verdict.KNOWN_DIFFERENCE, "masks-crash")


@pytest.mark.parametrize(
    "failed", [("outputs", "cell_state"), ("cell_state",), ("shapes",)], ids=["one more", "another", "none of numbers"]
)
def test_another_check_that_fails_stays_a_failure(failed: tuple[str, ...]) -> None:
    """A known difference hides no unknown one."""
    differing = result(Verdict.FAIL, *failed)
    assert classify(differing, ENVIRONMENT, [WRONG]) == differing


@pytest.mark.parametrize(
    ("explained_by", "verdict"),
    [
        (("mask_ignored",), Verdict.KNOWN_DIFFERENCE),
        (("mask_inverted", "mask_ignored"), Verdict.KNOWN_DIFFERENCE),
        (("hard_sigmoid_keras2+mask_ignored",), Verdict.KNOWN_DIFFERENCE),
        (("mask_inverted",), Verdict.FAIL),
        ((), Verdict.FAIL),
    ],
)
def test_only_what_the_named_deviation_explains_is_known(explained_by: tuple[str, ...], verdict: Verdict) -> None:
    """Another wrong answer in the same checks is none of the entry's."""
    assert classify(replace(WRONG_OUTPUTS, explained_by=explained_by), ENVIRONMENT, [WRONG]).verdict is verdict


BOUNDED = replace(WRONG, explained_by=())


@pytest.mark.parametrize(("largest", "verdict"), [(1e-7, Verdict.KNOWN_DIFFERENCE), (2e-6, Verdict.FAIL), (math.inf, Verdict.FAIL)])
def test_what_is_off_by_more_than_an_entry_says_is_not_known(largest: float, verdict: Verdict) -> None:
    """An imprecision excuses no wrong result."""
    off = unexplained("outputs", largest=largest)
    assert classify(off, ENVIRONMENT, [replace(BOUNDED, within=1e-6)]).verdict is verdict


@pytest.mark.parametrize(
    ("worst", "rms", "verdict"),
    [
        (7.9 * 2**29, 1.9 * 2**29, Verdict.KNOWN_DIFFERENCE),
        (8.1 * 2**29, 1.9 * 2**29, Verdict.FAIL),
        (7.9 * 2**29, 2.1 * 2**29, Verdict.FAIL),
        (math.inf, math.inf, Verdict.FAIL),
    ],
)
def test_what_a_lower_precision_explains_is_known_and_no_more(worst: float, rms: float, verdict: Verdict) -> None:
    """The limits are those of float32, whose unit roundoff is 2²⁹ times that of float64."""
    case_id = "u2-d1-t3-b1-mask_left-p_float64-s0"
    off = unexplained("outputs", case_id=case_id, worst=worst, rms=rms)
    assert classify(off, ENVIRONMENT, [replace(BOUNDED, computed_in="float32")]).verdict is verdict


def test_a_lower_precision_is_lower_than_the_backends_own() -> None:
    """JAX computes float64 in float32 by convention: there float32 explains no more than passes."""
    off = unexplained("outputs", case_id="u2-d1-t3-b1-mask_left-p_float64-s0", worst=9.0, rms=1.0)
    entry = replace(BOUNDED, computed_in="float32")
    assert classify(off, {"keras": "3.15.1", "backend": "jax"}, [entry]).verdict is Verdict.FAIL
    assert classify(off, {"keras": "3.15.1", "backend": "torch"}, [entry]).verdict is Verdict.KNOWN_DIFFERENCE


@pytest.mark.parametrize(("not_finite", "verdict"), [(True, Verdict.KNOWN_DIFFERENCE), (False, Verdict.FAIL)])
def test_an_entry_of_what_is_not_finite_excuses_no_finite_number(not_finite: bool, verdict: Verdict) -> None:
    """What is off where both are finite is off otherwise."""
    off = unexplained("outputs", not_finite=not_finite, largest=math.inf)
    assert classify(off, ENVIRONMENT, [replace(BOUNDED, not_finite=True)]).verdict is verdict


@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        ("the shape of what the call returned is (3, 1, 2), expected (3, 3, 2)", Verdict.KNOWN_DIFFERENCE),
        ("the shape of what the call returned is (3, 2, 2), expected (3, 3, 2)", Verdict.FAIL),
        ("", Verdict.FAIL),
    ],
)
def test_facts_are_held_by_their_message(message: str, verdict: Verdict) -> None:
    """They have no size."""
    entry = replace(BOUNDED, checks=("shapes",), messages={"shapes": ["the shape of what the call returned is (3, 1, "]})
    off = unexplained("shapes", worst=None, rms=None, message=message)
    assert classify(off, ENVIRONMENT, [entry]).verdict is verdict


def test_the_size_of_an_error_is_left_open_only_where_an_entry_says_why() -> None:
    """Facts have no size: they need their message all the same."""
    entry = replace(BOUNDED, unheld="nobody knows what it computes")
    assert classify(unexplained("outputs", largest=math.inf), ENVIRONMENT, [entry]).verdict is Verdict.KNOWN_DIFFERENCE
    assert classify(unexplained("outputs", worst=None, rms=None), ENVIRONMENT, [entry]).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "reason",
    [
        "ValueError: no mask of several time steps",
        "ValueError: timesteps can be read, but no mask of them",
        "KeyError: no mask of 3 timesteps can be read",
        "MaskValueError: no mask of 3 timesteps can be read",
        "ValueError: no such thing Arguments received by LSTM.call(): • mask=no mask of 3 timesteps can be read",
        "no mask of 3 timesteps can be read",
        "could not be judged: ValueError: no mask of 3 timesteps can be read",
        "ValueError: no mask of 3 timesteps can be read: [Errno 28] No space left on device",
        "KeyError: 'mask'",
        "",
    ],
)
def test_another_exception_stays_an_error(reason: str) -> None:
    """Another type, other words, in another order, of the arguments only, or a fault of infrastructure."""
    raised = result(Verdict.ERROR, reason=reason)
    assert classify(raised, ENVIRONMENT, [CRASH]) == raised


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [
        ("the worker process died (exit code -8, SIGFPE) while it ran this case", Verdict.KNOWN_DIFFERENCE),
        ("WorkerError: the process died (exit code -8; Fatal Python error) while it answered", Verdict.KNOWN_DIFFERENCE),
        ("the worker process died (exit code -9, SIGKILL) while it ran this case", Verdict.ERROR),
        ("the worker process died (exit code -11, SIGSEGV) while it ran this case", Verdict.ERROR),
        ("the worker process died (exit code 1) while it ran this case", Verdict.ERROR),
        ("no answer within 60 s: the process was ended", Verdict.ERROR),
        ("FloatingPointError: SIGFPE", Verdict.ERROR),
    ],
)
def test_the_end_of_a_process_is_known_by_its_signal(reason: str, verdict: Verdict) -> None:
    """Only where an entry says so; what ends it from outside is never Keras'."""
    assert (
        classify(result(Verdict.ERROR, reason=reason), ENVIRONMENT, [replace(CRASH, errors=(), ends="SIGFPE")]).verdict is verdict
    )
    assert classify(result(Verdict.ERROR, reason=reason), ENVIRONMENT, [CRASH]).verdict is Verdict.ERROR


def test_what_is_expected_of_a_case_is_tried_alone_and_together() -> None:
    """A case may show several entries at once, on top of what its system is described by."""
    case_id = "u1-d1-t1-b1-stateful-mask_all-by_masking-init-staticbatch-via_stateless_call-s0"
    environment = {"keras": "3.15.1", "backend": "numpy"}
    ignored = ("mask_ignored", "mask_ignored_with_initial_state")
    expected = {"state_not_carried", *ignored, *(f"{name}+state_not_carried" for name in ignored)}
    assert set(expected_deviations(case_id, environment)) == expected
    described = expected_deviations(case_id, environment | {DESCRIBED_BY: "hard_sigmoid_keras2"})
    assert set(described) == {f"hard_sigmoid_keras2+{name}" for name in expected}
    assert expected_deviations(PLAIN, environment) == []


@pytest.mark.parametrize(
    ("differing", "entry"), [(RAISED, WRONG), (WRONG_OUTPUTS, CRASH)], ids=["raises where wrong", "wrong where it raises"]
)
def test_a_difference_of_another_sort_is_not_known(differing: Result, entry: KnownDifference) -> None:
    """An exception is no wrong result, and no wrong result an exception."""
    assert classify(differing, ENVIRONMENT, [entry]) == differing


@pytest.mark.parametrize("case_id", [PLAIN, "u2-d1-t3-b1-mask_interior-s0", "probe-orthogonal-float16-u3-s0"])
def test_what_an_entry_does_not_cover_is_not_known(case_id: str) -> None:
    """Another value of its feature, or another probe."""
    differing = replace(WRONG_OUTPUTS, case_id=case_id)
    assert classify(differing, ENVIRONMENT, [WRONG]) == differing


@pytest.mark.parametrize(
    "environment",
    [
        {"keras": "3.15.1", "backend": "tensorflow"},
        {"keras": "3.15.1"},
        {"keras": "3.13.9", "backend": "torch"},
        {"keras": "3.15.2", "backend": "torch"},
        {"keras": "3.16.0", "backend": "torch"},
        {"keras": "3.14.0rc0", "backend": "torch"},
        {"backend": "torch"},
    ],
    ids=lambda environment: "-".join(environment.values()),
)
def test_another_backend_or_version_is_not_excused(environment: dict[str, str]) -> None:
    """An implementation that is no Keras has no known differences at all."""
    assert classify(WRONG_OUTPUTS, environment, [WRONG]) == WRONG_OUTPUTS
    assert classify(result(Verdict.PASS), environment, [WRONG]) == result(Verdict.PASS)


@pytest.mark.parametrize("keras", ["3.14", "3.14.0", "3.15.0", "3.15.1"])
def test_both_ends_of_the_version_range_are_included(keras: str) -> None:
    """And what lies between."""
    assert classify(WRONG_OUTPUTS, {"keras": keras, "backend": "jax"}, [WRONG]).verdict is Verdict.KNOWN_DIFFERENCE


@pytest.mark.parametrize(
    ("case_id", "covered"),
    [
        ("probe-dropout-masks-input-s0", True),
        ("probe-dropout-rate-one-impl2-s0", True),
        ("probe-dropout-masks-input-s1", False),
        ("probe-recurrent-dropout-rate-one-s0", False),
        ("u2-d1-t3-b1-drop_input-eager-s0", False),
    ],
)
def test_probes_are_covered_by_pattern(case_id: str, covered: bool) -> None:
    """A pattern matches whole ids of probes, and no case."""
    assert WRONG.covers(condition_values(case_id), "torch", Version("3.15.1")) is covered


@pytest.mark.parametrize(("backend", "covered"), [("torch", True), ("jax", False)])
def test_a_condition_may_ask_for_a_backend(backend: str, covered: bool) -> None:
    """One of several conditions can hold on fewer backends than the entry."""
    narrow = replace(WRONG, when=({"backend": ["torch"], "mask": ["left"]},))
    assert narrow.covers(condition_values(MASKED), backend, Version("3.15.1")) is covered


@pytest.mark.parametrize(
    ("case_id", "covered"),
    [
        ("u2-d1-t3-b1-mask_left-init-s0", True),
        ("u1-d1-t3-b1-mask_left-init-s0", False),
        ("u2-d1-t3-b1-mask_left-s0", False),
        ("u2-d1-t3-b1-init-s0", False),
    ],
)
def test_all_parts_of_a_condition_must_hold(case_id: str, covered: bool) -> None:
    """Sizes are conditions as features are."""
    narrow = replace(WRONG, when=({"mask": ["left"], "initial_state": [True], "units": [2, 3]},))
    assert narrow.covers(condition_values(case_id), "torch", Version("3.15.1")) is covered


def test_the_entry_that_explains_is_named_though_another_covers() -> None:
    """Each of several is tried."""
    assert classify(WRONG_OUTPUTS, ENVIRONMENT, [CRASH, WRONG]).known == "masks-ignored"
    assert classify(RAISED, ENVIRONMENT, [WRONG, CRASH]).known == "masks-crash"


def test_a_case_that_is_unsupported_stays_so() -> None:
    """It has shown nothing, neither a difference nor its absence."""
    unsupported = result(Verdict.UNSUPPORTED, reason="no such thing")
    assert classify(unsupported, ENVIRONMENT, [WRONG]) == unsupported


# --- what is fixed


def test_a_covered_case_that_passes_is_fixed() -> None:
    """It is red and says which entries to close."""
    fixed = classify(result(Verdict.PASS), ENVIRONMENT, [WRONG, CRASH])
    assert fixed.verdict is Verdict.FIXED
    assert fixed.reason == "masks-ignored, masks-crash: no difference any more; close the version range of this entry"
    assert not fixed.verdict.is_expected


def test_a_case_that_passes_and_is_not_covered_passes() -> None:
    """As most do."""
    passing = result(Verdict.PASS, case_id=PLAIN)
    assert classify(passing, ENVIRONMENT, [WRONG, CRASH]) == passing


def test_a_case_that_differs_only_sometimes_may_pass() -> None:
    """Its difference is known all the same."""
    sometimes = replace(WRONG, sometimes="zeros look alike")
    assert classify(result(Verdict.PASS), ENVIRONMENT, [sometimes]) == result(Verdict.PASS)
    assert classify(WRONG_OUTPUTS, ENVIRONMENT, [sometimes]).verdict is Verdict.KNOWN_DIFFERENCE


# An entry of the file with `sometimes`, its evidence and other cases that it covers.
SOMETIMES = next(entry for entry in known_differences() if entry.id == "trainer-casts-float64-to-float32")
COVERED = SOMETIMES.evidence
ALSO_COVERED = [f"u3-d1-t3-b{batch}-p_float64-via_predict_on_batch-s0" for batch in range(1, SOMETIMES.many + 1)]
TENSORFLOW = {"keras": "3.15.1", "backend": "tensorflow"}


def passes(*case_ids: str) -> list[Result]:
    """Results of cases that pass."""
    return [result(Verdict.PASS, case_id=case_id) for case_id in case_ids]


@pytest.mark.parametrize(
    "covered", [[COVERED], [COVERED, ALSO_COVERED[0]], ALSO_COVERED], ids=["evidence", "evidence and one", "many"]
)
def test_an_entry_that_no_case_of_a_run_shows_is_fixed(covered: list[str]) -> None:
    """Every case that it covers and that passes says so; others are as they were."""
    marked = mark_fixed(passes(*covered, PLAIN), TENSORFLOW)
    assert [one.verdict for one in marked] == [Verdict.FIXED] * len(covered) + [Verdict.PASS]
    assert [SOMETIMES.id in one.reason for one in marked] == [True] * len(covered) + [False]


def test_an_entry_is_not_fixed_by_a_few_cases_that_pass() -> None:
    """They may do so by chance."""
    few = passes(*ALSO_COVERED[1:])
    assert mark_fixed(few, TENSORFLOW) == few


def test_a_rare_difference_waits_for_as_many_cases_as_its_entry_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is many of one that shows in every tenth case is few of one that shows in every hundredth."""
    rare = replace(SOMETIMES, many=len(ALSO_COVERED) + 1)
    monkeypatch.setattr("conformance.known.known_differences.known_differences", lambda *_: (rare,))
    assert mark_fixed(passes(*ALSO_COVERED), TENSORFLOW) == passes(*ALSO_COVERED)


def test_an_entry_that_one_case_of_a_run_shows_is_not_fixed() -> None:
    """One that differs is enough."""
    shown = replace(result(Verdict.KNOWN_DIFFERENCE, "outputs", case_id=COVERED), known=SOMETIMES.id)
    results = [shown, *passes(*ALSO_COVERED)]
    assert mark_fixed(results, TENSORFLOW) == results


@pytest.mark.parametrize(
    "environment", [{"keras": "3.15.1", "backend": "jax"}, {"keras": "99.0", "backend": "tensorflow"}, {"backend": "tensorflow"}]
)
def test_nothing_is_fixed_where_nothing_was_known(environment: dict[str, str]) -> None:
    """On another backend, another version, or without Keras."""
    results = [result(Verdict.PASS, case_id=COVERED)]
    assert mark_fixed(results, environment) == results


# --- malformed entries

ENTRY = {
    "id": '"one"',
    "kind": '"crash"',
    "summary": '"it raises"',
    "reason": '"unknown"',
    "backends": '["torch"]',
    "first": '"3.15.1"',
    "last": '"3.15.1"',
    "seen": "2026-11-21",
    "when": '[{ mask = ["left"] }]',
    "errors": '[{ type = "ValueError", words = ["no mask of", "timesteps can be read"] }]',
    "evidence": f'"{MASKED}"',
}


def written(folder: Path, *entries: dict[str, str]) -> Path:
    """A file of these entries."""
    file = folder / "differences.toml"
    lines = [line for entry in entries for line in ("[[difference]]", *(f"{name} = {value}" for name, value in entry.items()))]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_a_well_formed_entry_is_read(tmp_path: Path) -> None:
    """Its versions are compared as versions, its date kept as it is written."""
    (entry,) = known_differences(written(tmp_path, ENTRY))
    assert (entry.id, entry.kind, entry.first, entry.seen) == ("one", Kind.CRASH, Version("3.15.1"), "2026-11-21")
    assert entry.covers(condition_values(MASKED), "torch", Version("3.15.1"))


def test_a_file_without_entries_knows_nothing(tmp_path: Path) -> None:
    """An empty list is valid."""
    assert known_differences(written(tmp_path)) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": '"nuisance"'}, "entry one: ValueError: 'nuisance' is not a valid Kind"),
        ({"first": '"three"'}, "entry one: InvalidVersion: Invalid version: 'three'"),
        ({"last": '""'}, "entry one: InvalidVersion: "),
        ({"colour": '"red"'}, "entry one: TypeError: .*'colour'"),
        ({"when": "[{ masks = ['left'] }]"}, "entry one: `when` needs lists of values of features or sizes of a case; got masks"),
        ({"when": "[{ mask = 'left' }]"}, "entry one: `when` needs lists of values of features or sizes of a case; got mask"),
        ({"when": "[]"}, "entry one: `when` needs lists of values of features or sizes of a case; got nothing"),
        ({"errors": "[]"}, "entry one: a difference is an error of `errors`, `ends` the process, or fails `checks`"),
        ({"error": '"."'}, "entry one: TypeError: .*'error'"),
        ({"errors": '[{ type = "ValueError" }]'}, "entry one: KeyError: 'words'"),
        ({"errors": '[{ words = ["no mask of timesteps"] }]'}, "entry one: TypeError: .*'type'"),
        ({"errors": '["no mask of timesteps"]'}, "entry one: TypeError"),
        ({"errors": '[{ type = "Value Error", words = ["no mask of timesteps"] }]'}, "entry one: an error needs the `type`"),
        ({"errors": '[{ type = "ValueError", words = "no mask of timesteps" }]'}, "entry one: an error needs the `type`"),
        ({"ends": '"SIGKILL"'}, "entry one: `ends` is one of SIGABRT, .*, SIGSEGV; got 'SIGKILL'"),
        ({"many": '"some"'}, "entry one: `many` is a number of cases; got 'some'"),
        (
            {"checks": '["outputs"]'},
            "entry one: the numbers of `checks` need `explained_by`, .*, or why none holds them, in `unheld`",
        ),
        ({"checks": '["outputs"]', "unheld": '"?"', "within": "0.1"}, "entry one: `unheld` stands beside `within`, which holds it"),
        (
            {"checks": '["outputs"]', "explained_by": '["maks_ignored"]'},
            "entry one: `explained_by` names deviations; got maks_ignored",
        ),
        ({"checks": '["outputs"]', "computed_in": '"float8"'}, "entry one: `computed_in` is one of float16, .*; got 'float8'"),
        (
            {"checks": '["shapes"]', "messages.shape": '["the shape of what was returned"]'},
            "`messages` are of `checks`; got those of shape",
        ),
        ({"checks": '["shapes"]', "messages.shapes": '["is (1, 2)"]'}, "a phrase of `messages` has 12 letters at least; got 'is "),
    ],
)
def test_a_malformed_entry_is_refused_by_name(tmp_path: Path, change: dict[str, str], message: str) -> None:
    """The message says which entry and what is wrong with it."""
    with pytest.raises(LSTMError, match=message):
        known_differences(written(tmp_path, ENTRY | change))


@pytest.mark.parametrize("field", ["kind", "backends", "first", "last", "seen", "when", "summary", "reason", "evidence"])
def test_an_entry_without_a_field_is_refused(tmp_path: Path, field: str) -> None:
    """Every field but those with a default is needed; the message names the one that is missing."""
    lacking = {name: value for name, value in ENTRY.items() if name != field}
    with pytest.raises(LSTMError, match=f"entry one: .*'{field}'"):
        known_differences(written(tmp_path, lacking))


@pytest.mark.parametrize("type_", ["ValueError", "RuntimeError", "ModuleNotFoundError"])
@pytest.mark.parametrize(
    "words",
    [
        [],
        [""],
        ["."],
        [".*"],
        [".", "*", "?"],
        ["\\w+ \\w+ \\w+ \\w+ \\w+"],
        ["RuntimeError"],
        ["ValueError: RuntimeError: SomeVeryLongException"],
        ["Exception encountered when calling"],
        ["Unable to automatically build the model"],
        ["Arguments received by"],
        ["shape"],
        ["incompatible"],
        ["no mask of these timesteps can be read", ""],
        ["Module onnx is not installed!"],
        ["No module named 'onnx' in this place"],
        ["No space left on device"],
        ["no answer within 60 s: the process was ended"],
        ["the process died (exit code -8) while it answered"],
    ],
    ids=lambda words: " ".join(words) or "none",
)
def test_a_vague_error_is_refused(tmp_path: Path, type_: str, words: list[str]) -> None:
    """It would excuse what it does not describe: too few words, those of any exception, or those of infrastructure."""
    errors = f"[{{ type = {json.dumps(type_)}, words = {json.dumps(words)} }}]"
    with pytest.raises(LSTMError, match=r"entry one: an error (needs the `type`|that says that)"):
        known_differences(written(tmp_path, ENTRY | {"errors": errors}))


@pytest.mark.parametrize(
    "type_", ["ModuleNotFoundError", "ImportError", "MemoryError", "PermissionError", "TimeoutError", "WorkerError"]
)
def test_an_error_of_infrastructure_is_refused_by_its_type(tmp_path: Path, type_: str) -> None:
    """Whatever its words are."""
    errors = f'[{{ type = "{type_}", words = ["no mask of these timesteps"] }}]'
    with pytest.raises(LSTMError, match=r"entry one: an error that says that .* is no difference of Keras"):
        known_differences(written(tmp_path, ENTRY | {"errors": errors}))


def test_an_entry_without_an_id_is_refused_by_number(tmp_path: Path) -> None:
    """It has no name to say."""
    nameless = {name: value for name, value in ENTRY.items() if name != "id"}
    with pytest.raises(LSTMError, match=r"entry number 2: .*'id'"):
        known_differences(written(tmp_path, ENTRY, nameless))


def test_two_entries_of_one_id_are_refused(tmp_path: Path) -> None:
    """A report could not say which."""
    with pytest.raises(LSTMError, match=r"differences\.toml: several entries have the id one$"):
        known_differences(written(tmp_path, ENTRY, ENTRY | {"id": '"two"'}, ENTRY))


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    """The message says which file and where."""
    with pytest.raises(LSTMError, match=r"differences\.toml: .*line 2"):
        known_differences(written(tmp_path, {"id": "no string"}))
