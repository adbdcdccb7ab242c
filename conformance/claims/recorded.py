"""Recorded answers of environments, so that claims about other systems need none of these environments."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from packaging.version import Version

from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.recording import FOLDER, recording_path

SIGNATURES = FOLDER / "signatures"


@cache
def recorded_adapter(spec: str) -> EnvironmentAdapter:
    """The recording of an environment, as a started adapter."""
    adapter = EnvironmentAdapter(str(recording_path(spec)))
    adapter.start()
    return adapter


@cache
def signatures() -> Mapping[Version, Mapping[str, Any]]:
    """The recorded interfaces of the layer in versions of stand-alone Keras, in the order of versions."""
    interfaces = {}
    for path in SIGNATURES.glob("*.npz"):
        adapter = EnvironmentAdapter(str(path))
        version = Version(adapter.start()["keras"])
        interfaces[version] = adapter.describe()
    return dict(sorted(interfaces.items()))
