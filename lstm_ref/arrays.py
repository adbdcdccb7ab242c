"""The one array type of the reference, how it is read from what others have, and the values that narrower dtypes hold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_ref.errors import DtypeError

Array = NDArray[Any]


def real_array(name: str, value: Any) -> Array:
    """Anything array-like as an array of real numbers; a dtype that is not NumPy's own, as bfloat16, becomes float64, exactly.

    Args:
        name: of the argument, for the message.
        value: an array, a list of lists, a number.

    Raises:
        DtypeError: it is no array, as a ragged list, or one of other things than real numbers.
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind == "V" and array.dtype.type is not np.void:  # of another library, as those of ml_dtypes
            array = array.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DtypeError(f"{name} must be an array of real numbers; NumPy makes none of it: {error}") from error
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    return array


def to_numpy(variable: Any) -> Array:
    """A framework's variable or tensor as a NumPy array of our own.

    torch lets go of its data only when detached from its gradient, and of a dtype that NumPy has not only as another.
    """
    tensor = getattr(variable, "value", variable)
    tensor = tensor() if callable(tensor) else tensor
    tensor = tensor.detach().cpu() if hasattr(tensor, "detach") else tensor
    try:
        return np.array(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
    except TypeError:
        return np.array(tensor.double().numpy())


def representable(array: Array, precision: str) -> Array:
    """The nearest values that a precision holds, in float64; float64 counts as float32, for the backends that compute in it.

    >>> representable(np.array([257.0, 4097.0]), "bfloat16").tolist()  # eight bits; halves go to the even neighbour
    [256.0, 4096.0]
    """
    if precision == "bfloat16":
        mantissa, exponent = np.frexp(array)
        return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, 8)), exponent - 8))
    return array.astype("float16" if precision == "float16" else "float32").astype(np.float64)
