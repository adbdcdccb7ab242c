"""The limits of the checks, each with its derivation. σ itself is derived in `lstm_ref.uncertainty.model`."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

from lstm_ref.uncertainty import model as uncertainty
from lstm_ref.uncertainty.model import Arithmetic

# Taken from the reference's own model.
UNIT_ROUNDOFF, UNDERFLOW = uncertainty.UNIT_ROUNDOFF, uncertainty.UNDERFLOW
ARITHMETIC, ELEMENT_LIMIT = uncertainty.ARITHMETIC, uncertainty.ELEMENT_LIMIT

# Unit roundoff of the operands of float32 matrix products: TensorFloat-32 keeps 11 bits of significand, bfloat16 keeps 8.
OPERAND_ROUNDOFF = MappingProxyType({"": 0.0, "tf32": 2.0**-11, "bfloat16": 2.0**-8})


def arithmetic_of(precision: str, products: str = "") -> Arithmetic:
    """Return the arithmetic of a precision whose float32 matrix products read their operands in the format `products`."""
    return replace(ARITHMETIC[precision], operands=OPERAND_ROUNDOFF[products if precision == "float32" else ""])


# σ counts every rounding with its full size u. A rounding uniform in [-u, u] has u/√3, so real errors are about σ/√3 at most.
ROUNDING_IN_SIGMA = 1 / math.sqrt(3)

# Largest root mean square of error / σ over an array. Its square follows F(n, 24) / 3 for n independent errors: 4 is exceeded with
# P(F > 12) = 5e-5 where n is 3, the smallest array of the documents' matrix, and with 1e-8 where it is 32.
RMS_LIMIT = 2.0

# For one number and for two, the root mean square scatters more. These limits are exceeded as rarely: √(F / 3), rounded up.
_RMS_LIMIT_OF_FEW = MappingProxyType({1: 2.83, 2: 2.26})


def rms_limit(size: int) -> float:
    """Return the largest root mean square of error / σ that rounding explains in an array of that many numbers."""
    return _RMS_LIMIT_OF_FEW.get(size, RMS_LIMIT)


# Two runs that each lie within σ of the exact result lie within √2 σ of each other.
TWO_RUNS = math.sqrt(2)
