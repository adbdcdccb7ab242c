"""The installed name, where a checkout is installed: each of its modules is the checkout's own, and none is loaded twice."""

from __future__ import annotations

import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_PREFIX = f"{__name__}."


class _Alias(MetaPathFinder, Loader):
    """Finds `keras_lstm_conformance.report` as `conformance.report`, and `keras_lstm_conformance.lstm_ref` as `lstm_ref`."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002  # Python's signature
        if not fullname.startswith(_PREFIX):
            return None
        name = fullname.removeprefix(_PREFIX)
        own = importlib.util.find_spec(name if name.partition(".")[0] == "lstm_ref" else f"conformance.{name}")
        if own is None:
            return None
        alias = ModuleSpec(fullname, self, origin=own.origin, loader_state=own)
        alias.has_location = True
        return alias

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return importlib.import_module(spec.loader_state.name)

    def exec_module(self, module: ModuleType) -> None:
        """It has been run; its own description is put back."""
        module.__spec__ = module.__spec__ and module.__spec__.loader_state

    def get_code(self, fullname: str) -> Any:
        """For `python -m`, which runs a module's code as `__main__`."""
        own: Any = importlib.util.find_spec(fullname)
        return own.loader_state.loader.get_code(own.loader_state.name)


sys.meta_path.insert(0, _Alias())
