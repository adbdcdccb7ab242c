"""The limits that checks judge by, each with where it comes from; σ itself is derived in `lstm_ref.uncertainty`."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

from lstm_ref.uncertainty import Arithmetic

# u: half the gap between 1 and the next number of the precision.
UNIT_ROUNDOFF = MappingProxyType({"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53})

# N: what a result loses at most where it underflows. "Tensorflow always flushes denormals to zero" (openxla/xla, llvm_util.cc; its
# threads set FTZ and DAZ, tsl/platform/denormal.h): all below the smallest normal number. bfloat16 is computed in float32 and has
# its exponents. float16 is computed in float32 too, far from underflow there, and each result converted: VCVTPS2PH gives subnormal
# numbers ("MXCSR.FTZ is ignored") and VCVTPH2PS reads them ("MXCSR.DAZ is ignored"; Intel 64 and IA-32 Architectures Software
# Developer's Manual, volume 2). So it loses half the distance of its subnormal numbers.
UNDERFLOW = MappingProxyType({"float16": 2.0**-25, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022})

ARITHMETIC = MappingProxyType(
    {name: Arithmetic(unit_roundoff=UNIT_ROUNDOFF[name], underflow=UNDERFLOW[name]) for name in UNIT_ROUNDOFF}
)

# Of what the operands of float32 matrix products may be read in: TensorFloat-32 keeps 11 bits of significand, bfloat16 keeps 8.
OPERAND_ROUNDOFF = MappingProxyType({"": 0.0, "tf32": 2.0**-11, "bfloat16": 2.0**-8})


def arithmetic_of(precision: str, products: str = "") -> Arithmetic:
    """How exactly a precision computes where float32's matrix products read their operands in `products`."""
    return replace(ARITHMETIC[precision], operands=OPERAND_ROUNDOFF[products if precision == "float32" else ""])


# σ takes every rounding at its full size u; one that is uniform in [-u, u] has u/√3, so real errors are about σ/√3 at most.
ROUNDING_IN_SIGMA = 1 / math.sqrt(3)

# Largest |error| / σ of one element. σ is estimated from 24 replicas, so normal errors of size σ would exceed it with
# P(|t_24| > 8) = 3e-8, real ones with P(|t_24| > 8√3) = 6e-13: one false alarm in 12,000 runs of the documents' matrix.
ELEMENT_LIMIT = 8.0

# Largest root mean square of error / σ over an array. Its square follows F(n, 24) / 3 for n independent errors: 4 is exceeded with
# P(F > 12) = 5e-5 where n is 3, the smallest array of the documents' matrix, and with 1e-8 where it is 32.
RMS_LIMIT = 2.0

# Two runs that each lie within σ of the truth lie within √2 σ of one another.
TWO_RUNS = math.sqrt(2)
