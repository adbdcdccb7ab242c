"""Result files: read whole, or refused with one message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results import read
from benchmarks.tests.documents import EXAMPLE, document, entry, random_rounds, write_document
from conformance.report.documents import DocumentError

FLOOR = entry("floor", [0.01, 0.02, 0.03])


def without(name: str) -> dict[str, Any]:
    """A file whose only time lacks a field."""
    return document({**FLOOR, "extra_info": {key: value for key, value in FLOOR["extra_info"].items() if key != name}})


def with_stats(**stats: Any) -> dict[str, Any]:
    """A file whose only time has other numbers."""
    return document({**FLOOR, "stats": {**FLOOR["stats"], **stats}})


def test_what_pytest_benchmark_wrote_is_read() -> None:
    """A file of two workloads and six peers, made by pytest-benchmark."""
    results = read(EXAMPLE)
    assert [workload.name for workload in results.by_workload] == ["units-8", "units-32"]
    assert {len(peers) for peers in results.by_workload.values()} == {6}
    assert results.machine.threads == 1
    assert results.absent == {"keras-openvino": "openvino is not installed"}


def test_the_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    """Median, quartiles' distance and sizes of an entry."""
    (timing,) = read(write_document(tmp_path, document(FLOOR))).timings
    assert (timing.median, timing.worst_sigma) == (0.02, None)
    assert timing.iqr == pytest.approx(0.01)
    assert str(timing.workload) == "text, 32×100×64→128, 1 thread"


def test_peers_are_sorted_from_the_fastest(tmp_path: Path) -> None:
    """Whatever their order in the file."""
    slow, fast = entry("slow", [3.0] * 3), entry("fast", [1.0] * 3)
    results = read(write_document(tmp_path, document(slow, FLOOR, fast)))
    assert [list(peers) for peers in results.by_workload.values()] == [["floor", "fast", "slow"]]


def test_other_benchmarks_in_the_file_are_left_out(tmp_path: Path) -> None:
    """Those that time no peer say none."""
    other = {"extra_info": {}, "stats": FLOOR["stats"]}
    assert len(read(write_document(tmp_path, document(other, FLOOR))).timings) == 1


def test_text_of_a_file_cannot_command_a_terminal(tmp_path: Path) -> None:
    """Control characters and halves of surrogate pairs are replaced, lines joined."""
    results = read(write_document(tmp_path, document(entry("a\x1b[31m\ud800", [1.0]), absent={"b": "two\nlines"})))
    assert results.timings[0].peer == "a\ufffd[31m\ufffd"
    assert results.absent == {"b": "two lines"}


WHOLE = json.dumps(document(FLOOR))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("no JSON", "is not a whole JSON file", id="not JSON"),
        pytest.param(WHOLE[: len(WHOLE) // 2], "is not a whole JSON file", id="cut off"),
        pytest.param("[" * 100_000, "is not a whole JSON file", id="nested without end"),
        pytest.param(WHOLE.replace("0.03", "NaN"), "NaN is no JSON", id="not a number"),
        pytest.param([1, 2], "is no result file of these benchmarks; $: [1, 2] is not of type 'object'", id="a list"),
        pytest.param({"footer": 1}, "'machine_info' is a required property", id="another format"),
        pytest.param(without("units"), "$.benchmarks[0].extra_info: 'units' is a required property", id="a field missing"),
        pytest.param(without("peer"), "holds no time of a peer", id="no peers"),
        pytest.param(document(), "holds no time of a peer", id="empty"),
        pytest.param(document(FLOOR, FLOOR), "holds floor on text, 32×100×64→128, 1 thread twice", id="twice the same"),
        pytest.param(with_stats(data=[]), "$.benchmarks[0].stats.data", id="no rounds"),
        pytest.param(with_stats(data=[-1.0]), "-1.0 is less than or equal to the minimum of 0", id="time going back"),
        pytest.param(with_stats(median=10**400), "is greater than the maximum", id="longer than any run"),
        pytest.param(with_stats(data=[0.01]), "the median of its rounds is 0.01 s, and it says 0.02 s", id="rounds cut"),
        pytest.param(
            document(FLOOR, threads="two"), "$.machine_info.threads: 'two' is not of type 'integer'", id="threads in words"
        ),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    """With its name, what is wrong, and how to make another."""
    path = write_document(tmp_path, content)
    with pytest.raises(DocumentError) as refused:
        read(path)
    assert str(refused.value).startswith(str(path))
    assert message in str(refused.value)
    assert len(str(refused.value)) < len(str(path)) + 400


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """As one that cannot be read."""
    with pytest.raises(DocumentError, match=r"cannot be read: No such file .* make one with: pytest benchmarks --benchmark-json="):
        read(tmp_path / "none.json")


def test_one_peer_on_two_threads_is_two_workloads(tmp_path: Path) -> None:
    """Times on different numbers of threads are no times of the same."""
    both = [entry("floor", random_rounds(0.01, 0), threads=threads) for threads in (1, 2)]
    assert [workload.threads for workload in read(write_document(tmp_path, document(*both))).by_workload] == [1, 2]
