"""Provides the environment of a spec: an existing one is checked and used, a missing one is built by uv."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from conformance.environments.folders import Folder, Progress
from conformance.environments.interpreters import (
    UnavailableError,
    check_interpreter,
    find_interpreter,
    python_of,
    run_command,
    uv,
    version_of,
)
from conformance.environments.recipes import FILE, Base, recipes
from conformance.environments.spec import INSTALLED, Spec

__all__ = ["Environment", "UnavailableError", "provide"]


# Files are copied, because users edit installed frameworks: an edit of a linked file would change uv's cache too.
_INSTALLING = ("--quiet", "--link-mode", "copy")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An existing environment.

    Attributes:
        spec: of the environment.
        python: its interpreter.
        paths: folders that come first on sys.path.
        variables: environment variables of its processes.
        runs: the worker's name of the system.
    """

    spec: Spec
    python: Path
    paths: tuple[Path, ...] = ()
    variables: Mapping[str, str]
    runs: str = "keras"


def provide(spec: Spec, progress: Progress = lambda _: None, *, file: Path = FILE) -> Environment:
    """Return the environment, and build it if it does not exist.

    Args:
        spec: of the environment.
        progress: gets a line for each step that takes time.
        file: of the recipes.

    Raises:
        EnvironmentSpecError: there is no recipe for it.
        UnavailableError: it cannot be provided on this machine.
    """
    try:
        return (
            _existing_environment(spec)
            if spec.interpreter or spec.system == INSTALLED
            else _build_environment(spec, progress, file)
        )
    except UnavailableError as error:
        raise UnavailableError(f"{spec} cannot be had here: {error}") from error


def _existing_environment(spec: Spec) -> Environment:
    python = spec.interpreter or Path(sys.executable)
    check_interpreter(python)
    return Environment(spec=spec, python=python, variables={"KERAS_BACKEND": spec.backend} if spec.backend else {})


def _build_environment(spec: Spec, progress: Progress, file: Path) -> Environment:
    base, lane = recipes(file).apply(spec)
    folder = Folder(
        kind="bases",
        requirements=base.requirements,
        python=base.python,
        make=partial(_make_base, base, lane.variables),
        works=lambda made: bool(version_of(python_of(made))),
    )
    python = python_of(folder.provide(progress))
    overlay = Folder(
        kind="overlays",
        requirements=lane.overlay,
        python=(version_of(python),),
        make=partial(_make_overlay, python, lane.overlay),
    )
    return Environment(
        spec=spec,
        python=python,
        paths=(overlay.provide(progress),) if lane.overlay else (),
        variables=lane.variables,
        runs=lane.runs,
    )


def _make_base(base: Base, variables: Mapping[str, str], folder: Path) -> None:
    uv("venv", "--quiet", "--relocatable", "--python", find_interpreter(base.python), folder)
    python = python_of(folder)
    uv("pip", "install", *_INSTALLING, "--python", python, *base.requirements)
    with TemporaryDirectory() as home:
        run_command(
            [str(python), "-c", f"import {', '.join(base.imports)}"],
            cwd=Path(home),
            variables={**variables, "HOME": home, "PYTHONNOUSERSITE": "1", "PYTHONPATH": ""},
        )


def _make_overlay(python: Path, requirements: tuple[str, ...], folder: Path) -> None:
    uv("pip", "install", *_INSTALLING, "--no-deps", "--python", python, "--target", folder, *requirements)
