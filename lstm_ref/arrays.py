"""The array type of the reference, conversions to it, and rounding to narrower dtypes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_ref.errors import DtypeError

Array = NDArray[Any]


def real_array(name: str, value: Any) -> Array:
    """An array of real numbers from anything array-like; dtypes of other libraries, such as bfloat16, become float64 exactly.

    Args:
        name: the argument's name, for the message.
        value: an array, a list of lists, a number.

    Raises:
        DtypeError: NumPy makes no array of it, as of a ragged list, or its elements are not real numbers.
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind == "V" and array.dtype.type is not np.void:  # a dtype of another library, such as ml_dtypes
            array = array.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DtypeError(f"{name} must be an array of real numbers; NumPy makes none of it: {error}") from error
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    return array


def floating_array(name: str, value: Any) -> Array:
    """An array of floating-point numbers from anything array-like; floating dtypes are kept, integers become float64.

    Raises:
        DtypeError: as of `real_array`, and for booleans.
    """
    array = real_array(name, value)
    if array.dtype.kind == "b":
        raise DtypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    return array.astype(np.float64) if array.dtype.kind in "iu" else array


def to_numpy(variable: Any) -> Array:
    """A copy of a framework's variable or tensor as a NumPy array.

    torch gives its data only when detached from the graph, and a dtype that NumPy lacks only after conversion to another.
    """
    tensor = getattr(variable, "value", variable)
    tensor = tensor() if callable(tensor) else tensor
    tensor = tensor.detach().cpu() if hasattr(tensor, "detach") else tensor
    try:
        return np.array(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
    except TypeError:
        return np.array(tensor.double().numpy())


def representable(array: Array, precision: str) -> Array:
    """The nearest values of a precision, in float64. float64 is rounded to float32, in which some backends compute it.

    >>> representable(np.array([257.0, 4097.0]), "bfloat16").tolist()  # eight bits; halves are rounded to even
    [256.0, 4096.0]
    """
    if precision == "bfloat16":
        mantissa, exponent = np.frexp(array)
        return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, 8)), exponent - 8))
    return array.astype("float16" if precision == "float16" else "float32").astype(np.float64)
