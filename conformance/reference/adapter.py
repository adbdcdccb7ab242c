"""The reference as an implementation under test. The reference and its fused engine must pass; a deviation must fail."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from conformance.adapters.base import UnsupportedError
from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.adapters.observation import ARRAYS, CallObservation, Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.reference.oracle import Oracle
from lstm_ref import LSTM, DropoutMasks
from lstm_ref.arrays import Array, representable
from lstm_ref.deviations import Deviation, combine
from lstm_ref.layer import COMPUTE_DTYPES


@dataclass(frozen=True)
class ReferenceAdapter:
    """Runs the reference call by call, as a user would, or a deviation of it.

    Args:
        deviation: names joined by +; None for the reference itself.
        conventions: of the backend that it imitates.
        dropout: the drawn masks; if empty, masks that an implementation could draw.
        keras: None, because the reference is no Keras.
    """

    deviation: str | None = None
    conventions: Conventions = DEFAULT_CONVENTIONS
    dropout: tuple[tuple[DropoutMasks, ...], ...] = ()
    keras: None = None

    def start(self) -> Mapping[str, str]:
        """Return the names and versions; there is nothing to load."""
        name = "lstm_ref" if self.deviation is None else f"lstm_ref with {self.deviation}"
        return {"implementation": name, "numpy": np.__version__, "python": platform.python_version()}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Compute in float64 on inputs rounded to the case's precision; the results get the dtype that Keras would return."""
        deviation = Deviation(name="", summary="") if self.deviation is None else combine(self.deviation.split("+"))
        drawn = deviation.dropout(self.dropout or stimulus.dropout_of(case), case.in_training)
        layer: type[LSTM] = deviation.layer
        casts = layer.casts_inputs or case.mask_source == "embedding"  # an embedding's outputs have the policy's dtype
        precision = self.conventions.compute_dtype(case.precision) if casts else "float64"
        oracle = Oracle(
            build=deviation.build,
            stacked=deviation.stacked,
            bidirectional=deviation.bidirectional,
            precision=precision,
            dropout=drawn,
            emits_initial_state=self.conventions.emits_initial_state(case) or None,  # None: the deviation decides
        )
        asks_gradients = case.execution.route == "gradient"
        calls = oracle.observe(case.replace(route="training") if asks_gradients else case, stimulus)
        if asks_gradients:
            # A deviation of the gradients has the exact forward pass, and a deviation of the forward pass has the exact gradients.
            exact_gradients = Oracle(
                stacked=deviation.d_stacked,
                bidirectional=deviation.d_bidirectional,
                backpropagation=deviation.backpropagation,
                precision=self.conventions.compute_dtype(case.precision),
                dropout=drawn,
            )
            calls = tuple(
                replace(call, gradients=exact.gradients)
                for call, exact in zip(calls, _observe_cached(exact_gradients, case, stimulus), strict=True)
            )
        dtype = self.conventions.returned_dtype(case.precision) if casts else case.input_dtype
        return observation(oracle, case, stimulus, [cast_call(call, dtype) for call in calls], drawn)


@dataclass(frozen=True)
class FusedAdapter:
    """Runs the reference's fused engine in the case's precision. It is judged as any other implementation."""

    threads: int = 1
    conventions: Conventions = DEFAULT_CONVENTIONS
    keras: None = None

    def start(self) -> Mapping[str, str]:
        """Return the names and versions; there is nothing to load."""
        name = f"lstm_ref, fused, on {self.threads} thread{'s' * (self.threads > 1)}"
        return {"implementation": name, "numpy": np.__version__, "python": platform.python_version()}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Compute as `ReferenceAdapter` without a deviation, but in the case's precision."""
        if case.precision not in COMPUTE_DTYPES:
            raise UnsupportedError(f"the fused engine computes in {' or '.join(COMPUTE_DTYPES)}, not in {case.precision}")
        drawn = stimulus.dropout_of(case) if case.in_training else ()
        build = partial(LSTM, dtype=case.precision, engine="fused", threads=self.threads)
        oracle = Oracle(build=build, precision=case.precision, dropout=drawn)
        calls = [cast_call(call, case.precision) for call in oracle.observe(case, stimulus)]
        observed = observation(oracle, case, stimulus, calls, drawn)
        return replace(observed, path=f"NumPy, {case.precision}, fused")


def observation(
    oracle: Oracle,
    case: Case,
    stimulus: Stimulus,
    calls: Sequence[CallObservation],
    dropout: tuple[tuple[DropoutMasks, ...], ...] = (),
) -> Observation:
    """Make the observation of an oracle from its calls and the masks of dropout."""
    arrays = [array for part in oracle.compose(case, stimulus).layers for array in part.weight_arrays.values()]
    return Observation(
        calls=tuple(calls),
        parameter_count=sum(array.size for array in arrays),
        weight_shapes=tuple(array.shape for array in arrays),
        path="NumPy, float64",
        dropout=dropout,
    )


@lru_cache(maxsize=1)
def _observe_cached(oracle: Oracle, case: Case, stimulus: Stimulus) -> tuple[CallObservation, ...]:
    """Run the oracle. The result is cached, because most deviations share the exact gradients."""
    return oracle.observe(case, stimulus)


def cast_call(call: CallObservation, dtype: str) -> CallObservation:
    """Cast all arrays of a call to the dtype that Keras would return; for bfloat16, which NumPy lacks, to float32."""
    arrays: dict[str, Any] = {name: None if (array := getattr(call, name)) is None else _cast(array, dtype) for name in ARRAYS}
    gradients = {name: _cast(array, dtype) for name, array in call.gradients.items()}
    return replace(call, **arrays, gradients=gradients, dtypes=(dtype,) * len(call.returned))


def _cast(array: Array, dtype: str) -> Array:
    return representable(array, dtype).astype("float32") if dtype == "bfloat16" else array.astype(dtype)
