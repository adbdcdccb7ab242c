"""Peers are checked before they are timed and timed in turns; a failing peer does not stop the others."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

import pytest

from benchmarks.peers.base import Peer
from benchmarks.race import NoTimes, PeerTimes, WorkerPool, race
from benchmarks.tests.stand_ins import ROUTES
from benchmarks.workloads import Workload
from conformance.cases.case import Case

pytestmark = pytest.mark.xdist_group("benchmarks")
WORKLOAD = Workload(name="small", case=Case.from_id("u4-d3-t5-b6-seq-s0").replace(return_state=False))
ROUNDS = 3
TIMED = ("first", "second")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to which two of the peers write their calls."""
    return tmp_path_factory.mktemp("race") / "calls"


@pytest.fixture(scope="module")
def outcomes(record: Path) -> Mapping[str, PeerTimes | NoTimes]:
    """Of a race between all stand-ins, those that are timed in a process of their own."""

    def stand_in(route: str, *packages: str) -> Peer:
        return Peer(
            name=route or "absent",
            module="benchmarks.tests.stand_ins",
            route=route,
            group="own" if route in TIMED else "shared",
            packages=packages,
            environment={"RECORD": str(record)},
        )

    workers = WorkerPool(threads=1)
    peers = [*map(stand_in, ROUTES), stand_in("", "no_such_package")]
    found = race(WORKLOAD.problem, lambda _: WORKLOAD.expectation(), peers, workers, seconds=0.0, rounds=ROUNDS)
    workers.stop()
    return found


def test_every_peer_has_an_outcome(outcomes: Mapping[str, PeerTimes | NoTimes]) -> None:
    """With times or without."""
    assert outcomes.keys() == {*ROUTES, "absent"}


@pytest.mark.parametrize("name", TIMED)
def test_a_conforming_peer_is_timed(outcomes: Mapping[str, PeerTimes | NoTimes], name: str) -> None:
    """It has the requested number of rounds, and the σ of its check."""
    outcome = outcomes[name]
    assert isinstance(outcome, PeerTimes)
    assert len(outcome.rounds) == ROUNDS
    assert outcome.worst_sigma is not None
    assert 0 < outcome.worst_sigma < 8


@pytest.mark.parametrize(
    ("name", "reason", "is_failure"),
    [
        ("wrong", "does not conform: outputs of call 1", True),
        ("another shape", "does not conform: outputs of call 1 have shape (4, 4, 4), expected (4, 5, 4)", True),
        ("refuses", "no such thing here", False),
        ("raises", "ValueError: something went wrong", True),
        ("dies", "its process ended with exit code 7", True),
        ("dies later", "while it was timed: its process ended with exit code 9", True),
        ("shares", "while it was timed: the process that it shared with another peer has ended", True),
        ("absent", "no_such_package is not installed", False),
    ],
)
def test_another_peer_is_reported(outcomes: Mapping[str, PeerTimes | NoTimes], name: str, reason: str, is_failure: bool) -> None:
    """It is not timed, and the reason says why."""
    outcome = outcomes[name]
    assert isinstance(outcome, NoTimes)
    assert outcome.reason.startswith(reason)
    assert outcome.is_failure is is_failure


def test_peers_take_turns(outcomes: Mapping[str, PeerTimes | NoTimes], record: Path) -> None:
    """Beside the check and the warm-up of each, calls of one never follow those of its own last turn."""
    assert outcomes
    turns = [name for name, _ in groupby(record.read_text(encoding="utf-8").split())]
    assert turns == [*TIMED] * (1 + ROUNDS)
