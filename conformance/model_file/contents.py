"""All that is known of a model file, read in a process of its own.

HDF5's library is no match for every file: a few changed bytes can make it loop for ever, or end the process. So it reads in a child
that has a time limit, and what the parent gets is plain data.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from conformance.lifetime import end_with_parent
from conformance.model_file.archive import opened
from conformance.model_file.errors import ModelFileError
from conformance.model_file.finder import find_lstms
from conformance.model_file.layers import ModelLSTM
from conformance.model_file.safety import reasons_not_to_load
from conformance.model_file.weights import orphans, with_weights

# Seconds in which a file must have been read: a start, and what a slow disk gives.
TIME_LIMIT = 60.0
BYTES_PER_SECOND = 2e7


@dataclass(frozen=True, kw_only=True, eq=False)
class Contents:
    """A model file, read.

    Attributes:
        path: of the file.
        keras_version: that wrote it; "" where it does not say.
        config: the model's configuration, as Keras wrote it.
        lstms: in it, with their weights.
        unclaimed: places of weights with an LSTM's shapes that the configuration does not explain.
        not_loadable: why no environment should load it; none where it may.
    """

    path: Path
    keras_version: str
    config: Mapping[str, Any]
    lstms: tuple[ModelLSTM, ...]
    unclaimed: tuple[str, ...]
    not_loadable: tuple[str, ...]


def contents_of(path: Path) -> Contents:
    """The file, read in this process.

    Raises:
        ModelFileError: it is no model file, it is damaged, or it is not safe to read.
    """
    with opened(path) as file:
        found = find_lstms(file.config, file.keras_version)
        return Contents(
            path=path,
            keras_version=file.keras_version,
            config=file.config,
            lstms=with_weights(file, found),
            unclaimed=orphans(file, found),
            not_loadable=reasons_not_to_load(file),
        )


def read_apart(path: Path, read: Callable[[Path], Contents] = contents_of, start_limit: float = TIME_LIMIT) -> Contents:
    """The file, read in a process of its own.

    Raises:
        ModelFileError: as `contents_of`, or the process ended or hung.
    """
    size = path.stat().st_size if path.is_file() else 0
    context: Any = multiprocessing.get_context("spawn")  # Pebble names another type than Windows has
    pool = ProcessPool(max_workers=1, context=context, initializer=end_with_parent)
    try:
        return pool.schedule(read, args=[path], timeout=start_limit + size / BYTES_PER_SECOND).result()
    except (TimeoutError, ProcessExpired, BrokenExecutor) as error:
        what = "hung" if isinstance(error, TimeoutError) else "died"
        message = f"{path}: the file is damaged (HDF5's library {what} while it read it); copy or download it again"
        raise ModelFileError(message) from error
    finally:
        pool.stop()
        pool.join()
