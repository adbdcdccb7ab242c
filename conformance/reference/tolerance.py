"""The limits that checks judge by, each with where it comes from; σ itself is derived in `lstm_ref.uncertainty.model`."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

from lstm_ref.uncertainty import model as uncertainty
from lstm_ref.uncertainty.model import Arithmetic

# Of the reference's own model.
UNIT_ROUNDOFF, UNDERFLOW = uncertainty.UNIT_ROUNDOFF, uncertainty.UNDERFLOW
ARITHMETIC, ELEMENT_LIMIT = uncertainty.ARITHMETIC, uncertainty.ELEMENT_LIMIT

# Of what the operands of float32 matrix products may be read in: TensorFloat-32 keeps 11 bits of significand, bfloat16 keeps 8.
OPERAND_ROUNDOFF = MappingProxyType({"": 0.0, "tf32": 2.0**-11, "bfloat16": 2.0**-8})


def arithmetic_of(precision: str, products: str = "") -> Arithmetic:
    """How exactly a precision computes where float32's matrix products read their operands in `products`."""
    return replace(ARITHMETIC[precision], operands=OPERAND_ROUNDOFF[products if precision == "float32" else ""])


# σ takes every rounding at its full size u; one that is uniform in [-u, u] has u/√3, so real errors are about σ/√3 at most.
ROUNDING_IN_SIGMA = 1 / math.sqrt(3)

# Largest root mean square of error / σ over an array. Its square follows F(n, 24) / 3 for n independent errors: 4 is exceeded with
# P(F > 12) = 5e-5 where n is 3, the smallest array of the documents' matrix, and with 1e-8 where it is 32.
RMS_LIMIT = 2.0

# Of one number and of two, whose roots mean square scatter more: the limits that are exceeded as rarely, √(F / 3) rounded up.
_RMS_LIMIT_OF_FEW = MappingProxyType({1: 2.83, 2: 2.26})


def rms_limit(size: int) -> float:
    """Largest root mean square of error / σ over an array of that many numbers that rounding explains."""
    return _RMS_LIMIT_OF_FEW.get(size, RMS_LIMIT)


# Two runs that each lie within σ of the truth lie within √2 σ of one another.
TWO_RUNS = math.sqrt(2)
