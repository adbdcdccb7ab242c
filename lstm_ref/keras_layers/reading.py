"""The reference of a Keras layer, read by duck typing and compared with what the layer computes.

Names of classes and functions are not trusted. Activations are identified by their values (`identification`). Then the layer is run
once on a small input, and its results are compared with the reference's. A layer that has the attributes of an LSTM and computes
something else, such as a subclass with other equations, is refused. The limit is 8 σ of a run in the layer's compute dtype, by the
model of `rounding`. Inputs and states of that run are multiples of 1/8 up to 2, which every dtype represents exactly; weights are
rounded to the dtype. A framework may multiply float32 matrices with fewer bits, for example in TensorFloat-32 on a GPU. Its product
of these inputs with the kernel shows that, and operands are then taken as rounded to bfloat16. float64 layers have the limit of
float32: some backends compute them, in part or completely, in float32.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from lstm_ref.arrays import Array, representable, to_numpy
from lstm_ref.composite import Bidirectional, Stacked
from lstm_ref.config import LSTMConfig
from lstm_ref.errors import ShapeError, UnsupportedConfigError
from lstm_ref.keras_layers.identification import identify_activation
from lstm_ref.layer import LSTM
from lstm_ref.state import State
from lstm_ref.uncertainty.model import ARITHMETIC, ELEMENT_LIMIT, REPLICAS, UNIT_ROUNDOFF, Arithmetic, dot_product
from lstm_ref.uncertainty.rounding import RoundingLSTM, root_mean_square
from lstm_ref.weights import LSTMWeights

Reference = LSTM | Stacked | Bidirectional

_EXPECTED = (
    "expected a keras LSTM, an LSTMCell, a StackedRNNCells of LSTMCells, an RNN over either, or a Bidirectional of two LSTMs"
)
_FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")
_ROWS, _STEPS = 2, 3


def from_keras(layer: Any, dtype: str = "float64", *, engine: str = "oracle", threads: int = 1) -> Reference:
    """The reference of a built Keras layer, of Keras 2 or 3 on any backend, with copies of its weights and stored states.

    The layer is run once, at inference. It does not change: the states of a stateful layer are restored.

    Args:
        layer: a `keras.layers.LSTM`, an `LSTMCell` or an `RNN` over one, which give an `LSTM`; a `StackedRNNCells` or an `RNN` over
            several cells, which give a `Stacked`; a `Bidirectional` of two layers of one LSTM each, which gives a `Bidirectional`.
            The flags of a bare cell are False, and so are flags that an older Keras does not have.
        dtype: compute dtype of the reference; see `LSTM`.
        engine: see `LSTM`.
        threads: see `LSTM`.

    Raises:
        UnsupportedConfigError: the layer is of another kind, is not built or is time-major, the reference does not model its
            activation, or the layer computes something else than the reference; the message gives the difference.
        ShapeError: the weights are not those of an LSTM.
    """
    structure = _read(layer)
    reference = structure.build(partial(LSTM, dtype=dtype, engine=engine, threads=threads))
    _verify(layer, structure)
    return reference


@dataclass(frozen=True)
class _Part:
    """One LSTM of a layer; state: the stored state, (batch, units) each, or None."""

    cell: Any
    config: LSTMConfig
    weights: LSTMWeights
    state: State | None


@dataclass(frozen=True)
class _Structure:
    """The LSTMs of a layer, and the function that composes them."""

    parts: Sequence[_Part]
    compose: Callable[[Sequence[LSTM]], Reference]

    def build(self, make: Callable[[LSTMConfig, LSTMWeights], LSTM], copies: int = 1) -> Reference:
        """The composition of new LSTMs with the layer's stored states, which are repeated for copies of the batch."""
        layers = []
        for part in self.parts:
            layers.append(make(part.config, part.weights))
            if part.state is not None:
                layers[-1].store(State(*(np.tile(array, (copies, 1)) for array in (part.state.hidden, part.state.cell))))
        return self.compose(layers)


# --- reading ---------------------------------------------------------------------------------------------------------------------


def _read(layer: Any) -> _Structure:
    if _has_halves(layer):
        halves = [_read(half) for half in (layer.forward_layer, layer.backward_layer)]
        if any(half.compose is Stacked for half in halves):
            raise UnsupportedConfigError(f"{_EXPECTED}; got a {_class_name(layer)} over several cells: take its halves one by one")
        merge_mode = getattr(layer, "merge_mode", "concat")
        parts = [part for half in halves for part in half.parts]
        return _Structure(parts, lambda layers: Bidirectional(layers[0], layers[1], merge_mode))
    cell = getattr(layer, "cell", layer)
    cells = getattr(cell, "cells", None)
    if isinstance(cells, list | tuple) and cells:
        return _Structure(list(_parts(layer, cells)), Stacked)
    return _Structure(list(_parts(layer, [cell])), lambda layers: layers[0])


def _has_halves(layer: Any) -> bool:
    return hasattr(layer, "forward_layer") and hasattr(layer, "backward_layer")


def _parts(layer: Any, cells: Sequence[Any]) -> Iterator[_Part]:
    """Each cell as an LSTM: all but the last return sequences, and with go_backwards only the first reads backwards."""
    if getattr(layer, "time_major", False):
        raise UnsupportedConfigError("time_major=True is not modelled; transpose the inputs to (batch, timesteps, input_dim)")
    flags = {flag: bool(getattr(layer, flag, False)) for flag in _FLAGS}
    stored = [to_numpy(variable) for variable in _state_variables(layer)]
    pairs: list[State | None] = [State(*stored[k : k + 2]) for k in range(0, len(stored), 2)] or [None] * len(cells)
    for position, (cell, state) in enumerate(zip(cells, pairs, strict=True)):
        is_last = position + 1 == len(cells)
        changes = {
            "go_backwards": flags["go_backwards"] and position == 0,
            "return_sequences": flags["return_sequences"] or not is_last,
        }
        yield _Part(cell, _config(layer, cell, flags | changes), _weights(layer, cell), state)


def _config(layer: Any, cell: Any, flags: dict[str, bool]) -> LSTMConfig:
    missing = [name for name in ("units", "activation", "recurrent_activation") if not hasattr(cell, name)]
    if missing or not callable(cell):
        whose_cell = "" if cell is layer else f", whose cell {_class_name(cell)}"
        reason = f"has no {', '.join(missing)}" if missing else "cannot be called"
        hint = "; of a model, take the layers one by one" if hasattr(layer, "layers") else ""
        raise UnsupportedConfigError(f"{_EXPECTED}; got {_class_name(layer)}{whose_cell} {reason}{hint}")
    return LSTMConfig(
        units=int(cell.units),
        activation=identify_activation(cell.activation, partial(_tensor, cell)),
        recurrent_activation=identify_activation(cell.recurrent_activation, partial(_tensor, cell)),
        use_bias=bool(getattr(cell, "use_bias", True)),
        **flags,
    )


def _weights(layer: Any, cell: Any) -> LSTMWeights:
    arrays = [getattr(cell, name, None) for name in ("kernel", "recurrent_kernel", "bias")]
    if arrays[0] is None or arrays[1] is None:
        hint = "build it or call it once first" if getattr(layer, "built", None) is False else _EXPECTED
        raise UnsupportedConfigError(f"{_class_name(layer)} has no kernel and recurrent_kernel: {hint}")
    try:
        return LSTMWeights.from_arrays(*(None if array is None else to_numpy(array) for array in arrays))
    except ShapeError as error:
        raise ShapeError(f"{_class_name(layer)} does not have the weights of an LSTM: {error}") from error


def _state_variables(layer: Any) -> list[Any]:
    """The stored states of a stateful layer, h and c of each cell in Keras' order; empty where it has none."""
    if _has_halves(layer):
        return [variable for half in (layer.forward_layer, layer.backward_layer) for variable in _state_variables(half)]
    states = _flat(getattr(layer, "states", None)) if getattr(layer, "stateful", False) else []
    return [] if any(state is None for state in states) else states


def _flat(nested: Any) -> list[Any]:
    if isinstance(nested, list | tuple):
        return [leaf for item in nested for leaf in _flat(item)]
    return [nested]


def _class_name(layer: Any) -> str:
    return type(layer).__name__


def _tensor(cell: Any, array: Array) -> Any:
    """A float32 array as a tensor of the cell's framework: by the dtype policy in Keras 3, from initial states in Keras 2."""
    policy: Any = getattr(cell, "dtype_policy", None)
    if hasattr(policy, "convert_input"):
        return policy.convert_input(array, False, "float32")
    if hasattr(cell, "get_initial_state"):
        return _flat(cell.get_initial_state(batch_size=len(array), dtype="float32"))[0][:, :1] + array
    return array


# --- comparing with what the layer computes --------------------------------------------------------------------------------------


def _verify(layer: Any, structure: _Structure) -> None:
    """Refuse a layer whose results differ from the reference's.

    Raises:
        UnsupportedConfigError: the message gives the difference and its place.
    """
    first = structure.parts[0]
    rows = _ROWS if first.state is None else len(first.state.hidden)
    inputs = _eighths((rows, _STEPS, first.weights.input_dim), 0)
    states = [_eighths((rows, part.config.units), seed) for part in structure.parts for seed in (1, 2)]
    is_cell = not (hasattr(layer, "cell") or _has_halves(layer))
    try:
        got = _call_cell(layer, structure, inputs, states) if is_cell else _call_layer(layer, inputs)
    except Exception as error:
        raise UnsupportedConfigError(
            f"{_class_name(layer)} cannot be run on inputs {inputs.shape} to see what it computes "
            f"({type(error).__name__}: {' '.join(str(error).split())})"
        ) from error
    precision = _precision(layer, structure)
    rounded = _with_rounded_weights(structure, precision, is_cell=is_cell)
    operands = _operand_roundoff(first, inputs[:, 0]) if precision == "float32" else 0.0
    arithmetic = replace(ARITHMETIC["float32" if precision == "float64" else precision], operands=operands)
    arguments = (inputs[:, :1], states) if is_cell else (inputs, None)
    with np.errstate(all="ignore"):  # the reference has to overflow where the layer does
        expected = _call_reference(rounded, LSTM, 1, *arguments)
        make = partial(RoundingLSTM, arithmetic=arithmetic, random=np.random.Generator(np.random.SFC64(0)), copies=REPLICAS)
        replicas = _call_reference(rounded, make, REPLICAS, *arguments)
        _compare(layer, got, expected, replicas, arithmetic)


def _eighths(shape: tuple[int, ...], seed: int) -> Array:
    """Multiples of 1/8 in [-2, 2] without zeros, float32."""
    drawn = np.random.default_rng(seed).integers(1, 17, shape) * np.random.default_rng(seed + 100).choice([-1, 1], shape)
    return np.asarray(drawn / 8, np.float32)


def _call_layer(layer: Any, inputs: Array) -> list[Array]:
    """The arrays that a layer returns; its stored states are restored."""
    variables = _state_variables(layer)
    before = [to_numpy(variable) for variable in variables]
    try:
        return [to_numpy(array) for array in _flat(layer(inputs))]
    finally:
        for variable, array in zip(variables, before, strict=True):
            variable.assign(array)


def _call_cell(cell: Any, structure: _Structure, inputs: Array, states: Sequence[Array]) -> list[Array]:
    """The output and the states of each LSTM that a bare cell returns for one timestep."""
    tensors = [_tensor(structure.parts[0].cell, state) for state in states]
    pairs = [tensors[k : k + 2] for k in range(0, len(tensors), 2)]
    returned = cell(_tensor(structure.parts[0].cell, inputs[:, 0]), pairs if structure.compose is Stacked else pairs[0])
    return [to_numpy(array) for array in _flat(returned)]


def _with_rounded_weights(structure: _Structure, precision: str, *, is_cell: bool) -> _Structure:
    """The structure with weights rounded to the layer's precision; a bare cell returns its states too."""

    def changed(part: _Part) -> _Part:
        config = replace(part.config, return_state=True) if is_cell else part.config
        if precision == "float64":
            return replace(part, config=config)
        arrays = {name: representable(array.astype(np.float64), precision) for name, array in part.weights.arrays.items()}
        return replace(part, config=config, weights=LSTMWeights(**arrays))

    return replace(structure, parts=[changed(part) for part in structure.parts])


def _call_reference(
    structure: _Structure,
    make: Callable[[LSTMConfig, LSTMWeights], LSTM],
    copies: int,
    inputs: Array,
    states: Sequence[Array] | None,
) -> list[Array]:
    reference = structure.build(make, copies)
    tiled = None if states is None else [np.tile(state, (copies, 1)) for state in states]
    return _flat(reference(np.tile(inputs, (copies, 1, 1)), tiled))


def _precision(layer: Any, structure: _Structure) -> str:
    """The coarsest compute dtype of the layer and its cells; float32 in an older Keras, which has none."""
    objects = (layer, *(part.cell for part in structure.parts))
    names = [str(getattr(item, "compute_dtype", None) or "float32") for item in objects]
    return max((name if name in UNIT_ROUNDOFF else "float32" for name in names), key=UNIT_ROUNDOFF.__getitem__)


def _operand_roundoff(part: _Part, vectors: Array) -> float:
    """Unit roundoff of the operands of the framework's float32 products; 0 where its own product shows no such rounding."""
    exact, variance = dot_product(vectors.astype(np.float64), part.weights.kernel.astype(np.float64))
    variable = getattr(part.cell.kernel, "value", part.cell.kernel)
    try:
        product = to_numpy(_tensor(part.cell, vectors) @ (variable() if callable(variable) else variable))
    except Exception:  # noqa: BLE001  # a framework without this operator
        return UNIT_ROUNDOFF["bfloat16"]
    limit = ELEMENT_LIMIT * (UNIT_ROUNDOFF["float32"] * np.sqrt(np.maximum(variance, 0)) + ARITHMETIC["float32"].underflow)
    return 0.0 if np.all(np.abs(product - exact) <= limit) else UNIT_ROUNDOFF["bfloat16"]


def _compare(
    layer: Any, got: Sequence[Array], expected: Sequence[Array], replicas: Sequence[Array], arithmetic: Arithmetic
) -> None:
    shapes, expected_shapes = [array.shape for array in got], [array.shape for array in expected]
    if shapes != expected_shapes:
        raise UnsupportedConfigError(
            f"{_class_name(layer)} is not an LSTM: it returns arrays of shapes {shapes}, an LSTM {expected_shapes}"
        )
    for number, (ours, theirs, many) in enumerate(zip(expected, got, replicas, strict=True)):
        sigma = root_mean_square(many.reshape(REPLICAS, *ours.shape), ours, arithmetic)
        with np.errstate(invalid="ignore"):
            ratio = np.where((theirs == ours) | (np.isnan(theirs) & np.isnan(ours)), 0, np.abs(theirs - ours) / sigma)
        ratio = np.nan_to_num(ratio, nan=np.inf)
        if np.any(ratio > ELEMENT_LIMIT):
            at = np.unravel_index(np.argmax(ratio), ratio.shape)
            raise UnsupportedConfigError(
                f"{_class_name(layer)} computes something else than an LSTM of its weights and configuration: array {number} of "
                f"its results holds {theirs[at]:.7g} at {[int(k) for k in at]}, the reference {ours[at]:.7g} "
                f"({ratio[at]:.3g} σ, where rounding explains {ELEMENT_LIMIT:g}); to compare nevertheless, build an LSTM from "
                "LSTMConfig and LSTMWeights"
            )
