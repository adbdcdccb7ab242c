"""OpenVINO: infers only, and computes float64 in float32."""

from __future__ import annotations

from conformance.backends.backend import Backend
from conformance.conventions import Conventions

BACKEND = Backend(package="openvino", conventions=Conventions(float64="float32"), exports=("openvino",))
