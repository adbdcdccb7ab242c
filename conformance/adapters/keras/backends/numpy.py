"""NumPy: infers only; its loops are those of JAX, which it needs."""

from conformance.adapters.conventions import Conventions
from conformance.adapters.keras.backends.backend import Backend

BACKEND = Backend(package="jax", conventions=Conventions(float64="float32", first_masked_output="initial_state"))
