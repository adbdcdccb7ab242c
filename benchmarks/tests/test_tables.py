"""Tables of runs, and the status of each goal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import tables
from benchmarks.goals import FLOOR, FUSED, GOALS, Goal, GoalStatus, judge
from benchmarks.results import Results, read
from benchmarks.tests.documents import EXAMPLE, document, entry, pair, random_rounds, write_document
from conformance.report.document import Heading, Lines, Rows
from conformance.report.markdown import as_markdown

LARGE: dict[str, Any] = {"batch": 32, "units": 128}
ALONE: dict[str, Any] = {"batch": 1, "units": 10, "timesteps": 100}

# For each goal: a peer, a workload of the goal, another workload, a ratio that meets it, and one that does not.
SHOWN: dict[str, tuple[str, dict[str, Any], dict[str, Any], float, float]] = {
    "on one thread": ("floor", LARGE, LARGE | {"units": 64}, 1.05, 1.25),
    "on two threads": ("floor", LARGE | {"threads": 2}, LARGE | {"threads": 1}, 1.2, 1.4),
    "onnxruntime": ("onnxruntime", LARGE, LARGE | {"batch": 16}, 1.4, 1.6),
    "torch.nn.LSTM": ("torch-nn", LARGE, LARGE | {"batch": 16}, 1.4, 1.6),
    "at batch 1": ("floor", ALONE, LARGE, 1.02, 1.1),  # 2 and 10 µs a timestep
    "best route": ("keras-jax-jit", ALONE, LARGE | {"units": 256}, 0.9, 1.1),
    "tf.function": ("keras-tensorflow-function", LARGE, {}, 0.9, 1.1),
}


def goal(words: str) -> Goal:
    """The goal whose text contains these words."""
    (found,) = [each for each in GOALS if words in each.text]
    return found


def run_of(folder: Path, *entries: Any, **machine: Any) -> Results:
    """Read from a file."""
    return read(write_document(folder, document(*entries, **machine)))


def test_every_goal_is_shown_to_be_met_and_missed() -> None:
    """The table above has all goals."""
    assert [goal(words) for words in SHOWN] == list(GOALS)


@pytest.mark.parametrize("words", SHOWN)
def test_a_goal_is_met(tmp_path: Path, words: str) -> None:
    """By a run whose ratio and its noise are below the limit."""
    peer, sizes, _, met, _ = SHOWN[words]
    assert judge(goal(words), [run_of(tmp_path, *pair(met, peer, **sizes))]).status is GoalStatus.MET


@pytest.mark.parametrize("words", SHOWN)
def test_a_goal_is_missed(tmp_path: Path, words: str) -> None:
    """By a run whose ratio and its noise are above the limit."""
    peer, sizes, _, _, missed = SHOWN[words]
    assert judge(goal(words), [run_of(tmp_path, *pair(missed, peer, **sizes))]).status is GoalStatus.NOT_MET


@pytest.mark.parametrize("words", [words for words, (_, _, other, _, _) in SHOWN.items() if other])
def test_a_goal_leaves_other_workloads_alone(tmp_path: Path, words: str) -> None:
    """A run of these only does not measure it."""
    peer, _, other, _, missed = SHOWN[words]
    assert judge(goal(words), [run_of(tmp_path, *pair(missed, peer, **other))]).status is GoalStatus.NOT_MEASURED


def test_one_miss_is_a_miss(tmp_path: Path) -> None:
    """Other workloads do not change it; the worst is reported."""
    entries = [*pair(1.0, workload="a"), *pair(1.4, workload="b"), *pair(1.3, workload="c")]
    judged = judge(goal("on one thread"), [run_of(tmp_path, *entries)])
    assert judged.status is GoalStatus.NOT_MET
    assert judged.worst is not None
    assert judged.worst.workload.name == "b"
    assert judged.worst.value.value == pytest.approx(1.4, rel=0.02)


def test_a_limit_within_the_noise_is_neither_met_nor_missed(tmp_path: Path) -> None:
    """Rounds with a spread of a half do not show a difference of a hundredth."""
    entries = [entry("floor", random_rounds(0.01, 1, spread=0.5)), entry(FUSED, random_rounds(0.0116, 2, spread=0.5))]
    assert judge(goal("on one thread"), [run_of(tmp_path, *entries)]).status is GoalStatus.UNDECIDED


def test_a_goal_is_judged_by_all_runs(tmp_path: Path) -> None:
    """One thread and two come in files of their own."""
    run = run_of(tmp_path, *pair(1.0, "onnxruntime"))
    two = run_of(tmp_path, *pair(2.0, "onnxruntime", threads=2), threads=2)
    assert [judge(goal("onnxruntime"), runs).status for runs in ([run], [run, two])] == [GoalStatus.MET, GoalStatus.NOT_MET]


def test_the_floor_is_what_the_run_says_it_is(tmp_path: Path) -> None:
    """Whatever its name."""
    run = run_of(tmp_path, *pair(1.05)[1:], entry("bare products", random_rounds(0.01, 1), floor=True))
    assert goal("on one thread").peers == (FLOOR,)
    assert len(judge(goal("on one thread"), [run]).comparisons) == 1


def test_a_row_holds_the_numbers_of_a_peer(tmp_path: Path) -> None:
    """Median, spread, time a timestep, both ratios and the check; sorted from the fastest."""
    entries = [entry("slow", [0.02, 0.03, 0.04]), entry("floor", [0.01] * 3), entry(FUSED, [0.012] * 3)]
    (rows,) = [block.rows for block in tables.run(run_of(tmp_path, *entries)) if isinstance(block, Rows)]
    assert rows == [
        ["floor", "10.0 ms", "0.0 %", "100 µs", "1.00", "0.83", "–"],
        [FUSED, "12.0 ms", "0.0 %", "120 µs", "1.20", "1.00", "2.50"],
        ["slow", "30.0 ms", "33.3 %", "300 µs", "3.00", "2.50", "2.50"],
    ]


def test_a_workload_without_a_floor_has_no_ratio_to_it(tmp_path: Path) -> None:
    """Nor to a fused reference that was not timed."""
    (rows,) = [block.rows for block in tables.run(run_of(tmp_path, entry("slow", [0.02] * 3))) if isinstance(block, Rows)]
    assert rows[0][4:6] == ["–", "–"]


def test_absent_peers_are_listed_with_the_reason(tmp_path: Path) -> None:
    """For all workloads, or for one."""
    run = run_of(tmp_path, *pair(1.0), absent={"a": "not installed"}, not_timed={"text": {"b": "has no masks"}})
    blocks = list(tables.run(run))
    assert any(isinstance(block, Rows) and block.rows == [("a", "not installed")] for block in blocks)
    assert Lines(["not timed: b: has no masks"]) in blocks


def test_runs_have_sections_of_their_own(tmp_path: Path) -> None:
    """Each with its threads and its machine."""
    two = run_of(tmp_path, *pair(1.0, threads=2), threads=2, blas="A BLAS 1.0")
    page = tables.details([read(EXAMPLE), two])
    headings = [block.text for block in page if isinstance(block, Heading) and block.level == 2]
    assert headings == ["example.json: 1 thread", "run.json: 2 threads"]
    assert Lines(["A CPU, 2 cores, Linux, A BLAS 1.0, 2 threads", "commit 0123abc"]) in page


def test_markdown_keeps_hostile_names_in_their_cells(tmp_path: Path) -> None:
    """No name opens a tag or another column."""
    runs = [run_of(tmp_path, *pair(1.0, "<script>|x"))]
    text = as_markdown([*tables.summary(runs), *tables.details(runs)])
    assert "<script" not in text.replace(r"\<", "")
    assert r"\<script\>\|x" in text
