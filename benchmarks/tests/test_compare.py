"""Comparisons of two runs find a slow-down and no noise, and list what cannot be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare import Change, compare, warnings
from benchmarks.results import Results, read
from benchmarks.tests.documents import EXAMPLE, document, entry, random_rounds, write_document
from conformance.report.documents import DocumentError

PEERS = {"floor": 0.01, "a": 0.012, "b": 0.03}


def run_of(folder: Path, seed: int, factors: Sequence[float] = (1, 1, 1), workloads: int = 1, **machine: Any) -> Results:
    """Three peers on some workloads, each slower by a factor than it usually is."""
    entries = [
        entry(peer, random_rounds(seconds * factor, seed * 1000 + 10 * index + number), workload=f"w{index}")
        for index in range(workloads)
        for number, ((peer, seconds), factor) in enumerate(zip(PEERS.items(), factors, strict=True))
    ]
    return read(write_document(folder, document(*entries, **machine)))


def changes(before: Results, after: Results, threshold: float = 0.05) -> dict[str, Change]:
    """The change of each peer."""
    return {comparison.peer: comparison.change for comparison in compare(before, after, threshold)}


def test_a_file_is_no_different_from_itself() -> None:
    """At any threshold."""
    run = read(EXAMPLE)
    assert {comparison.change for comparison in compare(run, run, 0.0)} == {Change.NONE, Change.NOT_JUDGED}


def test_a_slow_down_is_found_where_it_is(tmp_path: Path) -> None:
    """One peer in three, by a tenth; and a speed-up the other way round."""
    before, after = run_of(tmp_path, 1), run_of(tmp_path, 2, (1, 1.1, 1))
    assert changes(before, after) == {"floor": Change.NOT_JUDGED, "a": Change.SLOWER, "b": Change.NONE}
    assert changes(after, before) == {"floor": Change.NOT_JUDGED, "a": Change.FASTER, "b": Change.NONE}


def test_a_difference_below_the_threshold_is_not_reported(tmp_path: Path) -> None:
    """Even where its interval excludes 1."""
    before, after = run_of(tmp_path, 1), run_of(tmp_path, 2, (1, 1.1, 1))
    assert changes(before, after, 0.15)["a"] is Change.NONE


def test_noise_alone_is_no_difference(tmp_path: Path) -> None:
    """Of 200 comparisons without a threshold, in runs of 40 that are compared together, none reports a difference."""
    runs = [run_of(tmp_path, seed, workloads=20) for seed in range(6)]
    results = [comparison.change for before, after in pairwise(runs) for comparison in compare(before, after, 0.0)]
    assert Counter(results) == {Change.NONE: 200, Change.NOT_JUDGED: 100}


def test_a_slower_machine_is_no_slower_peer(tmp_path: Path) -> None:
    """On another CPU the floor's ratio cancels; a peer that is slower beside the floor is found there too."""
    before = run_of(tmp_path, 1)
    after = run_of(tmp_path, 2, (2, 2, 2.4), cpu={"brand_raw": "A slower CPU", "count": 2})
    assert changes(before, after) == {"floor": Change.NOT_JUDGED, "a": Change.NONE, "b": Change.SLOWER}


def test_a_slower_clock_is_no_slower_peer(tmp_path: Path) -> None:
    """On one machine too, what slows all of a run is the floor's alone."""
    assert changes(run_of(tmp_path, 1), run_of(tmp_path, 2, (1.2, 1.2, 1.2)))["a"] is Change.NONE


def test_without_a_floor_seconds_count_on_one_machine_only(tmp_path: Path) -> None:
    """On two machines nothing is judged."""
    before = read(write_document(tmp_path, document(entry("a", random_rounds(0.01, 1)))))
    slower = entry("a", random_rounds(0.02, 2))
    assert changes(before, read(write_document(tmp_path, document(slower)))) == {"a": Change.SLOWER}
    assert changes(before, read(write_document(tmp_path, document(slower, system="Other")))) == {"a": Change.NOT_JUDGED}


def test_runs_on_different_threads_are_compared_beside_the_floor(tmp_path: Path) -> None:
    """Each relative to its own."""
    before = run_of(tmp_path, 1)
    entries = [entry(peer, random_rounds(0.5 * seconds, 3), workload="w0", threads=2) for peer, seconds in PEERS.items()]
    after = read(write_document(tmp_path, document(*entries, threads=2)))
    assert changes(before, after) == {"floor": Change.NOT_JUDGED, "a": Change.NONE, "b": Change.NONE}


def test_peers_of_one_file_only_are_listed(tmp_path: Path) -> None:
    """They are not judged."""
    before = read(write_document(tmp_path, document(entry("a", [1.0] * 20), entry("b", [1.0] * 20))))
    after = read(write_document(tmp_path, document(entry("a", [1.0] * 20), entry("c", [1.0] * 20))))
    assert changes(before, after) == {"a": Change.NONE, "b": Change.ONLY_BEFORE, "c": Change.ONLY_AFTER}


def test_files_without_anything_in_common_are_refused(tmp_path: Path) -> None:
    """An empty comparison would read as a good one."""
    before, after = (read(write_document(tmp_path, document(entry(peer, [1.0])))) for peer in "ab")
    with pytest.raises(DocumentError, match="nothing to compare"):
        compare(before, after, 0.05)


def test_too_few_rounds_are_no_difference(tmp_path: Path) -> None:
    """Three rounds bound nothing."""
    before, after = (read(write_document(tmp_path, document(entry("a", [seconds] * 3)))) for seconds in (1.0, 9.0))
    assert changes(before, after) == {"a": Change.NONE}


def test_the_largest_difference_comes_first(tmp_path: Path) -> None:
    """Slower before faster, and each by its size."""
    found = compare(run_of(tmp_path, 1, (1, 1, 1)), run_of(tmp_path, 2, (1, 1.2, 1.6)), 0.05)
    assert [(comparison.peer, comparison.change) for comparison in found[:2]] == [("b", Change.SLOWER), ("a", Change.SLOWER)]


def test_what_differs_besides_the_code_is_warned_of(tmp_path: Path) -> None:
    """The machine, its threads, and the versions of peers."""
    before = run_of(tmp_path, 1, peers={"a": "keras 3.14.0"})
    after = run_of(tmp_path, 2, peers={"a": "keras 3.15.1"}, threads=2, blas="B")
    assert list(warnings(before, after)) == [
        "blas: not recorded before, B after",
        "threads: 1 thread before, 2 threads after",
        "version of a: keras 3.14.0 before, keras 3.15.1 after",
    ]
