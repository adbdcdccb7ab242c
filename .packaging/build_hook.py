"""Hatchling's hook: a wheel holds one package of a name of its own, which an installed checkout has as another for its modules."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).parent


class RenamingHook(BuildHookInterface[BuilderConfig]):
    """Puts renamed sources in the place of those that pyproject.toml selects."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write what is to be packed in place of the sources.

        Raises:
            ValueError: a source cannot be renamed; it is named.
        """
        renaming = _beside("renaming")
        if version == "editable":
            build_data["force_include_editable"] = {str(HERE / "alias.py"): f"{renaming.INSTALLED}/__init__.py"}
            return
        self._folder = TemporaryDirectory(prefix="lstm-conformance-")
        for number, file in enumerate(self.build_config.builder.recurse_selected_project_files()):
            if file.path.endswith(".py"):
                written = Path(self._folder.name) / f"{number}.py"
                try:
                    written.write_text(renaming.renamed(Path(file.path).read_text("utf-8")), "utf-8")
                except ValueError as error:
                    raise ValueError(f"{file.path}, {error}") from error
                build_data["force_include"][str(written)] = file.relative_path

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002  # hatchling's signature
        """Remove what was packed."""
        if version != "editable":
            self._folder.cleanup()


def _beside(name: str) -> Any:
    """A module of this folder, which is no package and not on the path."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec and spec.loader  # noqa: S101, PT018  # for the type checker: the file is there
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
