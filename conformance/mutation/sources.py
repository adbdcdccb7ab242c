"""The files of the installed Keras that hold its recurrent code, and the overlay in which a process imports a changed one."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

LAYERS = (
    "layers.rnn.lstm",
    "layers.rnn.rnn",
    "layers.rnn.bidirectional",
    "layers.rnn.stacked_rnn_cells",
    "layers.rnn.time_distributed",
    "layers.rnn.dropout_rnn_cell",
    "layers.core.masking",
)
PREFIX = "keras.src."


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file of the installed Keras.

    Attributes:
        name: of the module, without `keras.src.`.
        text: its source code.
    """

    name: str
    text: str


def recurrent_sources(backend: str) -> list[Source]:
    """Return the files of Keras' recurrent layers, and of the loop of a backend. Keras is not imported.

    Raises:
        ModuleNotFoundError: Keras is not installed.
    """
    found = importlib.util.find_spec("keras")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("Keras is not installed here; install it with: pip install 'keras-lstm-conformance[tensorflow]'")
    folder = Path(found.origin).parent / "src"
    names = (*LAYERS, f"backend.{backend}.rnn")
    return [Source(name=name, text=folder.joinpath(*name.split(".")).with_suffix(".py").read_text("utf-8")) for name in names]


class _OneModule(MetaPathFinder):
    """Finds one module in another file than the installed one."""

    def __init__(self, name: str, file: Path) -> None:
        self._name, self._file = name, file

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of the module, and None for every other."""
        del path, target
        return importlib.util.spec_from_file_location(fullname, self._file) if fullname == self._name else None


@contextmanager
def imported_from(source: Source) -> Iterator[None]:
    """Let this process import a module of Keras from changed source code. The installed package is not touched.

    Raises:
        RuntimeError: the module is imported already, so the change would have no effect.
    """
    name = PREFIX + source.name
    if name in sys.modules:
        raise RuntimeError(f"{name} is imported already; a changed one needs a process that has not imported Keras")
    with TemporaryDirectory(prefix="lstm-conformance-", ignore_cleanup_errors=True) as folder:
        file = Path(folder, *name.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True)
        file.write_text(source.text, "utf-8")
        finder: Any = _OneModule(name, file)
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)
