"""Files of arrays, from anywhere: read as data, whole, or refused by one kind of error."""

from __future__ import annotations

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from lstm_ref import LSTMError
from lstm_ref.arrays import Array

# What NumPy lets through of a file that is damaged, or another: its own errors, and those of zip archives, of what is compressed in
# them, by a method that is not there (NotImplementedError) or with a password (RuntimeError), and of sizes that no memory holds.
_UNREADABLE = (OSError, ValueError, EOFError, KeyError, MemoryError, OverflowError, RuntimeError, BadZipFile, zlib.error)


class ArrayFileError(LSTMError):
    """The file holds no arrays, or cannot be read; the message is the reason alone."""


def load_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an .npz file by name; that of an .npy file by the name "".

    Raises:
        ArrayFileError: it is none.
    """
    try:
        with path.open("rb") as file:
            held = np.load(file, allow_pickle=False)
            arrays = {name: held[name] for name in held.files} if isinstance(held, np.lib.npyio.NpzFile) else {"": held}
    except _UNREADABLE as error:
        reason = "no array, but pickled objects, which may run code" if "pickle" in str(error) else str(error)
        raise ArrayFileError(reason or type(error).__name__) from error
    if others := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise ArrayFileError(f"{others[0]} in it is no array")
    return arrays
