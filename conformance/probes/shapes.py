"""Probes of compute_output_shape: it must return the shape of the outputs."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.judging.verdict import CheckResult
from conformance.probes.checks import check_equal
from conformance.probes.model import Probe, Subject, dyadic

FORWARD, BACKWARD, INPUT_DIM, TIMESTEPS, BATCH = 3, 4, 2, 5, 7


def _bidirectional(subject: Subject) -> tuple[CheckResult, ...]:
    forward = subject.lstm(FORWARD, return_sequences=True)
    backward = subject.lstm(BACKWARD, return_sequences=True, go_backwards=True)
    layer = subject.keras.layers.Bidirectional(forward, backward_layer=backward)
    inputs = dyadic(BATCH, TIMESTEPS, INPUT_DIM, key=9).astype("float32")
    returned = tuple(subject.read(layer(inputs)).shape)
    computed = tuple(layer.compute_output_shape(inputs.shape))
    what = f"the output shape that a Bidirectional of {FORWARD} and {BACKWARD} units says it has"
    return (check_equal("output_shape", what, computed, returned),)


def shape_probes() -> Iterator[Probe]:
    """Yield all probes of shapes."""
    yield Probe(
        trait="bidirectional-output-shape",
        judge=_bidirectional,
        asserts="a Bidirectional of unequal halves says the output shape that it has, so that a layer above it can be built",
    )
