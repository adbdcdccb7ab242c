"""Probes of the parts of a Bidirectional and of stacked cells: which part reads, carries and forgets which state."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import (
    ACTIVATIONS,
    ARCHITECTURES,
    BATCH,
    INPUT_DIM,
    MASK,
    TIMESTEPS,
    UNITS,
    cell_of,
    integer_inputs,
    integer_states,
    integer_weights,
    load,
)
from conformance.probes.checks import check_close, check_equal
from conformance.probes.model import Probe, Subject
from lstm_ref import GATE_ORDER, LSTM, Bidirectional, LSTMConfig, LSTMWeights, Stacked
from lstm_ref.arrays import Array

BIDIRECTIONAL = ARCHITECTURES["bidi"]
MERGE_MODES = ("concat", "sum", "mul", "ave", None)


def compare_returned(subject: Subject, got: Any, expected: Any) -> tuple[CheckResult, ...]:
    """Check each returned tensor, outputs and then states, in the order in which they come."""
    flat_got, flat_expected = subject.keras.tree.flatten(got), subject.keras.tree.flatten(expected)
    number = check_equal("number", "the number of returned tensors", len(flat_got), len(flat_expected))
    pairs = enumerate(zip(flat_got, flat_expected, strict=False))
    return number, *(
        check_close("returned", f"returned tensor {k}", subject.read(a), np.asarray(b, np.float64)) for k, (a, b) in pairs
    )


def _bidirectional_states(
    subject: Subject, *, merge_mode: str | None, return_sequences: bool, masked: bool
) -> tuple[CheckResult, ...]:
    """Judge a Bidirectional with four different initial states."""
    flags = {"return_sequences": return_sequences, "return_state": True}
    lstm = subject.lstm(UNITS, **ACTIVATIONS, **flags)
    layer = load(subject.keras.layers.Bidirectional(lstm, merge_mode=merge_mode), BIDIRECTIONAL.input_shape, *BIDIRECTIONAL.weights)
    forward, backward = BIDIRECTIONAL.reference(BIDIRECTIONAL.weights, **flags).layers
    states, mask = integer_states(4), {"mask": MASK} if masked else {}
    got = layer(BIDIRECTIONAL.inputs, initial_state=states, **mask)
    return compare_returned(subject, got, Bidirectional(forward, backward, merge_mode)(BIDIRECTIONAL.inputs, states, **mask))


def _unequal_halves(subject: Subject, *, merge_mode: str | None, return_sequences: bool, masked: bool) -> tuple[CheckResult, ...]:
    """Judge a Bidirectional whose two layers are given and have different units."""
    flags = {"return_sequences": return_sequences, "return_state": True}
    zeroing: dict[str, Any] = flags | {"zero_output_for_mask": return_sequences}
    widths, weights = (UNITS, UNITS + 1), [integer_weights(UNITS + key, INPUT_DIM, key) for key in range(2)]
    halves = [
        subject.lstm(units, **ACTIVATIONS, **flags, go_backwards=back) for units, back in zip(widths, (False, True), strict=True)
    ]
    layer = subject.keras.layers.Bidirectional(halves[0], backward_layer=halves[1], merge_mode=merge_mode)
    load(layer, BIDIRECTIONAL.input_shape, *weights)
    mask = MASK if masked else None
    (forward, *forward_states), (backward, *backward_states) = (
        LSTM(LSTMConfig(each.units, **ACTIVATIONS, **zeroing, go_backwards=back), each)(BIDIRECTIONAL.inputs, mask=mask)
        for each, back in zip(weights, (False, True), strict=True)
    )
    outputs = [forward, backward[:, ::-1] if return_sequences else backward]
    merged = outputs if merge_mode is None else [np.concatenate(outputs, axis=-1)]
    got = layer(BIDIRECTIONAL.inputs, mask=mask)
    return compare_returned(subject, got, [*merged, *forward_states, *backward_states])


def _use_cudnn_of_halves(subject: Subject, *, use_cudnn: bool | str) -> tuple[CheckResult, ...]:
    """Judge the halves of a Bidirectional, which no config tells whether to use cuDNN."""
    layer = subject.keras.layers.Bidirectional(subject.lstm(UNITS, use_cudnn=use_cudnn))
    found = [half.use_cudnn for half in (layer.forward_layer, layer.backward_layer)]
    return (check_equal("use_cudnn", "use_cudnn of both halves", found, [use_cudnn] * 2),)


def _halves(subject: Subject) -> tuple[CheckResult, ...]:
    """Judge a Bidirectional that is not built: the names of its halves, and of a built one: the order of its states."""
    bidirectional = subject.keras.layers.Bidirectional
    lstm = subject.lstm(UNITS, stateful=True, name="read")
    layer = bidirectional(lstm)
    config = layer.get_config()
    before = repr(config)
    bidirectional.from_config(config)
    layer.build(BIDIRECTIONAL.input_shape)
    halves = (layer.forward_layer, layer.backward_layer)
    expected = [id(state) for half in halves for state in half.states]
    return (
        check_equal("names", "the names of both halves", [half.name for half in halves], ["forward_read", "backward_read"]),
        check_equal("states", "whether states is the forward half's, then the other's", [id(s) for s in layer.states], expected),
        check_equal("config", "whether from_config leaves the config as it was", repr(config) == before, True),
    )


def _bidirectional_reset(subject: Subject, *, which: tuple[str, ...]) -> tuple[CheckResult, ...]:
    """Judge the outputs of two calls, and of one after a reset of some halves; "layer" resets the whole."""
    layer = BIDIRECTIONAL.loaded(subject, stateful=True)
    reference = BIDIRECTIONAL.reference(BIDIRECTIONAL.weights, stateful=True)

    def compare(check: str, what: str) -> CheckResult:
        return check_close(check, what, subject.read(layer(BIDIRECTIONAL.inputs)), reference(BIDIRECTIONAL.inputs))

    carried = [compare("carried", f"outputs of the {call} call") for call in ("first", "second")]
    for each in which:
        (layer if each == "layer" else getattr(layer, f"{each}_layer")).reset_state()
    for each, half in zip(("forward", "backward"), reference.layers, strict=True):
        if each in which or "layer" in which:
            half.reset_state()
    return (*carried, compare("reset", f"outputs after a reset of {' and '.join(which)}"))


def _stacked_reference(weights: list[LSTMWeights], flags: dict[str, bool]) -> Stacked:
    """The reference of an RNN over several cells: the lowest decides the direction, the uppermost what is returned."""
    stateful, last = flags.get("stateful", False), len(weights) - 1
    configs = [
        LSTMConfig(
            each.units,
            **ACTIVATIONS,
            stateful=stateful,
            go_backwards=k == 0 and flags.get("go_backwards", False),
            return_sequences=k < last or flags["return_sequences"],
            return_state=k == last,
        )
        for k, each in enumerate(weights)
    ]
    return Stacked([LSTM(config, each) for config, each in zip(configs, weights, strict=True)])


def _stacked_cells(
    subject: Subject, *, widths: tuple[int, ...], masked: bool = False, with_states: bool = False, **flags: bool
) -> tuple[CheckResult, ...]:
    """Judge two calls of an RNN over cells of these widths, the first of which is that of the inputs."""
    weights = [integer_weights(units, below, key) for key, (below, units) in enumerate(itertools.pairwise(widths))]
    flags = {"return_sequences": True, "return_state": True} | flags
    shape = (BATCH, TIMESTEPS, widths[0])
    cells = [cell_of(subject, units, **ACTIVATIONS) for units in widths[1:]]
    layer = load(subject.keras.layers.RNN(cells, **flags), shape, *weights)
    reference = _stacked_reference(weights, flags)
    states = [integer_states(2, units) for units in widths[1:]] if with_states else None
    mask = {"mask": MASK} if masked else {}
    results: list[CheckResult] = []
    for key in range(2):
        inputs = integer_inputs(*shape, key=key)
        results += compare_returned(subject, layer(inputs, initial_state=states, **mask), reference(inputs, states, **mask))
    return tuple(results)


def _stacked_sizes(subject: Subject, *, widths: tuple[int, ...]) -> tuple[CheckResult, ...]:
    """Judge what a stack of cells of different units, and an RNN over it, say of their sizes and initial states."""
    keras, open_shape = subject.keras, (None, None, INPUT_DIM)
    stack = keras.layers.StackedRNNCells([cell_of(subject, units) for units in widths])
    layer = keras.layers.RNN(stack, return_sequences=True, return_state=True)
    initial = keras.tree.map_structure(lambda state: tuple(state.shape), stack.get_initial_state(batch_size=BATCH))
    said = keras.tree.flatten(layer(keras.Input(open_shape[1:])))
    states = [(units, units) for units in widths]
    shapes = [(None, None, widths[-1]), *((None, units) for units in widths for _ in range(2))]
    return (
        check_equal("output_size", "output_size of a stack", stack.output_size, widths[-1]),
        check_equal("state_size", "state_size of a stack", [tuple(sizes) for sizes in stack.state_size], states),
        check_equal("initial", "shapes of its initial states", [each for pair in initial for each in pair], _of_batch(widths)),
        check_equal("said", "the shapes that an RNN says it returns", [tuple(tensor.shape) for tensor in said], shapes),
    )


def _of_batch(widths: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(BATCH, units) for units in widths for _ in range(2)]


def _ones_of(units: int, input_dim: int) -> LSTMWeights:
    """Weights of a cell that emits ones: open gates, no memory, a candidate of 1."""
    bias = np.concatenate([np.zeros(units) if gate == "f" else np.ones(units) for gate in GATE_ORDER])
    return LSTMWeights(np.zeros((input_dim, 4 * units)), np.zeros((units, 4 * units)), bias)


def _identity_of(units: int) -> LSTMWeights:
    """Weights of a cell that emits its inputs."""
    weights = _ones_of(units, units)
    weights.gate("c").kernel[:] = np.eye(units)
    weights.gate("c").bias[:] = 0  # type: ignore[index]  # there is a bias
    return weights


def _dropout_of_second_cell(subject: Subject) -> tuple[CheckResult, ...]:
    """Judge the dropout of the second of two cells by the ones that it reads: they come as they are, doubled or as zeros.

    Two features, or two rows, have the same mask by chance with a probability of 2^-64, so all of them with one far below 1e-9.
    """
    units, batch = 8, 64
    cells = [cell_of(subject, units, **ACTIVATIONS), cell_of(subject, units, **ACTIVATIONS, dropout=0.5)]
    layer = subject.keras.layers.RNN(cells, return_sequences=True)
    load(layer, (batch, TIMESTEPS, 1), _ones_of(units, 1), _identity_of(units))
    outputs = subject.read(layer(np.ones((batch, TIMESTEPS, 1), np.float32), training=True))
    drawn: Array = outputs[:, 0]
    return (
        check_equal("scale", "the values of a masked 1", sorted(set(outputs.ravel().tolist())), [0.0, 2.0]),
        check_close("constant", "the masks of all timesteps", outputs, np.repeat(outputs[:, :1], TIMESTEPS, axis=1)),
        check_equal("features", "the number of different masks of features", len({*map(tuple, drawn.T.tolist())}), units),
        check_equal("rows", "whether all rows have one mask", bool((drawn == drawn[:1]).all()), False),
    )


def composite_probes() -> Iterator[Probe]:
    """Yield all probes of the parts of composites."""
    called = {"last": (False, False), "seq": (True, False), "masked": (True, True)}
    for merge_mode, label in itertools.product(MERGE_MODES, called):
        yield Probe(
            trait="bidirectional-states",
            judge=_bidirectional_states,
            asserts="each half of a Bidirectional starts from its own initial states, returns its own, and is merged",
            parameters={"merge_mode": merge_mode, **dict(zip(("return_sequences", "masked"), called[label], strict=True))},
            label=f"{merge_mode or 'none'}-{label}",
        )
    for merge_mode, label in itertools.product(("concat", None), called):
        yield Probe(
            trait="bidirectional-unequal-halves",
            judge=_unequal_halves,
            asserts="each half of a Bidirectional may have its own number of units, and returns so many",
            parameters={"merge_mode": merge_mode, **dict(zip(("return_sequences", "masked"), called[label], strict=True))},
            label=f"{merge_mode or 'none'}-{label}",
        )
    for use_cudnn in (True, False, "auto"):
        yield Probe(
            trait="bidirectional-use-cudnn",
            judge=_use_cudnn_of_halves,
            asserts="both halves of a Bidirectional have the use_cudnn of the layer",
            parameters={"use_cudnn": use_cudnn},
            label=str(use_cudnn).lower(),
        )
    yield Probe(
        trait="bidirectional-halves",
        judge=_halves,
        asserts="the halves of a Bidirectional are named by their direction, and the forward one's states come first",
    )
    for which in (("forward",), ("backward",), ("forward", "backward"), ("layer",)):
        yield Probe(
            trait="bidirectional-reset",
            judge=_bidirectional_reset,
            asserts="a reset of one half of a Bidirectional resets that half alone, a reset of both or of the layer resets both",
            parameters={"which": which},
            label="-".join(which),
        )
    same, growing = (UNITS,) * 4, (INPUT_DIM, 3, 4)
    stacks: dict[str, dict[str, Any]] = {
        "same": {"widths": same},
        "growing": {"widths": growing},
        "three": {"widths": (*growing, 5)},
        "last": {"widths": same, "return_sequences": False},
        "masked": {"widths": growing, "masked": True},
        "back": {"widths": growing, "go_backwards": True},
        "states": {"widths": growing, "with_states": True},
        "stateful": {"widths": growing, "stateful": True},
        "unroll": {"widths": growing, "unroll": True},
    }
    for label, parameters in stacks.items():
        yield Probe(
            trait="stacked-cells",
            judge=_stacked_cells,
            asserts="each of several cells reads the outputs of the cell before it, and its own states",
            parameters=parameters,
            label=label,
        )
    for widths in ((3, 4), (4, 3), (2, 5, 3)):
        yield Probe(
            trait="stacked-sizes",
            judge=_stacked_sizes,
            asserts="stacked cells of different units say the sizes of the last one's outputs and of each one's states",
            parameters={"widths": widths},
            label="-".join(map(str, widths)),
        )
    yield Probe(
        trait="stacked-cells-dropout",
        judge=_dropout_of_second_cell,
        asserts="the dropout mask of a cell has one value for each feature that this cell reads",
    )
