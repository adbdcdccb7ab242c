"""How each environment is built: `recipes.toml`, read and applied to what is asked for."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

from conformance.environments.spec import EnvironmentSpecError, Spec
from lstm_ref import LSTMError

FILE = Path(__file__).with_name("recipes.toml")


@dataclass(frozen=True, kw_only=True)
class Base:
    """A virtual environment that several lanes may share.

    Attributes:
        python: the versions of Python that it can be made for, the preferred one first.
        requirements: resolved together.
        imports: the modules that must import in it, tried once it is made.
    """

    python: tuple[str, ...]
    requirements: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Lane:
    """Versions of a system that are built alike.

    Attributes:
        system: as in a Spec.
        versions: those that the lane is for; all, where the system has none.
        bases: backend → the base's name, the default backend first.
        requirements: added to those of the base.
        overlay: installed without dependencies into a folder that comes first on sys.path.
        variables: of the environment of its processes.
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
        """The base and the lane of an environment, with its version and its backend filled in.

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
        return self._filled_in(fitting[0], spec)

    def _filled_in(self, lane: Lane, spec: Spec) -> tuple[Base, Lane]:
        backend = spec.backend or next(iter(lane.bases))
        base = self.bases[lane.bases[backend]]

        def fill(template: str) -> str:
            return template.format(version=spec.version, backend=backend)

        requirements = (*map(fill, lane.requirements), *base.requirements)
        filled = Lane(
            system=lane.system,
            versions=lane.versions,
            bases={backend: lane.bases[backend]},
            overlay=tuple(map(fill, lane.overlay)),
            variables={name: fill(value) for name, value in lane.variables.items()},
            runs=lane.runs,
            deviations=lane.deviations,
        )
        return Base(python=base.python, requirements=requirements, imports=base.imports), filled


@cache
def recipes(file: Path = FILE) -> Recipes:
    """The recipes of the file, validated.

    Raises:
        LSTMError: the file holds none; the message says which one and what is wrong.
    """
    with file.open("rb") as opened:
        said = tomllib.load(opened)
    bases = {name: _base(name, fields) for name, fields in said["base"].items()}
    lanes = tuple(_lane(fields) for fields in said["lane"])
    missing = {name for lane in lanes for name in lane.bases.values()} - bases.keys()
    if missing:
        raise LSTMError(f"{file.name}: there is no base {', '.join(sorted(missing))}; there are {', '.join(bases)}")
    return Recipes(bases=bases, lanes=lanes)


def _base(name: str, fields: Mapping[str, Any]) -> Base:
    try:
        return Base(**{key: tuple(value) for key, value in fields.items()})
    except TypeError as error:
        raise LSTMError(f"{FILE.name}, base {name}: {error}") from error


def _lane(fields: Mapping[str, Any]) -> Lane:
    lists = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
    try:
        return Lane(**{**fields, **lists, "versions": SpecifierSet(fields.get("versions", ""))})
    except (TypeError, ValueError) as error:
        raise LSTMError(f"{FILE.name}, lane of {fields.get('system')} {fields.get('versions', '')}: {error}") from error
