"""The journal: what is written reads back exactly, what is there is not run again, and a file that is not a journal is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.judging.verdict import CheckResult, Line, Picture, Result, Sample, Verdict
from conformance.matrix import CaseOrProbe, documents_matrix, select
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.journal import JournalError, as_dict, from_dict, identify, resume
from conformance.running.runner import run, unresolved_result

CASES = select(list(documents_matrix()), ["u1-d1-t1-*", "u1-d1-t6-b3-*"])
RESULTS = {result.case_id: result for result in run(CASES, ReferenceAdapter("two_biases"))}
PLAN = {"selection": ("u1-*",), "seed": 0, "cases": len(CASES), "case_ids": tuple(case.id for case in CASES)}
KERAS = {"implementation": "keras.layers.LSTM", "keras": "3.15.1"}
FILES = {"suite_files": "5a", "implementation_files": "1e"}
IDENTITY = identify(KERAS, PLAN, FILES)

RICH = Result(
    case_id=CASES[0].id,
    group="u1-d1",
    verdict=Verdict.FAIL,
    checks=(
        CheckResult(check="outputs", verdict=Verdict.FAIL, message="off by\n\ud800 σ", worst=math.inf, rms=0.1, size=7),
        CheckResult(check="counts", verdict=Verdict.PASS),
    ),
    path="tf.function",
    seconds=1 / 3,
    suite_seconds=2 / 3,
    explained_by=("gates_exchanged", "bias_dropped"),
    reason="\x1b[31m",
    sample=Sample(family="u1-d1-s0", precision="float32", size=2, projections=(1 / 3, -math.inf), gram=(0.1,)),
    picture=Picture(
        of="outputs, row 0",
        across="timestep",
        places=(3, 4),
        lines=(Line(name="unit 0", expected=(1 / 3, 0.0), got=(math.inf, 1.0), errors=(math.inf, 1e9)),),
        worst="unit 0",
    ),
)


class Counted:
    """Answers with the results above, and knows which cases it was asked for."""

    def __init__(self) -> None:
        self.case_ids: list[str] = []

    def __call__(self, cases: Sequence[CaseOrProbe]) -> Iterator[Result]:
        """The results of the cases, each when it is asked for."""
        for case in cases:
            self.case_ids.append(case.id)
            yield RESULTS[case.id]


def written(path: Path, count: int = len(CASES)) -> list[bytes]:
    """The journal of a run that was ended after so many cases; its lines."""
    results = resume(path, IDENTITY, CASES, Counted())
    assert [next(results).case_id for _ in range(count)] == [case.id for case in CASES[:count]]
    results.close()  # type: ignore[attr-defined]  # a generator
    return path.read_bytes().splitlines(keepends=True)


def refusal(path: Path, identity: dict[str, Any] = IDENTITY) -> str:
    """Why a file is refused, without its name and without the next step; nothing has run, and the file is as it was."""
    before, counted = path.read_bytes(), Counted()
    with pytest.raises(JournalError) as refused:
        list(resume(path, identity, CASES, counted))
    assert (path.read_bytes(), counted.case_ids) == (before, [])
    reason, next_step = str(refused.value).removeprefix(str(path)).rsplit("; ", 1)
    assert next_step == "name another file, or delete it to start anew"
    return reason


# --- results as JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [RICH, Result(case_id="x", group="y", verdict=Verdict.ERROR, reason="died"), *RESULTS.values()])
def test_results_read_back_exactly(result: Result) -> None:
    """Verdicts, floats to the last digit, infinity, control characters and halves of surrogate pairs."""
    assert from_dict(json.loads(json.dumps(as_dict(result), allow_nan=False))) == result


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 5e-324, 0.1 + 0.2, -0.0, 1.7976931348623157e308])
def test_numbers_read_back_exactly(number: float) -> None:
    """Whatever a check may have met."""
    result = replace(RICH, checks=(replace(RICH.checks[0], worst=number),))
    (check,) = from_dict(json.loads(json.dumps(as_dict(result), allow_nan=False))).checks
    assert repr(check.worst) == repr(number)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("case_id", 7),
        ("verdict", "GOOD"),
        ("verdict", ["PASS"]),
        ("seconds", "fast"),
        ("seconds", None),
        ("seconds", True),
        ("checks", "outputs"),
        ("checks", [{"check": "outputs"}]),
        ("explained_by", "gates"),
        ("explained_by", [1]),
        ("path", None),
    ],
)
def test_what_is_no_result_is_refused(field: str, value: Any) -> None:
    """No value of another type slips in."""
    with pytest.raises(ValueError, match=r"expected|is not a valid Verdict"):
        from_dict(as_dict(RICH) | {field: value})


@pytest.mark.parametrize("value", [None, [], {}, as_dict(RICH) | {"more": 1}])
def test_objects_of_other_fields_are_refused(value: Any) -> None:
    """Fewer, more, or none."""
    with pytest.raises(ValueError, match="expected an object of case_id, group, verdict"):
        from_dict(value)


# --- resuming -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(len(CASES) + 1))
def test_a_resumed_run_gives_the_results_of_one_that_was_not_ended(tmp_path: Path, count: int) -> None:
    """And runs only the cases that were missing; a third run has nothing to do."""
    path, counted = tmp_path / "new" / "run.jsonl", Counted()
    lines = written(path, count) if count else []
    assert len(lines) == (count + 1 if count else 0)
    assert list(resume(path, IDENTITY, CASES, counted)) == list(RESULTS.values())
    assert counted.case_ids == [case.id for case in CASES[count:]]
    assert path.read_bytes().splitlines(keepends=True)[: len(lines)] == lines
    assert list(resume(path, IDENTITY, CASES, counted)) == list(RESULTS.values())
    assert len(counted.case_ids) == len(CASES) - count


@pytest.mark.parametrize("line", [0, 1, len(CASES)])
@pytest.mark.parametrize("left", [1, 30, -1])
def test_a_line_that_was_cut_off_is_written_anew(tmp_path: Path, line: int, left: int) -> None:
    """The header's too; the finished file is that of a run that was not ended."""
    path, counted = tmp_path / "run.jsonl", Counted()
    lines = written(path)
    path.write_bytes(b"".join(lines[:line]) + lines[line][:left])
    assert list(resume(path, IDENTITY, CASES, counted)) == list(RESULTS.values())
    assert counted.case_ids == [case.id for case in CASES[max(line - 1, 0) :]]
    assert path.read_bytes() == b"".join(lines)


def test_what_is_unresolved_is_handed_on_and_asked_again(tmp_path: Path) -> None:
    """The file keeps results; a fault of the machine is none."""
    path = tmp_path / "run.jsonl"

    def run_out_of_disk(cases: Sequence[CaseOrProbe]) -> Iterator[Result]:
        for case in cases:
            yield unresolved_result(case, "the disk cannot be written") if case is CASES[1] else RESULTS[case.id]

    first = list(resume(path, IDENTITY, CASES, run_out_of_disk))
    assert [result.verdict is Verdict.UNRESOLVED for result in first] == [case is CASES[1] for case in CASES]
    counted = Counted()
    assert len(list(resume(path, IDENTITY, CASES, counted))) == len(CASES)
    assert counted.case_ids == [CASES[1].id]


def test_results_are_in_the_file_before_they_are_handed_on(tmp_path: Path) -> None:
    """A killed run loses none that it has shown."""
    path = tmp_path / "run.jsonl"
    for number, result in enumerate(resume(path, IDENTITY, CASES, Counted()), start=1):
        assert from_dict(json.loads(path.read_bytes().splitlines()[number])) == result


# --- refusals -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "plan", "message"),
    [
        ({"keras": "3.14.0"}, {}, "keras 3.15.1 there, 3.14.0 here"),
        ({"backend": "jax"}, {}, "backend None there, jax here"),
        ({}, {"seed": 1, "selection": ()}, "selection ['u1-*'] there, [] here; seed 0 there, 1 here"),
    ],
)
def test_the_journal_of_another_run_is_refused(
    tmp_path: Path, environment: dict[str, str], plan: dict[str, Any], message: str
) -> None:
    """With all that differs."""
    path = tmp_path / "run.jsonl"
    written(path)
    identity = identify(KERAS | environment, PLAN | plan, FILES)
    assert refusal(path, identity) == f" is the journal of another run: {message}"


@pytest.mark.parametrize("changed", FILES)
def test_the_journal_of_changed_files_is_refused(tmp_path: Path, changed: str) -> None:
    """Under the same version, the suite or the implementation may have been edited."""
    path = tmp_path / "run.jsonl"
    written(path)
    reason = refusal(path, identify(KERAS, PLAN, FILES | {changed: "ed"}))
    assert reason == f" is the journal of another run: {changed} {FILES[changed]} there, ed here"


def test_another_choice_of_cases_is_another_run(tmp_path: Path) -> None:
    """Even where it has as many."""
    path = tmp_path / "run.jsonl"
    written(path)
    reason = refusal(path, identify(KERAS, PLAN | {"case_ids": ("x",)}, FILES))
    assert reason == " is the journal of another run: it has other cases"


@pytest.mark.parametrize(
    "content", [b"no newline", b"text\n", b"[]\n", b"{}\n", b"\n", b"\xff\x00\n", b"[" * 100_000 + b"\n"], ids=range(7)
)
def test_a_file_that_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever it is, it is not written to."""
    path = tmp_path / "thesis.tex"
    path.write_bytes(content)
    assert refusal(path) == " is not the journal of a run"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"half a li\n", "Expecting value: line 1 column 1 (char 0)"),
        (b"\n", "Expecting value"),
        (b"[1]\n", "expected an object of case_id, "),
        (
            json.dumps(as_dict(replace(RICH, case_id="u9-d9"))).encode() + b"\n",
            "u9-d9 is not a case of this run, or stands there twice",
        ),
        (json.dumps(as_dict(RICH)).encode() + b"\n", f"{RICH.case_id} is not a case of this run, or stands there twice"),
        (json.dumps(as_dict(RICH) | {"seconds": 10**400}).encode() + b"\n", "int too large to convert to float"),
        (b"[" * 100_000 + b"\n", "maximum recursion depth exceeded"),
        (b'{"case_id": "a", "case_id": "b"}\n', "the key 'case_id' stands twice in one object"),
    ],
    ids=range(8),
)
def test_a_line_that_is_no_result_is_refused(tmp_path: Path, line: bytes, message: str) -> None:
    """By its number; a line that was cut off is the last, and has no end."""
    path = tmp_path / "run.jsonl"
    lines = written(path)
    path.write_bytes(b"".join([*lines[:3], line, *lines[3:]]))
    assert refusal(path).startswith(f", line 4, is not the result of a case: {message}")


@pytest.mark.parametrize(("name", "action"), [("file/run.jsonl", "written"), (".", "read")])
def test_a_path_that_cannot_be_used_is_refused(tmp_path: Path, name: str, action: str) -> None:
    """With the system's reason."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalError, match=f"could not be {action}: "):
        list(resume(tmp_path / name, IDENTITY, CASES, Counted()))
