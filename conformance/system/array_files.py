"""Reads array files from any source. A file is read as data only; every unreadable file raises the same error."""

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from lstm_ref import LSTMError
from lstm_ref.arrays import Array

# Exceptions that NumPy raises for a damaged file or for another kind of file: its own, those of zip archives and of their
# compression, of an unknown compression method (NotImplementedError), of a password (RuntimeError), and of sizes beyond the memory.
_UNREADABLE = (OSError, ValueError, EOFError, KeyError, MemoryError, OverflowError, RuntimeError, BadZipFile, zlib.error)


class ArrayFileError(LSTMError):
    """The file holds no arrays, or cannot be read. The message holds the reason only."""


def load_arrays(path: Path) -> dict[str, Array]:
    """Return the arrays of an .npz file by name. The array of an .npy file has the name "".

    Raises:
        ArrayFileError: the file holds no arrays or cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            arrays = {name: content[name] for name in content.files} if isinstance(content, np.lib.npyio.NpzFile) else {"": content}
    except _UNREADABLE as error:
        reason = "no array, but pickled objects, which may run code" if "pickle" in str(error) else str(error)
        raise ArrayFileError(reason or type(error).__name__) from error
    if others := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise ArrayFileError(f"{others[0]} in it is no array")
    return arrays
