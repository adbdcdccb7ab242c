"""Deviations of the chain rule: what is computed forwards is right, its derivatives are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.composite import Bidirectional, Stacked
from lstm_ref.deviations.deviation import Deviation, Need
from lstm_ref.deviations.precision import OFF_BY
from lstm_ref.gradients import Backpropagation, Gradients
from lstm_ref.state import State
from lstm_ref.weights import GATE_ORDER

Taken = Sequence[tuple[Array, Array, Mapping[str, Array]]]


def _nothing(like: State) -> State:
    return State(hidden=0 * like.hidden, cell=0 * like.cell)


class RecurrentTermMissing(Backpropagation):
    def of_what_is_read(self, d_z: Mapping[str, Array]) -> tuple[Array, Array]:
        d_x, d_hidden = super().of_what_is_read(d_z)
        return d_x, 0 * d_hidden


class ForgetPathDropped(Backpropagation):
    def of_cell_before(self, gates: Gates, d_cell: Array) -> Array:  # noqa: ARG002  # that is the deviation
        return 0 * d_cell


class ForgetGateTakenAsOpen(Backpropagation):
    def of_cell_before(self, gates: Gates, d_cell: Array) -> Array:  # noqa: ARG002  # that is the deviation
        return d_cell


class HiddenPathDropped(Backpropagation):
    def of_cell(self, gates: Gates, cell: Array, d_new: State) -> Array:  # noqa: ARG002  # that is the deviation
        return d_new.cell


class CellSlopeMissing(Backpropagation):
    def of_cell(self, gates: Gates, cell: Array, d_new: State) -> Array:  # noqa: ARG002  # that is the deviation
        return np.asarray(d_new.cell + d_new.hidden * gates.o)


class CellNotActivated(Backpropagation):
    def of_gates(self, gates: Gates, before: State, cell: Array, d_cell: Array, d_hidden: Array) -> dict[str, Array]:
        return super().of_gates(gates, before, cell, d_cell, d_hidden) | {"o": d_hidden * cell}


class ForgetGateReadsNewCell(Backpropagation):
    def of_gates(self, gates: Gates, before: State, cell: Array, d_cell: Array, d_hidden: Array) -> dict[str, Array]:
        return super().of_gates(gates, before, cell, d_cell, d_hidden) | {"f": d_cell * cell}


class GateConstant(Backpropagation):
    """One gate has no derivative."""

    gate: str

    def of_gates(self, gates: Gates, before: State, cell: Array, d_cell: Array, d_hidden: Array) -> dict[str, Array]:
        found = super().of_gates(gates, before, cell, d_cell, d_hidden)
        return found | {self.gate: 0 * found[self.gate]}


class Truncated(Backpropagation):
    """The state is a constant at the beginning of every `after` timesteps."""

    after: int

    def of_state_before(self, k: int, use: Array, stepped: State, held: State) -> State:
        before = super().of_state_before(k, use, stepped, held)
        return _nothing(before) if k and k % self.after == 0 else before


class MaskIgnored(Backpropagation):
    def through_sequence(
        self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State
    ) -> Gradients:
        inputs = inputs if mask is None else np.where(mask[..., np.newaxis], inputs, np.nan_to_num(inputs, posinf=1.0))
        return super().through_sequence(inputs, initial_state, None, d_outputs, d_final)


class StoppedByMask(Backpropagation):
    def of_state_before(self, k: int, use: Array, stepped: State, held: State) -> State:
        return super().of_state_before(k, use, stepped, _nothing(held))


class RepeatedOutputConstant(Backpropagation):
    def of_repeated(self, d_emitted: Array) -> Array:
        return 0 * d_emitted


class ZeroOutputTakenAsRepeated(Backpropagation):
    def of_repeated(self, d_emitted: Array) -> Array:
        return d_emitted


class FinalStateConstant(Backpropagation):
    def through_sequence(
        self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State
    ) -> Gradients:
        return super().through_sequence(inputs, initial_state, mask, d_outputs, _nothing(d_final))


class InitialStateConstant(Backpropagation):
    def through_sequence(
        self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State
    ) -> Gradients:
        found = super().through_sequence(inputs, initial_state, mask, d_outputs, d_final)
        return replace(found, initial_state=_nothing(found.initial_state))


class InputsReversed(Backpropagation):
    def through_sequence(
        self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State
    ) -> Gradients:
        found = super().through_sequence(inputs, initial_state, mask, d_outputs, d_final)
        return replace(found, inputs=found.inputs[:, ::-1] if self.lstm.config.go_backwards else found.inputs)


class WeightsAveragedOverRows(Backpropagation):
    def of_weights(self, taken: Taken) -> dict[str, Array]:
        rows = len(taken[0][0]) / self.copies
        return {name: array / rows for name, array in super().of_weights(taken).items()}


class LastStepOnly(Backpropagation):
    """The weights' derivatives are those of the last timestep."""

    def of_weights(self, taken: Taken) -> dict[str, Array]:
        return super().of_weights(taken[:1])


class RecurrentKernelReadsInputsLate(Backpropagation):
    """U's derivative pairs each timestep with the hidden state before the one before it."""

    def of_weights(self, taken: Taken) -> dict[str, Array]:
        earlier = [*(hidden for _, hidden, _ in taken[1:]), 0 * taken[-1][1]]
        return super().of_weights([(x_t, hidden, d_z) for (x_t, _, d_z), hidden in zip(taken, earlier, strict=True)])


class GatesInOnnxOrder(Backpropagation):
    def of_weights(self, taken: Taken) -> dict[str, Array]:
        found = super().of_weights(taken)
        blocks = {name: dict(zip(GATE_ORDER, np.split(array, 4, axis=-1), strict=True)) for name, array in found.items()}
        return {name: np.concatenate([of[gate] for gate in "iofc"], axis=-1) for name, of in blocks.items()}


class Off(Backpropagation):
    """All derivatives multiplied by `factor`."""

    factor: float

    def through_sequence(
        self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State
    ) -> Gradients:
        scaled = State(hidden=self.factor * d_final.hidden, cell=self.factor * d_final.cell)
        return super().through_sequence(inputs, initial_state, mask, self.factor * d_outputs, scaled)


class LowerLayerConstant(Stacked):
    def to_layer_below(self, d_inputs: Array) -> Array:
        return 0 * super().to_layer_below(d_inputs)


class AverageTakenAsSum(Bidirectional):
    def unmerge(self, d_outputs: Array, ahead: Array, behind: Array) -> tuple[Array, Array]:
        return (d_outputs, d_outputs) if self.merge_mode == "ave" else super().unmerge(d_outputs, ahead, behind)


class ProductTakenAsSum(Bidirectional):
    def unmerge(self, d_outputs: Array, ahead: Array, behind: Array) -> tuple[Array, Array]:
        return (d_outputs, d_outputs) if self.merge_mode == "mul" else super().unmerge(d_outputs, ahead, behind)


class ForwardHalfOnly(Bidirectional):
    def unmerge(self, d_outputs: Array, ahead: Array, behind: Array) -> tuple[Array, Array]:
        d_ahead, d_behind = super().unmerge(d_outputs, ahead, behind)
        return d_ahead, 0 * d_behind


def _as(kind: type[Backpropagation], **fields: object) -> type[Backpropagation]:
    return type(kind.__name__, (kind,), fields)


def _deviation(name: str, summary: str, kind: type[Backpropagation], *needs: Need, hides: str = "") -> Deviation:
    return Deviation(name=name, summary=summary, needs=frozenset({Need.GRADIENTS, *needs}), backpropagation=kind, hides=hides)


def _of_halves(name: str, summary: str, kind: Callable[..., Bidirectional], *needs: Need) -> Deviation:
    return Deviation(name=name, summary=summary, needs=frozenset({Need.GRADIENTS, *needs}), d_bidirectional=kind)


_GATES = {"i": "input gate", "f": "forget gate", "c": "candidate", "o": "output gate"}

DEVIATIONS = (
    _deviation(
        "recurrent_term_missing",
        "gradients do not flow back through the recurrent kernel",
        RecurrentTermMissing,
        Need.GRADIENT_CHAIN,
    ),
    _deviation("forget_path_dropped", "gradients do not flow back through the cell state", ForgetPathDropped, Need.GRADIENT_CHAIN),
    _deviation(
        "forget_gate_taken_as_open",
        "gradients flow back through the cell state as if the forget gate were open",
        ForgetGateTakenAsOpen,
        Need.GRADIENT_CHAIN,
    ),
    _deviation("hidden_path_dropped", "gradients of the hidden state do not reach the cell state", HiddenPathDropped),
    _deviation("cell_slope_missing", "the slope of the cell state's activation is taken as 1", CellSlopeMissing, Need.TANH),
    _deviation(
        "cell_not_activated_backwards",
        "the output gate's gradient reads c_t instead of its activation",
        CellNotActivated,
        Need.TANH,
    ),
    _deviation("forget_gate_reads_new_cell", "the forget gate's gradient reads c_t instead of c_{t-1}", ForgetGateReadsNewCell),
    *(
        _deviation(
            f"gradient_of_{gate}_dropped",
            f"no gradient flows through the {_GATES[gate]}",
            _as(GateConstant, gate=gate),
            *((Need.GRADIENT_CHAIN,) if gate == "f" else ()),
        )
        for gate in GATE_ORDER
    ),
    *(
        _deviation(
            f"truncated_every_{after}",
            f"gradients are cut every {after} timestep{'s' if after > 1 else ''}",
            _as(Truncated, after=after),
            Need.GRADIENT_CHAIN if after == 1 else Need.LONG_GRADIENT_CHAIN,
            Need.SEVERAL_STEPS,
        )
        for after in (1, 2)
    ),
    _deviation("mask_ignored_backwards", "gradients are those of the sequence without its mask", MaskIgnored, Need.MASKED_STEP),
    _deviation("gradient_stopped_by_mask", "gradients of the states end at a masked timestep", StoppedByMask, Need.HELD_GRADIENT),
    _deviation(
        "repeated_output_constant",
        "no gradient flows to the output that a masked timestep repeats",
        RepeatedOutputConstant,
        Need.HELD_OUTPUT,
    ),
    _deviation(
        "zero_output_taken_as_repeated",
        "with zero_output_for_mask, gradients flow as if the output were repeated",
        ZeroOutputTakenAsRepeated,
        Need.ZEROED_OUTPUT,
    ),
    _deviation("final_state_constant", "no gradient flows from the final states", FinalStateConstant, Need.STATES),
    _deviation("initial_state_constant", "no gradient flows to the initial states", InitialStateConstant, Need.INITIAL_STATE),
    _deviation(
        "input_gradients_reversed",
        "with go_backwards, the gradients of the inputs come in processing order",
        InputsReversed,
        Need.HALF_BACKWARDS,
        Need.SEVERAL_STEPS,
        Need.GRADIENT_OF_INPUTS,
    ),
    _deviation(
        "weight_gradients_averaged",
        "the gradients of the weights are means over the batch, not sums",
        WeightsAveragedOverRows,
        Need.SEVERAL_ROWS,
    ),
    _deviation(
        "weight_gradients_of_last_step",
        "the gradients of the weights are those of the last timestep alone",
        LastStepOnly,
        Need.GRADIENT_CHAIN,
        Need.SEVERAL_STEPS,
    ),
    _deviation(
        "recurrent_kernel_gradient_late",
        "the recurrent kernel's gradient pairs z_t with h_{t-2}",
        RecurrentKernelReadsInputsLate,
        Need.GRADIENT_CHAIN,
    ),
    _deviation("gradients_in_onnx_order", "the gradients of the weights are ordered i, o, f, c", GatesInOnnxOrder),
    *(
        _deviation(f"gradients_off_by_{error}", f"all gradients are off by {error}", _as(Off, factor=1 + float(error)), hides=why)
        for error, why in OFF_BY.items()
    ),
    _of_halves(
        "average_taken_as_sum_backwards", "merge_mode 'ave' passes gradients on unhalved", AverageTakenAsSum, Need.MERGE_AVE
    ),
    _of_halves(
        "product_taken_as_sum_backwards", "merge_mode 'mul' passes gradients on unweighed", ProductTakenAsSum, Need.MERGE_MUL
    ),
    _of_halves(
        "backward_half_constant",
        "no gradient flows from the outputs to a Bidirectional's backward half",
        ForwardHalfOnly,
        Need.TWO_DIRECTIONS,
    ),
    Deviation(
        name="lower_layer_constant",
        summary="no gradient flows from the upper of two layers or cells to the lower",
        needs=frozenset({Need.GRADIENTS, Need.TWO_LAYERS}),
        d_stacked=LowerLayerConstant,
    ),
)
