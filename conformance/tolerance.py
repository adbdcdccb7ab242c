"""The limits that checks judge by, each with where it comes from; σ itself is derived in `lstm_ref.uncertainty`."""

from __future__ import annotations

import math
from types import MappingProxyType

# u: half the gap between 1 and the next number of the precision.
UNIT_ROUNDOFF = MappingProxyType({"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53})

# The smallest normal number: results below it may be flushed to zero, as TensorFlow does, so σ is never smaller.
FLUSHED_BELOW = MappingProxyType({"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022})

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
