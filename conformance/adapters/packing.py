"""An observation as fields of JSON and arrays, for a process that observes in place of another one."""

from collections.abc import Mapping
from typing import Any

from conformance.adapters.observation import ARRAYS, CallObservation, Observation
from conformance.adapters.protocol import AnswerError
from lstm_ref import DropoutMasks, LSTMError
from lstm_ref.arrays import Array

_MASKS = ("inputs", "hidden")


def packed(observed: Observation) -> tuple[dict[str, Any], dict[str, Array]]:
    """The fields and the arrays of an observation."""
    arrays: dict[str, Any] = {}
    for number, call in enumerate(observed.calls):
        arrays |= {f"{number}.{name}": getattr(call, name) for name in ARRAYS}
        arrays |= {f"{number}.gradient.{name}": array for name, array in call.gradients.items()}
    for number, drawn in enumerate(observed.dropout):
        arrays |= {f"{number}.dropout.{cell}.{name}": getattr(masks, name) for cell, masks in enumerate(drawn) for name in _MASKS}
    fields = {
        "calls": [{"returned": call.returned, "dtypes": call.dtypes, "gradients": list(call.gradients)} for call in observed.calls],
        "dropout": [len(drawn) for drawn in observed.dropout],
        **{name: getattr(observed, name) for name in ("parameter_count", "weight_shapes", "path", "not_run")},
    }
    return fields, {name: array for name, array in arrays.items() if array is not None}


def unpacked(fields: Mapping[str, Any], arrays: Mapping[str, Array]) -> Observation:
    """The inverse of `packed`.

    Raises:
        AnswerError: they are of no observation.
    """
    try:
        return _observation(fields, arrays)
    except (LSTMError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise AnswerError(f"the answer does not follow the protocol: {type(error).__name__}: {error}") from error


def _observation(fields: Mapping[str, Any], arrays: Mapping[str, Array]) -> Observation:
    calls = tuple(
        CallObservation(
            **{name: arrays.get(f"{number}.{name}") for name in ARRAYS},
            gradients={name: arrays[f"{number}.gradient.{name}"] for name in call["gradients"]},
            returned=_shapes(call["returned"]),
            dtypes=tuple(call["dtypes"]),
        )
        for number, call in enumerate(fields["calls"])
    )
    dropout = tuple(
        tuple(DropoutMasks(**{name: arrays.get(f"{number}.dropout.{cell}.{name}") for name in _MASKS}) for cell in range(cells))
        for number, cells in enumerate(fields["dropout"])
    )
    return Observation(
        calls=calls,
        parameter_count=int(fields["parameter_count"]),
        weight_shapes=_shapes(fields["weight_shapes"]),
        path=str(fields["path"]),
        not_run=str(fields["not_run"]),
        dropout=dropout,
    )


def _shapes(shapes: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(map(int, shape)) for shape in shapes)
