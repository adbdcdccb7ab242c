"""A report of the surface says what ran by feature, what really ran, what is known and what is not there, and what was covered."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from conformance.cases.case import Case
from conformance.commands.scripts import script_of
from conformance.judging.verdict import CheckResult, Result, Verdict
from conformance.matrix.coverage import Coverage
from conformance.report import text
from conformance.report.model import Plan, Report, as_json
from conformance.report.style import STYLE

PASSED = CheckResult(check="outputs", verdict=Verdict.PASS, worst=1.5, rms=0.5, size=30)
FAILED = CheckResult(check="outputs", verdict=Verdict.FAIL, message="outputs[0] is 1, expected 2", worst=310.0, rms=20.5, size=30)
PAIRS = Coverage(
    strength=2,
    covered=1500,
    possible=2000,
    missing=((("mask", "left"), ("unroll", True)), (("dtype", "float16"), ("stateful", False))),
)
TRIPLES = Coverage(strength=3, covered=5, possible=40, missing=((("mask", "left"), ("unroll", True), ("stateful", True)),))


def result(case_id: str, verdict: Verdict = Verdict.PASS, **given: Any) -> Result:
    """The result of a case or a probe; PASS and FAIL with a check."""
    checks = {Verdict.PASS: (PASSED,), Verdict.FAIL: (FAILED,)}.get(verdict, ())
    return Result(**{"case_id": case_id, "group": "via call", "verdict": verdict, "checks": checks, **given})


RESULTS = (
    result("u3-d2-t6-b4-s0", path="tf.function, dynamic time; fused kernel"),
    result("u3-d2-t6-b4-unroll-s0", path="eager; fused kernel", not_run="unroll: the fused kernel ran"),
    result("u3-d2-t6-b4-bidi-s0", Verdict.FAIL, path="eager; loop", explained_by=("hard_sigmoid",), minimal="u1-d1-t1-b1-bidi-s0"),
    result("u3-d2-t6-b4-p_float16-s0", Verdict.FAIL, path="eager; loop"),
    result("u3-d2-t6-b4-via_onnx-s0", Verdict.UNSUPPORTED, reason="onnx is exported from [tensorflow] only"),
    result("u3-d2-t6-b4-td-via_onnx-s0", Verdict.UNSUPPORTED, reason="onnx is exported from [tensorflow] only"),
    result("u3-d2-t6-b4-mask_all-s0", Verdict.KNOWN_DIFFERENCE, known="all_masked", reason="all masked: issue 1", path="loop"),
    result("u3-d2-t6-b4-via_predict-s0", Verdict.ERROR, reason="ValueError: [bad] shape"),
    result("probe-rejects_negative_units"),
    result("probe-clips_gradients", Verdict.FAIL, path="fit"),
)  # fmt: skip


def report(*results: Result, coverage: tuple[Coverage, ...] = (PAIRS, TRIPLES), conventions: str = "") -> Report:
    """A run at a level with these results, all of which were planned."""
    case_ids = tuple(run.case_id for run in results)
    plan = Plan(
        matrix="level quick",
        surface=True,
        selection=(),
        seed=0,
        cases=len(case_ids),
        cells=len(case_ids),
        case_ids=case_ids,
        checks=("outputs",),
        element_limit=8.0,
        rms_limit=2.0,
    )
    environment = {"implementation": "a layer", "keras": "3.0", "backend": "numpy", "conventions": conventions}
    environment |= {"suite": "1", "platform": "here"}
    return Report(environment=environment, plan=plan, results=results, seconds=1.0, coverage=coverage)


def printed(run: Report) -> str:
    """What a pipe gets."""
    console = Console(file=io.StringIO(), width=120)
    text.show(run, console, script_of=script_of)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


OUTPUT = printed(report(*RESULTS))


def row(name: str) -> list[str]:
    """The cells of a table's row."""
    match = re.search(rf"^ *{name}  (.*)$", OUTPUT, re.MULTILINE)
    assert match is not None
    return match[1].split()


# --- tables --------------------------------------------------------------------------------------------------------------------


def test_verdicts_are_named_in_the_head_of_the_table() -> None:
    """In the order of the registry; the longest in short."""
    assert row("feature") == ["cases", "PASS", "FAIL", "ERROR", "UNRESOLVED", "UNSUPPORTED", "KNOWN", "FIXED"]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("route call", ["5", "2", "2", "·", "·", "·", "1", "·"]),
        ("route onnx", ["2", "·", "·", "·", "·", "2", "·", "·"]),
        ("route predict", ["1", "·", "·", "1", "·", "·", "·", "·"]),
        ("architecture lstm", ["6", "2", "1", "1", "·", "1", "1", "·"]),
        ("architecture bidi", ["1", "·", "1", "·", "·", "·", "·", "·"]),
        ("architecture td", ["1", "·", "·", "·", "·", "1", "·", "·"]),
        ("dtype float32", ["7", "2", "1", "1", "·", "2", "1", "·"]),
        ("dtype float16", ["1", "·", "1", "·", "·", "·", "·", "·"]),
        ("probes", ["2", "1", "1", "·", "·", "·", "·", "·"]),
    ],
)
def test_verdicts_are_counted_by_feature(name: str, counts: list[str]) -> None:
    """Every case once under its route, once under its architecture and once under its policy; probes apart."""
    assert row(name) == counts


def test_what_really_ran_is_counted() -> None:
    """The inner loop, and what was asked for in vain; the most frequent first."""
    table = OUTPUT.partition("what really ran")[2].partition("not there on this backend")[0]
    rows = [" ".join(line.split()) for line in table.splitlines()]
    kernels = ["loop 3", "fused kernel 1", "fused kernel 1 unroll: the fused kernel ran", "fit 1"]
    assert [line for line in rows if line in kernels] == kernels


def test_reasons_are_counted_and_no_markup() -> None:
    """What is not there, and what is known, each reason once."""
    assert "not there on this backend:\n      2  onnx is exported from [tensorflow] only\n" in OUTPUT
    assert "known differences:\n      1  all masked: issue 1\n" in OUTPUT


def test_coverage_is_a_share_of_what_is_possible() -> None:
    """Of pairs and of triples."""
    assert "1,500 of 2,000 pairs of feature values were run (75.0%)\n" in OUTPUT
    assert "5 of 40 triples of feature values were run (12.5%)\n" in OUTPUT


def test_nothing_possible_is_covered() -> None:
    """No division by zero where exclusions leave no combination."""
    nothing = Coverage(strength=2, covered=0, possible=0, missing=())
    assert "0 of 0 pairs of feature values were run (100.0%)" in printed(report(RESULTS[0], coverage=(nothing,)))


@pytest.mark.parametrize(
    "absent", ["not there on this backend", "known differences", "probes", "of feature values were run", "units down"]
)
def test_tables_with_nothing_in_them_are_left_out(absent: str) -> None:
    """A run in which all is well says no more than it must; the documents' table of sizes is not for a level."""
    assert absent not in printed(report(RESULTS[0], coverage=()))


def test_result_without_a_path_is_no_row_of_what_ran() -> None:
    """What raised or is not there ran by no loop."""
    output = printed(report(RESULTS[4]))
    assert re.search(r"inner loop +cases +asked for, did not run *\n ─+ *\n\s*\nnot there", output)


# --- one result ----------------------------------------------------------------------------------------------------------------


def test_minimal_case_is_named_with_its_script() -> None:
    """The next step of a difference that was reduced."""
    assert "  smallest case that still differs: u1-d1-t1-b1-bidi-s0\n" in OUTPUT
    assert "  as a script: lstm-conformance reproduce u1-d1-t1-b1-bidi-s0 --backend numpy\n" in OUTPUT


def test_case_that_was_not_reduced_is_looked_at_closer() -> None:
    """By a script, since `explain` knows plain cases only."""
    assert "  as a script: lstm-conformance reproduce u3-d2-t6-b4-p_float16-s0 --backend numpy\n" in OUTPUT
    assert "  as a script: lstm-conformance reproduce u3-d2-t6-b4-bidi-s0 " not in OUTPUT


def test_plain_case_is_explained() -> None:
    """Timestep by timestep."""
    output = printed(report(result("u3-d2-t6-b4-s0", Verdict.FAIL)))
    assert "  look closer: lstm-conformance explain u3-d2-t6-b4-s0 --backend numpy\n" in output


@pytest.mark.parametrize(
    ("environment", "step"),
    [
        ({"implementation": "lstm_ref with two_biases"}, "verify --case u3-d2-t6-b4-s0 --deviation two_biases"),
        ({"implementation": "lstm_ref, fused"}, "verify --case u3-d2-t6-b4-s0 --fused"),
        (
            {"implementation": "keras.layers.LSTM", "keras": "2.3.1", "backend": "theano", "environment": "keras==2.3.1"},
            "verify --case u3-d2-t6-b4-s0 --environment keras==2.3.1",
        ),
        (
            {"implementation": "keras.layers.LSTM", "keras": "3.0.5", "backend": "numpy", "environment": "keras==3.0.5"},
            "reproduce u3-d2-t6-b4-s0 --backend numpy",
        ),
    ],
    ids=["deviation", "fused", "Keras 2", "Keras 3"],
)
def test_next_step_is_for_what_was_tested(environment: dict[str, str], step: str) -> None:
    """`explain` shows the Keras that is installed, and nothing else."""
    output = printed(replace(report(result("u3-d2-t6-b4-s0", Verdict.FAIL)), environment=environment))
    assert f": lstm-conformance {step}\n" in output
    assert "lstm-conformance explain" not in output


def test_case_without_a_script_is_asked_again() -> None:
    """A loss has no timesteps to explain, and chaotic weights have no bound that a script could hold."""
    output = printed(report(result("u3-d2-t6-b4-seq-weights_chaotic-s0", Verdict.FAIL)))
    assert "  ask it again: lstm-conformance verify --case u3-d2-t6-b4-seq-weights_chaotic-s0 --backend numpy\n" in output


def test_probe_has_no_script() -> None:
    """It is asked again; its message is all else there is."""
    output = printed(report(RESULTS[-1]))
    assert "FAIL probe-clips_gradients\n  outputs: outputs[0] is 1, expected 2\n" in output
    assert "look closer" not in output
    assert "reproduce" not in output


def test_conventions_are_said_where_there_are_some() -> None:
    """In a line of their own; neither they nor suite and platform stand among the versions."""
    output = printed(report(RESULTS[0], conventions="float64 is computed in float32"))
    assert output.startswith("a layer: keras 3.0, backend numpy\nby convention, float64 is computed in float32\n")
    assert printed(report(RESULTS[0])).startswith("a layer: keras 3.0, backend numpy\n\nverdicts by route")


def test_summary_names_the_level() -> None:
    """Not cells, which the documents' matrix has."""
    assert "of 10 cases (level quick, seed 0) in 1 s" in OUTPUT


def test_every_verdict_has_a_style() -> None:
    """A seventh verdict would break every report."""
    assert set(STYLE) == set(Verdict)


# --- for machines --------------------------------------------------------------------------------------------------------------


def test_coverage_names_the_pairs_that_are_missing() -> None:
    """Of triples, which are many, the number."""
    assert report(*RESULTS).as_dict()["summary"]["coverage"] == [
        {
            "strength": 2,
            "covered": 1500,
            "possible": 2000,
            "missing": ["mask=left & unroll=True", "dtype=float16 & stateful=False"],
        },
        {"strength": 3, "covered": 5, "possible": 40, "missing": []},
    ]


def test_results_carry_what_ran_and_what_is_known() -> None:
    """Path, what did not run, the known difference and the minimal case."""
    output = report(*RESULTS).as_dict()
    read = [as_json(result) for result in output["results"]]
    assert output["plan"]["surface"] is True
    assert read[1]["not_run"] == "unroll: the fused kernel ran"
    assert read[2]["minimal"] == "u1-d1-t1-b1-bidi-s0"
    assert read[6]["known"] == "all_masked"


def test_ids_above_are_ids() -> None:
    """A typing mistake in them would test nothing."""
    assert [Case.from_id(run.case_id).id for run in RESULTS[:-2]] == [run.case_id for run in RESULTS[:-2]]
