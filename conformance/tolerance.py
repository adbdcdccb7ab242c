"""The limits that checks judge by, each with where it comes from; σ itself is derived in `lstm_ref.uncertainty`."""

from __future__ import annotations

import math
from types import MappingProxyType

# u: half the gap between 1 and the next number of the precision.
UNIT_ROUNDOFF = MappingProxyType({"float32": 2.0**-24, "float64": 2.0**-53})

# The smallest normal number: results below it may be flushed to zero, as TensorFlow does, so σ is never smaller.
FLUSHED_BELOW = MappingProxyType({"float32": 2.0**-126, "float64": 2.0**-1022})

# Largest |error| / σ of one element. σ is estimated from 24 replicas, so for normal errors of that size P(|t_24| > 8) = 3e-8.
ELEMENT_LIMIT = 8.0

# Largest root mean square of error / σ over an array. σ adds every rounding at its full size u, so the expected value is below 1,
# and the elements of a row rise and fall together; twice the expectation is left for arrays that are one or two numbers.
RMS_LIMIT = 2.0

# Two runs that each lie within σ of the truth lie within √2 σ of one another.
TWO_RUNS = math.sqrt(2)
