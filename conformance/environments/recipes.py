"""Reads `recipes.toml`, which says how each environment is built, and applies it to a spec."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

from conformance.environments.spec import EnvironmentSpecError, Spec

FILE = Path(__file__).with_name("recipes.toml")


@dataclass(frozen=True, kw_only=True)
class Base:
    """A virtual environment that several lanes may share.

    Attributes:
        python: the versions of Python that it can be made for, the preferred one first.
        requirements: resolved together.
        imports: modules that must be importable in it; this is tested when it is made.
    """

    python: tuple[str, ...]
    requirements: tuple[str, ...] = ()
    imports: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Lane:
    """Versions of a system that are built in the same way.

    Attributes:
        system: as in a Spec.
        versions: of the lane; all for a system without versions.
        bases: backend → the base's name, the default backend first.
        requirements: added to those of the base.
        overlay: installed without dependencies into a folder that comes first on sys.path.
        variables: environment variables of its processes.
        runs: the worker's name of the system.
        deviations: names of the deviations by which `lstm_ref` describes it.
    """

    system: str
    versions: SpecifierSet
    bases: Mapping[str, str]
    requirements: tuple[str, ...] = ()
    overlay: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    runs: str
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """All bases and lanes."""

    bases: Mapping[str, Base]
    lanes: tuple[Lane, ...]

    def apply(self, spec: Spec) -> tuple[Base, Lane]:
        """Return the base and the lane of an environment, with its version and backend inserted.

        Raises:
            EnvironmentSpecError: there is no recipe for it.
        """
        of_system = [lane for lane in self.lanes if lane.system == spec.system]
        of_version = [lane for lane in of_system if not spec.version or lane.versions.contains(spec.version, prereleases=True)]
        fitting = [lane for lane in of_version if spec.backend in ("", *lane.bases)]
        if not fitting:
            known = "; ".join(f"{spec.system}{lane.versions} on {', '.join(lane.bases)}" for lane in of_version or of_system)
            raise EnvironmentSpecError(
                f"there is no recipe for {spec}, only for {known}. Where it runs all the same, name the interpreter that has it"
            )
        return self._fill_in(fitting[0], spec)

    def without_default_backend(self, spec: Spec) -> Spec:
        """Return the same environment without the backend if it is the default."""
        lanes = self._lanes_of(spec.system, spec.version)
        return replace(spec, backend="") if lanes and spec.backend == next(iter(lanes[0].bases)) else spec

    def deviations_of(self, hello: Mapping[str, str]) -> tuple[str, ...]:
        """Return the deviations that describe the system of a worker; empty if there is no lane for it."""
        packages = {"tf-keras": "tf-keras", "tf.keras": "tensorflow", "keras": "keras"}
        system = next((packages[name] for name in packages if name in hello), hello.get("implementation", ""))
        lanes = self._lanes_of(system, hello.get(system, ""))
        return lanes[0].deviations if lanes else ()

    def _lanes_of(self, system: str, version: str) -> list[Lane]:
        return [lane for lane in self.lanes if lane.system == system and lane.versions.contains(version or "0", prereleases=True)]

    def _fill_in(self, lane: Lane, spec: Spec) -> tuple[Base, Lane]:
        backend = spec.backend or next(iter(lane.bases))

        def fill(template: str) -> str:
            return template.format(version=spec.version, backend=backend)

        base = self.bases[lane.bases[backend]]
        requirements = tuple(map(fill, lane.requirements))
        variables = {name: fill(value) for name, value in lane.variables.items()}
        filled = replace(lane, requirements=requirements, overlay=tuple(map(fill, lane.overlay)), variables=variables)
        return replace(base, requirements=(*requirements, *base.requirements)), filled


@cache
def recipes(file: Path = FILE) -> Recipes:
    """Return the recipes of a file."""
    with file.open("rb") as opened:
        document = tomllib.load(opened)
    bases = {name: Base(**_frozen(fields)) for name, fields in document["base"].items()}
    lanes = [Lane(**{**_frozen(fields), "versions": SpecifierSet(fields.get("versions", ""))}) for fields in document["lane"]]
    return Recipes(bases=bases, lanes=tuple(lanes))


def _frozen(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
