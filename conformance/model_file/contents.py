"""All that is known of a model file, read in a process of its own.

HDF5's library is no match for every file: a few changed bytes can make it loop for ever, or end the process. So it reads in a child
that has a time limit, and what the parent gets is plain data.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from conformance.model_file.archive import opened
from conformance.model_file.errors import ModelFileError
from conformance.model_file.finder import find_foreign, find_lstms
from conformance.model_file.layers import FoundLSTM, ModelLSTM
from conformance.model_file.safety import reasons_not_to_load
from conformance.model_file.weights import name_of_windows, unclaimed_weights, with_weights
from conformance.system.lifetime import exit_with_parent

# Seconds in which a file must have been read: a start, and what a slow disk gives.
TIME_LIMIT = 60.0
BYTES_PER_SECOND = 2e7


@dataclass(frozen=True, kw_only=True, eq=False)
class Contents:
    """A model file, read.

    Attributes:
        path: of the file.
        is_archive: a `.keras` archive by what is in it, else HDF5.
        keras_version: that wrote it; "" where it does not say.
        config: the model's configuration, as Keras wrote it.
        lstms: in it, with their weights.
        name_of_windows: of weights in it, where names have the separators of Windows; "" where they have not.
        unclaimed: where weights with an LSTM's shapes lie that no LSTM of the configuration has, and why.
        assumed: what the file does not say, and how it is taken; "" where it says all that was needed.
        not_loadable: why no environment should load it; none where it may.
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
    with opened(path) as file:
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


def _assumed(found: Sequence[FoundLSTM], *, is_archive: bool) -> str:
    """A `.keras` archive says of a class whose it is and a `.h5` file does not; of a function, no file says it."""
    configs = [each.config for each in found if each.config is not None]
    names = {name for config in configs for name in (config.activation, config.recurrent_activation) if name is not None}
    if not configs or not (names or not is_archive):
        return ""
    taken = ([] if is_archive else ["LSTM"]) + sorted(name.removesuffix("_keras2") for name in names)
    what = "function" if is_archive else "class or function"
    return f"whose {what} a name means is not in the file: {', '.join(taken)} are taken for Keras' own, as Keras takes them"


def read_apart(path: Path, read: Callable[[Path], Contents] = contents_of, start_limit: float = TIME_LIMIT) -> Contents:
    """The file, read in a process of its own.

    Raises:
        ModelFileError: as `contents_of`, or the process ended or hung.
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
