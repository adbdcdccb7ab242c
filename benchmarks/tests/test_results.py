"""A run of the benchmarks, from the command to its JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import PEERS

pytestmark = pytest.mark.xdist_group("benchmarks")
PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Of the floor, and of the reference in one precision, on the smallest workload."""
    path = tmp_path_factory.mktemp("results") / "results.json"
    run = [sys.executable, "-m", "pytest", "benchmarks/test_peers.py", "-p", "no:cacheprovider"]
    command = [*run, "--quick", "-k", "ten-units and (floor or float32)", f"--benchmark-json={path}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, capture_output=True)  # noqa: S603  # a command of ours
    return json.loads(path.read_text(encoding="utf-8"))


def test_entries_say_what_was_timed(results: Any) -> None:
    """All that a report reads."""
    entry = next(entry for entry in results["benchmarks"] if entry["extra_info"]["peer"] == "lstm_ref-float32")
    extra = dict(entry["extra_info"])
    assert 0 < extra.pop("worst_sigma") < 8
    assert entry["group"] == "ten-units"
    assert extra == {
        "workload": "ten-units",
        "peer": "lstm_ref-float32",
        "threads": 1,
        "batch": 1,
        "timesteps": 10,
        "input_dim": 5,
        "units": 10,
        "sweep": None,
        "masked": False,
        "direction": "forward",
        "floor": False,
    }


def test_times_are_those_of_the_workers(results: Any) -> None:
    """As many as there were rounds, the same for all, and none is zero."""
    rounds = [entry["stats"]["data"] for entry in results["benchmarks"]]
    assert len({len(each) for each in rounds}) == 1
    assert min(map(min, rounds)) > 0


def test_the_floor_is_marked(results: Any) -> None:
    """It has no σ, since it answers nothing."""
    (floor,) = [entry["extra_info"] for entry in results["benchmarks"] if entry["extra_info"]["floor"]]
    assert floor["peer"] == "floor"
    assert floor["worst_sigma"] is None


def test_every_peer_is_there_or_absent(results: Any) -> None:
    """With versions, or with a reason; threads and the BLAS are stated."""
    info = results["machine_info"]
    assert {*info["peers"], *info["absent"]} == set(PEERS)
    assert info["peers"]["floor"].startswith("numpy ")
    assert info["threads"] == 1
    assert info["blas"]
