"""What environments answered when they were recorded: claims on other systems read it, and so need none of them here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from packaging.version import Version

from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.recording import FOLDER, recording_path

SIGNATURES = FOLDER / "signatures"


@cache
def recorded(spec: str) -> EnvironmentAdapter:
    """The recording of an environment, started."""
    adapter = EnvironmentAdapter(str(recording_path(spec)))
    adapter.start()
    return adapter


@cache
def signatures() -> Mapping[Version, Mapping[str, Any]]:
    """What versions of stand-alone Keras say of their layer's interface, in the order of versions."""
    found = {}
    for path in SIGNATURES.glob("*.npz"):
        adapter = EnvironmentAdapter(str(path))
        version = Version(adapter.start()["keras"])
        found[version] = adapter.describe()
    return dict(sorted(found.items()))
