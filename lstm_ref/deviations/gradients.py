"""Deviations of the chain rule: the forward pass is right, its gradients are wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.composite import Bidirectional, Stacked
from lstm_ref.deviations.deviation import Deviation, Need
from lstm_ref.deviations.precision import RELATIVE_ERRORS
from lstm_ref.gradients import Backpropagation, Gradients, StepRecord
from lstm_ref.state import State
from lstm_ref.weights import GATE_ORDER


def _zero(state: State) -> State:
    return State(hidden=0 * state.hidden, cell=0 * state.cell)


class RecurrentTermMissing(Backpropagation):
    def input_and_hidden_gradients(self, d_z: Mapping[str, Array]) -> tuple[Array, Array]:
        d_x, d_hidden = super().input_and_hidden_gradients(d_z)
        return d_x, 0 * d_hidden


class ForgetPathDropped(Backpropagation):
    def previous_cell_gradient(self, gates: Gates, d_cell: Array) -> Array:  # noqa: ARG002  # that is the deviation
        return 0 * d_cell


class ForgetGateTakenAsOpen(Backpropagation):
    def previous_cell_gradient(self, gates: Gates, d_cell: Array) -> Array:  # noqa: ARG002  # that is the deviation
        return d_cell


class HiddenPathDropped(Backpropagation):
    def cell_gradient(self, gates: Gates, cell: Array, d_new: State) -> Array:  # noqa: ARG002  # that is the deviation
        return d_new.cell


class CellSlopeMissing(Backpropagation):
    def cell_gradient(self, gates: Gates, cell: Array, d_new: State) -> Array:  # noqa: ARG002  # that is the deviation
        return np.asarray(d_new.cell + d_new.hidden * gates.o)


class CellNotActivated(Backpropagation):
    def gate_gradients(self, gates: Gates, previous: State, cell: Array, d_cell: Array, d_hidden: Array) -> dict[str, Array]:
        return super().gate_gradients(gates, previous, cell, d_cell, d_hidden) | {"o": d_hidden * cell}


class ForgetGateReadsNewCell(Backpropagation):
    def gate_gradients(self, gates: Gates, previous: State, cell: Array, d_cell: Array, d_hidden: Array) -> dict[str, Array]:
        return super().gate_gradients(gates, previous, cell, d_cell, d_hidden) | {"f": d_cell * cell}


class GateConstant(Backpropagation):
    """One gate has no gradient."""

    gate: str

    def gate_gradients(self, gates: Gates, previous: State, cell: Array, d_cell: Array, d_hidden: Array) -> dict[str, Array]:
        gradients = super().gate_gradients(gates, previous, cell, d_cell, d_hidden)
        return gradients | {self.gate: 0 * gradients[self.gate]}


class Truncated(Backpropagation):
    """No gradient flows to the state before every n-th timestep."""

    every: int

    def previous_state_gradient(self, k: int, use: Array, used: State, masked: State) -> State:
        gradient = super().previous_state_gradient(k, use, used, masked)
        return _zero(gradient) if k and k % self.every == 0 else gradient


class MaskIgnored(Backpropagation):
    def backpropagate(self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State) -> Gradients:
        inputs = inputs if mask is None else np.where(mask[..., np.newaxis], inputs, np.nan_to_num(inputs, posinf=1.0))
        return super().backpropagate(inputs, initial_state, None, d_outputs, d_final)


class StoppedByMask(Backpropagation):
    def previous_state_gradient(self, k: int, use: Array, used: State, masked: State) -> State:
        return super().previous_state_gradient(k, use, used, _zero(masked))


class RepeatedOutputConstant(Backpropagation):
    def repeated_output_gradient(self, d_emitted: Array) -> Array:
        return 0 * d_emitted


class ZeroOutputTakenAsRepeated(Backpropagation):
    def repeated_output_gradient(self, d_emitted: Array) -> Array:
        return d_emitted


class FinalStateConstant(Backpropagation):
    def backpropagate(self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State) -> Gradients:
        return super().backpropagate(inputs, initial_state, mask, d_outputs, _zero(d_final))


class InitialStateConstant(Backpropagation):
    def backpropagate(self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State) -> Gradients:
        gradients = super().backpropagate(inputs, initial_state, mask, d_outputs, d_final)
        return replace(gradients, initial_state=_zero(gradients.initial_state))


class InputsReversed(Backpropagation):
    def backpropagate(self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State) -> Gradients:
        gradients = super().backpropagate(inputs, initial_state, mask, d_outputs, d_final)
        return replace(gradients, inputs=gradients.inputs[:, ::-1] if self.lstm.config.go_backwards else gradients.inputs)


class WeightsAveragedOverRows(Backpropagation):
    def weight_gradients(self, step_records: Sequence[StepRecord]) -> dict[str, Array]:
        rows = len(step_records[0][0]) / self.copies
        return {name: array / rows for name, array in super().weight_gradients(step_records).items()}


class LastStepOnly(Backpropagation):
    """The gradients of the weights are those of the last timestep."""

    def weight_gradients(self, step_records: Sequence[StepRecord]) -> dict[str, Array]:
        return super().weight_gradients(step_records[:1])


class RecurrentKernelGradientLate(Backpropagation):
    """The gradient of U pairs z_t with h_{t-2}."""

    def weight_gradients(self, step_records: Sequence[StepRecord]) -> dict[str, Array]:
        earlier = [*(hidden for _, hidden, _ in step_records[1:]), 0 * step_records[-1][1]]
        return super().weight_gradients([(x_t, hidden, d_z) for (x_t, _, d_z), hidden in zip(step_records, earlier, strict=True)])


class GatesInOnnxOrder(Backpropagation):
    def weight_gradients(self, step_records: Sequence[StepRecord]) -> dict[str, Array]:
        blocks = {
            name: dict(zip(GATE_ORDER, np.split(array, 4, axis=-1), strict=True))
            for name, array in super().weight_gradients(step_records).items()
        }
        return {name: np.concatenate([gates[gate] for gate in "iofc"], axis=-1) for name, gates in blocks.items()}


class GradientsScaled(Backpropagation):
    """All gradients are multiplied by `factor`."""

    factor: float

    def backpropagate(self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State) -> Gradients:
        scaled = State(hidden=self.factor * d_final.hidden, cell=self.factor * d_final.cell)
        return super().backpropagate(inputs, initial_state, mask, self.factor * d_outputs, scaled)


class LowerLayerConstant(Stacked):
    def to_layer_below(self, d_inputs: Array) -> Array:
        return 0 * super().to_layer_below(d_inputs)


class AverageTakenAsSum(Bidirectional):
    def unmerge(self, d_outputs: Array, forward: Array, backward: Array) -> tuple[Array, Array]:
        return (d_outputs, d_outputs) if self.merge_mode == "ave" else super().unmerge(d_outputs, forward, backward)


class ProductTakenAsSum(Bidirectional):
    def unmerge(self, d_outputs: Array, forward: Array, backward: Array) -> tuple[Array, Array]:
        return (d_outputs, d_outputs) if self.merge_mode == "mul" else super().unmerge(d_outputs, forward, backward)


class ForwardHalfOnly(Bidirectional):
    def unmerge(self, d_outputs: Array, forward: Array, backward: Array) -> tuple[Array, Array]:
        d_forward, d_backward = super().unmerge(d_outputs, forward, backward)
        return d_forward, 0 * d_backward


def _subclass(kind: type[Backpropagation], **fields: object) -> type[Backpropagation]:
    return type(kind.__name__, (kind,), fields)


def _deviation(name: str, summary: str, kind: type[Backpropagation], *needs: Need, hides: str = "") -> Deviation:
    return Deviation(name=name, summary=summary, needs=frozenset({Need.GRADIENTS, *needs}), backpropagation=kind, hides=hides)


def _merge_deviation(name: str, summary: str, kind: Callable[..., Bidirectional], *needs: Need) -> Deviation:
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
            _subclass(GateConstant, gate=gate),
            *((Need.GRADIENT_CHAIN,) if gate == "f" else ()),
        )
        for gate in GATE_ORDER
    ),
    *(
        _deviation(
            f"truncated_every_{every}",
            f"gradients are cut every {every} timestep{'s' if every > 1 else ''}",
            _subclass(Truncated, every=every),
            Need.GRADIENT_CHAIN if every == 1 else Need.LONG_GRADIENT_CHAIN,
            Need.SEVERAL_STEPS,
        )
        for every in (1, 2)
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
        RecurrentKernelGradientLate,
        Need.GRADIENT_CHAIN,
    ),
    _deviation("gradients_in_onnx_order", "the gradients of the weights are ordered i, o, f, c", GatesInOnnxOrder),
    *(
        _deviation(
            f"gradients_off_by_{error}",
            f"all gradients are off by {error}",
            _subclass(GradientsScaled, factor=1 + float(error)),
            hides=reason,
        )
        for error, reason in RELATIVE_ERRORS.items()
    ),
    _merge_deviation(
        "average_taken_as_sum_backwards", "merge_mode 'ave' passes gradients on unhalved", AverageTakenAsSum, Need.MERGE_AVE
    ),
    _merge_deviation(
        "product_taken_as_sum_backwards", "merge_mode 'mul' passes gradients on unweighed", ProductTakenAsSum, Need.MERGE_MUL
    ),
    _merge_deviation(
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
