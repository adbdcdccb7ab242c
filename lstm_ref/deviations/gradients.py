"""Deviations of the chain rule: the forward pass is right, its gradients are wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.composite import Bidirectional, Stacked
from lstm_ref.deviations.deviation import Chapter, Need, subclass
from lstm_ref.deviations.precision import RELATIVE_ERRORS
from lstm_ref.gradients import Backpropagation, Gradients, StepRecord
from lstm_ref.state import State
from lstm_ref.weights import GATE_ORDER


def _zero(state: State) -> State:
    return State(hidden=0 * state.hidden, cell=0 * state.cell)


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


class GradientsScaled(Backpropagation):
    """All gradients are multiplied by `factor`."""

    factor: float

    def backpropagate(self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State) -> Gradients:
        scaled = State(hidden=self.factor * d_final.hidden, cell=self.factor * d_final.cell)
        return super().backpropagate(inputs, initial_state, mask, self.factor * d_outputs, scaled)


def _backwards(name: str, summary: str, *needs: Need, field: str = "backpropagation", hides: str = "") -> Any:
    """Add the deviation whose chain rule, or composition in the chain rule, is the decorated class."""
    return DEVIATIONS.change(field, name, summary, frozenset({Need.GRADIENTS, *needs}), hides=hides)


_GATES = {"i": "input gate", "f": "forget gate", "c": "candidate", "o": "output gate"}

DEVIATIONS = Chapter()


@_backwards("recurrent_term_missing", "gradients do not flow back through the recurrent kernel", Need.GRADIENT_CHAIN)
class RecurrentTermMissing(Backpropagation):
    def input_and_hidden_gradients(self, d_z: Mapping[str, Array]) -> tuple[Array, Array]:
        d_x, d_hidden = super().input_and_hidden_gradients(d_z)
        return d_x, 0 * d_hidden


@_backwards("forget_path_dropped", "gradients do not flow back through the cell state", Need.GRADIENT_CHAIN)
class ForgetPathDropped(Backpropagation):
    def previous_cell_gradient(self, gates: Gates, d_cell: Array) -> Array:  # noqa: ARG002  # that is the deviation
        return 0 * d_cell


@_backwards(
    "forget_gate_taken_as_open", "gradients flow back through the cell state as if the forget gate were open", Need.GRADIENT_CHAIN
)
class ForgetGateTakenAsOpen(Backpropagation):
    def previous_cell_gradient(self, gates: Gates, d_cell: Array) -> Array:  # noqa: ARG002  # that is the deviation
        return d_cell


@_backwards("hidden_path_dropped", "gradients of the hidden state do not reach the cell state")
class HiddenPathDropped(Backpropagation):
    def cell_gradient(self, gates: Gates, cell: Array, d_new: State) -> Array:  # noqa: ARG002  # that is the deviation
        return d_new.cell


@_backwards("cell_slope_missing", "the slope of the cell state's activation is taken as 1", Need.TANH)
class CellSlopeMissing(Backpropagation):
    def cell_gradient(self, gates: Gates, cell: Array, d_new: State) -> Array:  # noqa: ARG002  # that is the deviation
        return np.asarray(d_new.cell + d_new.hidden * gates.o)


@_backwards("cell_not_activated_backwards", "the output gate's gradient reads c_t instead of its activation", Need.TANH)
class CellNotActivated(Backpropagation):
    def gate_gradients(self, gates: Gates, previous: State, cell: Array, d_cell: Array, d_hidden: Array) -> dict[str, Array]:
        return super().gate_gradients(gates, previous, cell, d_cell, d_hidden) | {"o": d_hidden * cell}


@_backwards("forget_gate_reads_new_cell", "the forget gate's gradient reads c_t instead of c_{t-1}")
class ForgetGateReadsNewCell(Backpropagation):
    def gate_gradients(self, gates: Gates, previous: State, cell: Array, d_cell: Array, d_hidden: Array) -> dict[str, Array]:
        return super().gate_gradients(gates, previous, cell, d_cell, d_hidden) | {"f": d_cell * cell}


for _gate in GATE_ORDER:
    _needs = (Need.GRADIENT_CHAIN,) if _gate == "f" else ()
    _dropped = _backwards(f"gradient_of_{_gate}_dropped", f"no gradient flows through the {_GATES[_gate]}", *_needs)
    _dropped(subclass(GateConstant, gate=_gate))

for _every, _times, _chain in ((1, "1 timestep", Need.GRADIENT_CHAIN), (2, "2 timesteps", Need.LONG_GRADIENT_CHAIN)):
    _cut = _backwards(f"truncated_every_{_every}", f"gradients are cut every {_times}", _chain, Need.SEVERAL_STEPS)
    _cut(subclass(Truncated, every=_every))


@_backwards("mask_ignored_backwards", "gradients are those of the sequence without its mask", Need.MASKED_STEP)
class MaskIgnored(Backpropagation):
    def backpropagate(self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State) -> Gradients:
        inputs = inputs if mask is None else np.where(mask[..., np.newaxis], inputs, np.nan_to_num(inputs, posinf=1.0))
        return super().backpropagate(inputs, initial_state, None, d_outputs, d_final)


@_backwards("gradient_stopped_by_mask", "gradients of the states end at a masked timestep", Need.HELD_GRADIENT)
class StoppedByMask(Backpropagation):
    def previous_state_gradient(self, k: int, use: Array, used: State, masked: State) -> State:
        return super().previous_state_gradient(k, use, used, _zero(masked))


@_backwards("repeated_output_constant", "no gradient flows to the output that a masked timestep repeats", Need.HELD_OUTPUT)
class RepeatedOutputConstant(Backpropagation):
    def repeated_output_gradient(self, d_emitted: Array) -> Array:
        return 0 * d_emitted


@_backwards(
    "zero_output_taken_as_repeated", "with zero_output_for_mask, gradients flow as if the output were repeated", Need.ZEROED_OUTPUT
)
class ZeroOutputTakenAsRepeated(Backpropagation):
    def repeated_output_gradient(self, d_emitted: Array) -> Array:
        return d_emitted


@_backwards("final_state_constant", "no gradient flows from the final states", Need.STATES)
class FinalStateConstant(Backpropagation):
    def backpropagate(self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State) -> Gradients:
        return super().backpropagate(inputs, initial_state, mask, d_outputs, _zero(d_final))


@_backwards("initial_state_constant", "no gradient flows to the initial states", Need.INITIAL_STATE)
class InitialStateConstant(Backpropagation):
    def backpropagate(self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State) -> Gradients:
        gradients = super().backpropagate(inputs, initial_state, mask, d_outputs, d_final)
        return replace(gradients, initial_state=_zero(gradients.initial_state))


@_backwards(
    "input_gradients_reversed",
    "with go_backwards, the gradients of the inputs come in processing order",
    Need.HALF_BACKWARDS,
    Need.SEVERAL_STEPS,
    Need.GRADIENT_OF_INPUTS,
)
class InputsReversed(Backpropagation):
    def backpropagate(self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State) -> Gradients:
        gradients = super().backpropagate(inputs, initial_state, mask, d_outputs, d_final)
        return replace(gradients, inputs=gradients.inputs[:, ::-1] if self.lstm.config.go_backwards else gradients.inputs)


@_backwards("weight_gradients_averaged", "the gradients of the weights are means over the batch, not sums", Need.SEVERAL_ROWS)
class WeightsAveragedOverRows(Backpropagation):
    def weight_gradients(self, step_records: Sequence[StepRecord]) -> dict[str, Array]:
        rows = len(step_records[0][0]) / self.copies
        return {name: array / rows for name, array in super().weight_gradients(step_records).items()}


@_backwards(
    "weight_gradients_of_last_step",
    "the gradients of the weights are those of the last timestep alone",
    Need.GRADIENT_CHAIN,
    Need.SEVERAL_STEPS,
)
class LastStepOnly(Backpropagation):
    """The gradients of the weights are those of the last timestep."""

    def weight_gradients(self, step_records: Sequence[StepRecord]) -> dict[str, Array]:
        return super().weight_gradients(step_records[:1])


@_backwards("recurrent_kernel_gradient_late", "the recurrent kernel's gradient pairs z_t with h_{t-2}", Need.GRADIENT_CHAIN)
class RecurrentKernelGradientLate(Backpropagation):
    """The gradient of U pairs z_t with h_{t-2}."""

    def weight_gradients(self, step_records: Sequence[StepRecord]) -> dict[str, Array]:
        earlier = [*(hidden for _, hidden, _ in step_records[1:]), 0 * step_records[-1][1]]
        return super().weight_gradients([(x_t, hidden, d_z) for (x_t, _, d_z), hidden in zip(step_records, earlier, strict=True)])


@_backwards("gradients_in_onnx_order", "the gradients of the weights are ordered i, o, f, c")
class GatesInOnnxOrder(Backpropagation):
    def weight_gradients(self, step_records: Sequence[StepRecord]) -> dict[str, Array]:
        blocks = {
            name: dict(zip(GATE_ORDER, np.split(array, 4, axis=-1), strict=True))
            for name, array in super().weight_gradients(step_records).items()
        }
        return {name: np.concatenate([gates[gate] for gate in "iofc"], axis=-1) for name, gates in blocks.items()}


for _error, _reason in RELATIVE_ERRORS.items():
    _scaled = _backwards(f"gradients_off_by_{_error}", f"all gradients are off by {_error}", hides=_reason)
    _scaled(subclass(GradientsScaled, factor=1 + float(_error)))


@_backwards(
    "average_taken_as_sum_backwards", "merge_mode 'ave' passes gradients on unhalved", Need.MERGE_AVE, field="d_bidirectional"
)
class AverageTakenAsSum(Bidirectional):
    def unmerge(self, d_outputs: Array, forward: Array, backward: Array) -> tuple[Array, Array]:
        return (d_outputs, d_outputs) if self.merge_mode == "ave" else super().unmerge(d_outputs, forward, backward)


@_backwards(
    "product_taken_as_sum_backwards", "merge_mode 'mul' passes gradients on unweighed", Need.MERGE_MUL, field="d_bidirectional"
)
class ProductTakenAsSum(Bidirectional):
    def unmerge(self, d_outputs: Array, forward: Array, backward: Array) -> tuple[Array, Array]:
        return (d_outputs, d_outputs) if self.merge_mode == "mul" else super().unmerge(d_outputs, forward, backward)


@_backwards(
    "backward_half_constant",
    "no gradient flows from the outputs to a Bidirectional's backward half",
    Need.TWO_DIRECTIONS,
    field="d_bidirectional",
)
class ForwardHalfOnly(Bidirectional):
    def unmerge(self, d_outputs: Array, forward: Array, backward: Array) -> tuple[Array, Array]:
        d_forward, d_backward = super().unmerge(d_outputs, forward, backward)
        return d_forward, 0 * d_backward


@_backwards(
    "lower_layer_constant",
    "no gradient flows from the upper of two layers or cells to the lower",
    Need.TWO_LAYERS,
    field="d_stacked",
)
class LowerLayerConstant(Stacked):
    def to_layer_below(self, d_inputs: Array) -> Array:
        return 0 * super().to_layer_below(d_inputs)
