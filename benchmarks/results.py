"""Reads result files: pytest-benchmark's JSON, whose entries name their peer and workload.

`results.schema.json` is the schema of a file. Files are untrusted: they are read as data and validated completely, and an invalid
file is refused with one message.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.formats import threads
from conformance.report.documents import DocumentError, load, mismatch
from conformance.system.streams import printable

SCHEMA = Path(__file__).with_name("results.schema.json")
MADE_BY = "pytest benchmarks --benchmark-json=FILE"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The computation and its threads, which must be equal where two times are compared.

    Attributes:
        name: of the workload.
        direction: "forward" or "gradient".
        threads: that each peer may use.
        batch, timesteps, input_dim, units: sizes.
        masked: whether timesteps are masked.
        sweep: the sweep over sizes that it belongs to; None for none.
    """

    name: str
    direction: str
    threads: int
    batch: int
    timesteps: int
    input_dim: int
    units: int
    masked: bool
    sweep: str | None

    def __str__(self) -> str:
        """In one line; sizes as batch×timesteps×input_dim→units."""
        sizes = f"{self.batch}×{self.timesteps}×{self.input_dim}→{self.units}"
        details = [sizes, "masked" if self.masked else "", "" if self.direction == "forward" else self.direction]
        return ", ".join([self.name, *(detail for detail in details if detail not in self.name), threads(self.threads)])


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One peer on one workload.

    Attributes:
        workload: of the times.
        peer: its name.
        is_floor: whether it computes only the matrix products that every LSTM needs.
        rounds: seconds of each round, in order.
        iqr: distance between the quartiles of the rounds, in seconds.
        worst_sigma: largest |error| / σ of the check before it was timed; None for the floor.
    """

    workload: Workload
    peer: str
    is_floor: bool
    rounds: tuple[float, ...]
    iqr: float
    worst_sigma: float | None

    @cached_property
    def median(self) -> float:
        """Seconds."""
        return float(np.median(self.rounds))


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine of a run; the seconds of two runs on equal machines can be compared.

    Attributes:
        cpu, cores, system, python, blas: empty or 0 where they are not recorded.
        threads: that each peer may use.
    """

    cpu: str
    cores: int
    system: str
    python: str
    blas: str
    threads: int


@dataclass(frozen=True, kw_only=True)
class Results:
    """One result file.

    Attributes:
        name: of the file.
        machine: where it was made.
        versions: of each peer.
        absent: the reasons why peers were not timed at all.
        not_timed: by the name of a workload, the reasons why peers were not timed on it.
        commit, when: commit of the project and time of the run; empty if not recorded.
        timings: in the order of the file.
    """

    name: str
    machine: Machine
    versions: Mapping[str, str]
    absent: Mapping[str, str]
    not_timed: Mapping[str, Mapping[str, str]]
    commit: str
    when: str
    timings: tuple[Timing, ...]

    @cached_property
    def by_workload(self) -> Mapping[Workload, Mapping[str, Timing]]:
        """The workloads in the order of the file, each with its peers from the fastest to the slowest."""
        peers: dict[Workload, dict[str, Timing]] = {}
        for timing in sorted(self.timings, key=lambda timing: timing.median):
            peers.setdefault(timing.workload, {})[timing.peer] = timing
        return {workload: peers[workload] for workload in dict.fromkeys(timing.workload for timing in self.timings)}

    def floor(self, workload: Workload) -> Timing | None:
        """The floor of a workload, where it was timed."""
        return next((timing for timing in self.by_workload[workload].values() if timing.is_floor), None)


def read(path: Path) -> Results:
    """Read a result file.

    Raises:
        DocumentError: it cannot be read, is not of the format, or holds no times of a peer.
    """
    document = _document(path)
    timings = tuple(
        _timing(entry, f"{path}: $.benchmarks[{index}]")
        for index, entry in enumerate(document["benchmarks"])
        if "peer" in entry["extra_info"]
    )
    if not timings:
        raise DocumentError(f"{path} holds no time of a peer: make one with {MADE_BY}")
    results = Results(
        name=path.name,
        machine=_machine(document["machine_info"]),
        versions=document["machine_info"]["peers"],
        absent=document["machine_info"]["absent"],
        not_timed=document["machine_info"].get("not_timed", {}),
        commit=document.get("commit_info", {}).get("id") or "",
        when=document.get("datetime", ""),
        timings=timings,
    )
    for timing in timings:
        if results.by_workload[timing.workload][timing.peer] is not timing:
            raise DocumentError(f"{path} holds {timing.peer} on {timing.workload} twice: keep the runs in files of their own")
    return results


def _document(path: Path) -> Any:
    document = _sanitized(load(path, MADE_BY.replace("FILE", shlex.quote(str(path)))))
    if invalid := mismatch(document, json.loads(SCHEMA.read_text(encoding="utf-8"))):
        raise DocumentError(f"{path} is no result file of these benchmarks; {invalid}. Make one with {MADE_BY}")
    return document


def _sanitized(value: Any) -> Any:
    """The same value with texts in one line and without control characters."""
    match value:
        case str():
            return printable(" ".join(value.split()))
        case dict():
            return {_sanitized(key): _sanitized(item) for key, item in value.items()}
        case list():
            return [_sanitized(item) for item in value]
    return value


def _machine(info: Mapping[str, Any]) -> Machine:
    cpu = info.get("cpu", {})
    return Machine(
        cpu=cpu.get("brand_raw", ""),
        cores=cpu.get("count", 0),
        system=info.get("system", ""),
        python=info.get("python_version", ""),
        blas=info.get("blas", ""),
        threads=info["threads"],
    )


def _timing(entry: Mapping[str, Any], where: str) -> Timing:
    extra, stats = entry["extra_info"], entry["stats"]
    timing = Timing(
        workload=Workload(
            name=extra["workload"],
            **{
                name: extra[name]
                for name in ("direction", "threads", "batch", "timesteps", "input_dim", "units", "masked", "sweep")
            },
        ),
        peer=extra["peer"],
        is_floor=extra.get("floor", False),
        rounds=tuple(stats["data"]),
        iqr=stats["iqr"],
        worst_sigma=extra["worst_sigma"],
    )
    if not np.isclose(timing.median, stats["median"], rtol=1e-6, atol=0):
        raise DocumentError(
            f"{where}: the median of its rounds is {timing.median:.6g} s, and it says {stats['median']:.6g} s: "
            f"the file was cut or edited, make it anew with {MADE_BY}"
        )
    return timing
