"""The contents of a model file, read in a child process.

A few changed bytes can make HDF5's library loop for ever or end the process. So a child process with a time limit reads the file
and returns plain data.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from conformance.model_file.archive import open_model_file
from conformance.model_file.errors import ModelFileError
from conformance.model_file.finder import find_foreign, find_lstms
from conformance.model_file.layers import LSTMLayer, ModelLSTM
from conformance.model_file.safety import reasons_not_to_load
from conformance.model_file.weights import name_of_windows, unclaimed_weights, with_weights
from conformance.system.lifetime import exit_with_parent

# Seconds in which a file must be read: for the start of the process, and for the bytes of a slow disk.
TIME_LIMIT = 60.0
BYTES_PER_SECOND = 2e7


@dataclass(frozen=True, kw_only=True, eq=False)
class Contents:
    """The contents of a model file.

    Attributes:
        path: of the file.
        is_archive: whether it is a `.keras` archive by its contents, else HDF5.
        keras_version: that wrote the file; "" where the file does not say.
        config: the model's configuration, as Keras wrote it.
        lstms: the LSTMs with their weights.
        name_of_windows: a name of weights with the separators of Windows; "" where there is none.
        unclaimed: places of weights with an LSTM's shapes that belong to no LSTM of the configuration, and why.
        assumed: what the file does not say, and what is assumed; "" where nothing is.
        not_loadable: why no environment should load the file; empty where it may be loaded.
    """

    path: Path
    is_archive: bool
    keras_version: str
    config: Mapping[str, Any]
    lstms: tuple[ModelLSTM, ...]
    name_of_windows: str
    unclaimed: tuple[str, ...]
    assumed: str
    not_loadable: tuple[str, ...]


def contents_of(path: Path) -> Contents:
    """The file, read in this process.

    Raises:
        ModelFileError: it is no model file, it is damaged, or it is not safe to read.
    """
    with open_model_file(path) as file:
        found, foreign = find_lstms(file.config, file.keras_version), find_foreign(file.config)
        return Contents(
            path=path,
            is_archive=file.is_archive,
            keras_version=file.keras_version,
            config=file.config,
            lstms=with_weights(file, found, foreign),
            name_of_windows=name_of_windows(file),
            unclaimed=unclaimed_weights(file, found, foreign),
            assumed=_assumed(found, is_archive=file.is_archive),
            not_loadable=reasons_not_to_load(file),
        )


def _assumed(found: Sequence[LSTMLayer], *, is_archive: bool) -> str:
    """The assumption that names mean Keras' own: a `.h5` file does not give the module of a class, no file that of a function."""
    configs = [each.config for each in found if each.config is not None]
    names = {name for config in configs for name in (config.activation, config.recurrent_activation) if name is not None}
    if not configs or not (names or not is_archive):
        return ""
    assumed = ([] if is_archive else ["LSTM"]) + sorted(name.removesuffix("_keras2") for name in names)
    kind = "function" if is_archive else "class or function"
    return f"whose {kind} a name means is not in the file: {', '.join(assumed)} are taken for Keras' own, as Keras takes them"


def read_in_subprocess(path: Path, read: Callable[[Path], Contents] = contents_of, start_limit: float = TIME_LIMIT) -> Contents:
    """The contents of a file, read in a child process.

    Raises:
        ModelFileError: as `contents_of`, or the process died or hung.
    """
    size = path.stat().st_size if path.is_file() else 0
    context: Any = multiprocessing.get_context("spawn")  # Pebble names another type than Windows has
    pool = ProcessPool(max_workers=1, context=context, initializer=exit_with_parent)
    try:
        return pool.schedule(read, args=[path], timeout=start_limit + size / BYTES_PER_SECOND).result()
    except (TimeoutError, ProcessExpired, BrokenExecutor) as error:
        what = "hung" if isinstance(error, TimeoutError) else "died"
        message = f"{path}: the file is damaged (HDF5's library {what} while it read it); copy or download it again"
        raise ModelFileError(message) from error
    finally:
        pool.stop()
        pool.join()
