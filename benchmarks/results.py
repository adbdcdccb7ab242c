"""Result files, read into values: pytest-benchmark's JSON, whose entries say which peer ran which workload.

What a file has to hold is written in `results.schema.json`. Files come from anywhere: one is read as data, checked whole, and
refused with one message.
"""

from __future__ import annotations

import errno
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from benchmarks.formats import threads
from conformance.system.error_messages import file_error_message

SCHEMA = Path(__file__).with_name("results.schema.json")
MADE_BY = "pytest benchmarks --benchmark-json=FILE"


class ResultsError(ValueError):
    """A result file cannot be used: which, where in it, and how to get one that can."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is computed, and on how many threads: what two times must share to be compared.

    Attributes:
        name: of the workload.
        direction: "forward", or what else is timed: "gradient" …
        threads: that each peer may use.
        batch, timesteps, input_dim, units: sizes.
        masked: whether timesteps are masked.
        sweep: the sweep over sizes that it belongs to, if to any.
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
        more = [sizes, "masked" if self.masked else "", "" if self.direction == "forward" else self.direction]
        return ", ".join([self.name, *(each for each in more if each and each not in self.name), threads(self.threads)])


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One peer on one workload.

    Attributes:
        workload: what it computed.
        peer: its name.
        is_floor: whether it is the bare matrix products, which no LSTM is without.
        rounds: seconds of each round, as they came.
        iqr: distance between the quartiles of the rounds, in seconds.
        worst_sigma: largest |error| / σ of the check before it was timed; none where nothing is checked.
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
    """Where the times were taken; two runs on equal machines can be compared by their seconds.

    Attributes:
        cpu, cores, system, python, blas: as far as they are recorded.
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
        absent: why a peer was not timed at all.
        not_timed: by the name of a workload, why a peer that is there was not timed on it.
        commit, when: of the project, and of the run; empty if not recorded.
        timings: as they came.
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
        """Workloads as they came, each with its peers from the fastest to the slowest."""
        found: dict[Workload, dict[str, Timing]] = {}
        for timing in sorted(self.timings, key=lambda timing: timing.median):
            found.setdefault(timing.workload, {})[timing.peer] = timing
        return {workload: found[workload] for workload in dict.fromkeys(timing.workload for timing in self.timings)}

    def floor(self, workload: Workload) -> Timing | None:
        """The floor of a workload, where it was timed."""
        return next((timing for timing in self.by_workload[workload].values() if timing.is_floor), None)


def read(path: Path) -> Results:
    """A result file.

    Raises:
        ResultsError: it cannot be read, is not of the format, or holds no peer's time.
    """
    document = _document(path)
    timings = tuple(
        _timing(entry, f"{path}: $.benchmarks[{index}]")
        for index, entry in enumerate(document["benchmarks"])
        if "peer" in entry["extra_info"]
    )
    if not timings:
        raise ResultsError(f"{path} holds no time of a peer: make one with {MADE_BY}")
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
            raise ResultsError(f"{path} holds {timing.peer} on {timing.workload} twice: keep the runs in files of their own")
    return results


def _document(path: Path) -> Any:
    try:
        document = _plain(json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant))
    except OSError as error:
        made = f", or make one with {_made_with(path)}" if error.errno == errno.ENOENT else ""
        raise ResultsError(f"{file_error_message('read', path, error)}{made}") from error
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path} is not a whole JSON file ({error}): make it anew with {_made_with(path)}") from error
    wrong = best_match(_validator().iter_errors(document))
    if wrong is not None:
        said = wrong.message if len(wrong.message) < 160 else f"{wrong.message[:80]} … {wrong.message[-80:]}"
        raise ResultsError(f"{path} is no result file of these benchmarks; {wrong.json_path}: {said}. Make one with {MADE_BY}")
    return document


def _made_with(path: Path) -> str:
    return MADE_BY.replace("FILE", shlex.quote(str(path)))


def _plain(value: Any) -> Any:
    """The same, its texts in one line and without what a terminal would obey."""
    match value:
        case str():
            return "".join(character if character.isprintable() else "\ufffd" for character in " ".join(value.split()))
        case dict():
            return {_plain(key): _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
    return value


@lru_cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no time")


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
        raise ResultsError(
            f"{where}: the median of its rounds is {timing.median:.6g} s, and it says {stats['median']:.6g} s: "
            f"the file was cut or edited, make it anew with {MADE_BY}"
        )
    return timing
