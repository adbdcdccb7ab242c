"""Result files made for tests: the format's fields, and random or given times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.goals import FUSED

EXAMPLE = Path(__file__).with_name("example.json")

Entry = dict[str, Any]


def random_rounds(median: float, seed: int, count: int = 40, spread: float = 0.02) -> list[float]:
    """Random rounds around a median, with the spread of a quiet machine; (count,)."""
    random = np.random.Generator(np.random.PCG64(seed))
    return [float(each) for each in median * np.exp(spread * random.standard_normal(count))]


def entry(peer: str, rounds: Sequence[float], **fields: Any) -> Entry:
    """The fields of pytest-benchmark's entry for one peer on one workload that are read."""
    quartiles = np.quantile(rounds, (0.25, 0.75))
    return {
        "extra_info": {
            "workload": "text",
            "peer": peer,
            "threads": 1,
            "batch": 32,
            "timesteps": 100,
            "input_dim": 64,
            "units": 128,
            "sweep": None,
            "masked": False,
            "direction": "forward",
            "worst_sigma": None if peer == "floor" else 2.5,
            "floor": peer == "floor",
            **fields,
        },
        "stats": {"median": float(np.median(rounds)), "iqr": float(quartiles[1] - quartiles[0]), "data": list(rounds)},
    }


def document(*entries: Entry, threads: Any = 1, **machine: Any) -> dict[str, Any]:
    """A whole file."""
    info = {"threads": threads, "absent": {}, "peers": {}, "cpu": {"brand_raw": "A CPU", "count": 2}, "system": "Linux"}
    return {"machine_info": info | machine, "benchmarks": list(entries), "commit_info": {"id": "0123abc"}}


def pair(ratio: float, peer: str = "floor", **fields: Any) -> list[Entry]:
    """A peer whose median is 10 ms, and the fused reference at a ratio to it."""
    return [entry(peer, random_rounds(0.01, 1), **fields), entry(FUSED, random_rounds(0.01 * ratio, 2), **fields)]


def write_document(folder: Path, content: Any, name: str = "run.json") -> Path:
    """A file with any JSON value, or with a text."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path
