"""OpenVINO: infers only, and computes float64 in float32."""

from conformance.adapters.conventions import Conventions
from conformance.adapters.keras.backends.backend import Backend
from conformance.cases.case import Case

# Each masked timestep makes the graph larger that is evaluated anew at the next: 320 timesteps took 88 s and 2.8 GB, by the square
# of their number; as many without a mask 0.06 s.
_MASKED_TIMESTEPS = 256


def _too_costly(case: Case) -> str:
    if case.mask == "none" or case.timesteps <= _MASKED_TIMESTEPS:
        return ""
    return (
        f"not asked on the openvino backend: with a mask, its time and memory grow with the square of the timesteps, and these are "
        f"{case.timesteps}, of {_MASKED_TIMESTEPS} at most; ask the case without a mask, or on another backend"
    )


BACKEND = Backend(package="openvino", conventions=Conventions(float64="float32"), exports=("openvino",), too_costly=_too_costly)
