"""The reference of a Keras layer, read by duck typing and held to what the layer computes.

Neither a class nor a function is trusted for its name. Activations are told by their values (`identification`). Then the layer is
run once, on a small input of the reference's making, and its answer compared with the reference's: a layer that has the attributes
of an LSTM and computes something else, as a subclass with equations of its own does, is refused. What is allowed is 8 σ of a run in
the layer's compute dtype, by the model of `rounding`. Inputs and states of that run are multiples of 1/8 below 2, which every dtype
holds exactly; weights are rounded as the dtype does. Where the framework multiplies float32 matrices in fewer bits, as on a GPU
in TensorFloat-32, its product of these inputs with the kernel shows it, and operands count as rounded to bfloat16. float64 is held
to float32's rounding: some backends compute it, in part or whole, in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from lstm_ref.arrays import Array, representable, to_numpy
from lstm_ref.composite import Bidirectional, Stacked
from lstm_ref.config import LSTMConfig
from lstm_ref.errors import ShapeError, UnsupportedConfigError
from lstm_ref.keras_layers.identification import identified
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
    """The reference of a built Keras layer, of Keras 2 or 3 on any backend, with a copy of its weights and of its stored states.

    The layer is run once, at inference, and is left as it was: the states of a stateful one are put back.

    Args:
        layer: a `keras.layers.LSTM`, an `LSTMCell` or an `RNN` over one, each an `LSTM` here; a `StackedRNNCells` or an `RNN` over
            several cells, a `Stacked`; a `Bidirectional` of two of the first kind, a `Bidirectional`. A bare cell has no sequence:
            its flags are False, as are those that an older Keras does not have.
        dtype: compute dtype of the reference; see `LSTM`.
        engine: see `LSTM`.
        threads: see `LSTM`.

    Raises:
        UnsupportedConfigError: the layer is none of these, not built, time-major, has an activation that the reference does not
            model, or computes something else than the reference; the message says what, and by how much.
        ShapeError: the weights are not those of an LSTM.
    """
    read = _read(layer)
    reference = read.composed(partial(LSTM, dtype=dtype, engine=engine, threads=threads))
    _verify(layer, read)
    return reference


@dataclass(frozen=True)
class _Part:
    """One LSTM of a layer; state: the stored one, (batch, units) each, None where there is none."""

    cell: Any
    config: LSTMConfig
    weights: LSTMWeights
    state: State | None


@dataclass(frozen=True)
class _Read:
    """What a layer consists of, and how it answers as one."""

    parts: Sequence[_Part]
    compose: Callable[[Sequence[LSTM]], Reference]

    def composed(self, build: Callable[[LSTMConfig, LSTMWeights], LSTM], copies: int = 1) -> Reference:
        """The reference, built of LSTMs of a kind, each of which goes on from the stored states of the layer's rows."""
        layers = []
        for part in self.parts:
            layers.append(build(part.config, part.weights))
            if part.state is not None:
                layers[-1].store(State(*(np.tile(array, (copies, 1)) for array in (part.state.hidden, part.state.cell))))
        return self.compose(layers)


# --- reading ---------------------------------------------------------------------------------------------------------------------


def _read(layer: Any) -> _Read:
    if _has_halves(layer):
        halves = [_read(half) for half in (layer.forward_layer, layer.backward_layer)]
        if any(half.compose is Stacked for half in halves):
            raise UnsupportedConfigError(f"{_EXPECTED}; got a {_kind(layer)} over several cells: take its halves one by one")
        merge_mode = getattr(layer, "merge_mode", "concat")
        return _Read(
            [part for half in halves for part in half.parts], lambda layers: Bidirectional(layers[0], layers[1], merge_mode)
        )
    cell = getattr(layer, "cell", layer)
    cells = getattr(cell, "cells", None)
    several = isinstance(cells, list | tuple) and len(cells) > 0
    parts = list(_parts(layer, list(cells or ()) if several else [cell]))
    return _Read(parts, Stacked) if several else _Read(parts, lambda layers: layers[0])


def _has_halves(layer: Any) -> bool:
    return hasattr(layer, "forward_layer") and hasattr(layer, "backward_layer")


def _parts(layer: Any, cells: Sequence[Any]) -> Iterator[_Part]:
    """Each cell as an LSTM: those below the last return sequences, and the first alone reads backwards, for all."""
    if getattr(layer, "time_major", False):
        raise UnsupportedConfigError("time_major=True is not modelled; transpose the inputs to (batch, timesteps, input_dim)")
    flags = {flag: bool(getattr(layer, flag, False)) for flag in _FLAGS}
    stored = [to_numpy(variable) for variable in _state_variables(layer)]
    pairs: list[State | None] = [State(*stored[k : k + 2]) for k in range(0, len(stored), 2)] or [None] * len(cells)
    for position, (cell, state) in enumerate(zip(cells, pairs, strict=True)):
        below = position + 1 < len(cells)
        own = {"go_backwards": flags["go_backwards"] and not position, "return_sequences": flags["return_sequences"] or below}
        yield _Part(cell, _config(layer, cell, flags | own), _weights(layer, cell), state)


def _config(layer: Any, cell: Any, flags: dict[str, bool]) -> LSTMConfig:
    missing = [name for name in ("units", "activation", "recurrent_activation") if not hasattr(cell, name)]
    if missing or not callable(cell):
        of_what = "" if cell is layer else f", whose cell {_kind(cell)}"
        lacks = f"has no {', '.join(missing)}" if missing else "cannot be called"
        hint = "; of a model, take the layers one by one" if hasattr(layer, "layers") else ""
        raise UnsupportedConfigError(f"{_EXPECTED}; got {_kind(layer)}{of_what} {lacks}{hint}")
    return LSTMConfig(
        units=int(cell.units),
        activation=identified(cell.activation, partial(_tensor, cell)),
        recurrent_activation=identified(cell.recurrent_activation, partial(_tensor, cell)),
        use_bias=bool(getattr(cell, "use_bias", True)),
        **flags,
    )


def _weights(layer: Any, cell: Any) -> LSTMWeights:
    arrays = [getattr(cell, name, None) for name in ("kernel", "recurrent_kernel", "bias")]
    if arrays[0] is None or arrays[1] is None:
        hint = "build it or call it once first" if getattr(layer, "built", None) is False else _EXPECTED
        raise UnsupportedConfigError(f"{_kind(layer)} has no kernel and recurrent_kernel: {hint}")
    try:
        return LSTMWeights.from_arrays(*(None if array is None else to_numpy(array) for array in arrays))
    except ShapeError as error:
        raise ShapeError(f"{_kind(layer)} has not the weights of an LSTM: {error}") from error


def _state_variables(layer: Any) -> list[Any]:
    """Of a stateful layer, where it holds some: h and c of each cell, in the order in which Keras lists them."""
    if _has_halves(layer):
        return [variable for half in (layer.forward_layer, layer.backward_layer) for variable in _state_variables(half)]
    states = _flat(getattr(layer, "states", None)) if getattr(layer, "stateful", False) else []
    return [] if any(state is None for state in states) else states


def _flat(nested: Any) -> list[Any]:
    if isinstance(nested, list | tuple):
        return [leaf for each in nested for leaf in _flat(each)]
    return [nested]


def _kind(layer: Any) -> str:
    return type(layer).__name__


def _tensor(cell: Any, array: Array) -> Any:
    """A float32 array as a tensor of the cell's framework: by the policy of Keras 3; of Keras 2, by what its states start from."""
    policy: Any = getattr(cell, "dtype_policy", None)
    if hasattr(policy, "convert_input"):
        return policy.convert_input(array, False, "float32")
    if hasattr(cell, "get_initial_state"):
        return _flat(cell.get_initial_state(batch_size=len(array), dtype="float32"))[0][:, :1] + array
    return array


# --- holding it to what the layer computes ---------------------------------------------------------------------------------------


def _verify(layer: Any, read: _Read) -> None:
    """Refuse a layer whose answer is not the reference's.

    Raises:
        UnsupportedConfigError: says what is off, by how much, and where.
    """
    first = read.parts[0]
    rows = _ROWS if first.state is None else len(first.state.hidden)
    inputs = _eighths((rows, _STEPS, first.weights.input_dim), 0)
    states = [_eighths((rows, part.config.units), seed) for part in read.parts for seed in (1, 2)]
    is_cell = not (hasattr(layer, "cell") or _has_halves(layer))
    try:
        got = _step_of(layer, read, inputs, states) if is_cell else _call_of(layer, inputs)
    except Exception as error:
        raise UnsupportedConfigError(
            f"{_kind(layer)} cannot be run on inputs {inputs.shape} to see what it computes "
            f"({type(error).__name__}: {' '.join(str(error).split())})"
        ) from error
    precision = _precision(layer, read)
    rounded = _rounded(read, precision, is_cell=is_cell)
    operands = _operands(first, inputs[:, 0]) if precision == "float32" else 0.0
    arithmetic = replace(ARITHMETIC["float32" if precision == "float64" else precision], operands=operands)
    given = (inputs[:, :1], states) if is_cell else (inputs, None)
    with np.errstate(all="ignore"):  # a layer that overflows is compared for doing so alike
        expected = _answer(rounded, LSTM, 1, *given)
        build = partial(RoundingLSTM, arithmetic=arithmetic, random=np.random.Generator(np.random.SFC64(0)), copies=REPLICAS)
        replicas = _answer(rounded, build, REPLICAS, *given)
        _compare(layer, got, expected, replicas, arithmetic)


def _eighths(shape: tuple[int, ...], seed: int) -> Array:
    """Multiples of 1/8 in [-2, 2], no zeros among them, float32."""
    drawn = np.random.default_rng(seed).integers(1, 17, shape) * np.random.default_rng(seed + 100).choice([-1, 1], shape)
    return np.asarray(drawn / 8, np.float32)


def _call_of(layer: Any, inputs: Array) -> list[Array]:
    """What a layer returns; its stored states are put back."""
    variables = _state_variables(layer)
    before = [to_numpy(variable) for variable in variables]
    try:
        return [to_numpy(array) for array in _flat(layer(inputs))]
    finally:
        for variable, array in zip(variables, before, strict=True):
            variable.assign(array)


def _step_of(cell: Any, read: _Read, inputs: Array, states: Sequence[Array]) -> list[Array]:
    """What a bare cell returns of one timestep: its output, and the states of each LSTM in it."""
    tensors = [_tensor(read.parts[0].cell, state) for state in states]
    pairs = [tensors[k : k + 2] for k in range(0, len(tensors), 2)]
    returned = cell(_tensor(read.parts[0].cell, inputs[:, 0]), pairs if read.compose is Stacked else pairs[0])
    return [to_numpy(array) for array in _flat(returned)]


def _rounded(read: _Read, precision: str, *, is_cell: bool) -> _Read:
    """The same with the weights as the layer computes with them; a bare cell's states are compared too."""

    def changed(part: _Part) -> _Part:
        config = replace(part.config, return_state=True) if is_cell else part.config
        if precision == "float64":
            return replace(part, config=config)
        arrays = {name: representable(array.astype(np.float64), precision) for name, array in part.weights.arrays.items()}
        return replace(part, config=config, weights=LSTMWeights(**arrays))

    return replace(read, parts=[changed(part) for part in read.parts])


def _answer(
    read: _Read, build: Callable[[LSTMConfig, LSTMWeights], LSTM], copies: int, inputs: Array, states: Sequence[Array] | None
) -> list[Array]:
    composed = read.composed(build, copies)
    tiled = None if states is None else [np.tile(state, (copies, 1)) for state in states]
    return _flat(composed(np.tile(inputs, (copies, 1, 1)), tiled))


def _precision(layer: Any, read: _Read) -> str:
    """The coarsest dtype that is computed in; float32 where an older Keras does not say."""
    said = [str(getattr(each, "compute_dtype", None) or "float32") for each in (layer, *(part.cell for part in read.parts))]
    return max((name if name in UNIT_ROUNDOFF else "float32" for name in said), key=lambda name: UNIT_ROUNDOFF[name])


def _operands(part: _Part, vectors: Array) -> float:
    """Unit roundoff of what the framework rounds operands of float32 products to: none where its own product shows none."""
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
    shapes, wanted = [array.shape for array in got], [array.shape for array in expected]
    if shapes != wanted:
        raise UnsupportedConfigError(f"{_kind(layer)} is no LSTM of Keras': it returns arrays of shapes {shapes}, an LSTM {wanted}")
    for number, (ours, theirs, many) in enumerate(zip(expected, got, replicas, strict=True)):
        sigma = root_mean_square(many.reshape(REPLICAS, *ours.shape), ours, arithmetic)
        with np.errstate(invalid="ignore"):
            ratio = np.where((theirs == ours) | (np.isnan(theirs) & np.isnan(ours)), 0, np.abs(theirs - ours) / sigma)
        ratio = np.nan_to_num(ratio, nan=np.inf)
        if np.any(ratio > ELEMENT_LIMIT):
            at = np.unravel_index(np.argmax(ratio), ratio.shape)
            raise UnsupportedConfigError(
                f"{_kind(layer)} computes something else than an LSTM of its weights and configuration: array {number} of what it "
                f"returns holds {theirs[at]:.7g} at {[int(k) for k in at]}, the reference {ours[at]:.7g} ({ratio[at]:.3g} σ, "
                f"where rounding explains {ELEMENT_LIMIT:g}); to compare all the same, build LSTM of LSTMConfig and LSTMWeights"
            )
