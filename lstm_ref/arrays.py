"""The one array type of the reference, and the values that narrower dtypes hold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def representable(array: Array, precision: str) -> Array:
    """The nearest values that a precision holds, in float64; float64 counts as float32, for the backends that compute in it.

    >>> representable(np.array([257.0, 4097.0]), "bfloat16").tolist()  # eight bits; halves go to the even neighbour
    [256.0, 4096.0]
    """
    if precision == "bfloat16":
        mantissa, exponent = np.frexp(array)
        return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, 8)), exponent - 8))
    return array.astype("float16" if precision == "float16" else "float32").astype(np.float64)
