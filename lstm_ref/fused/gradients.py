"""Back-propagation through time at the speed of matrix products: the chain rule of `gradients` on the buffers of `fused`.

One product per timestep gives the gradients of its hidden state and inputs. One product over many timesteps gives the gradients
of the weights. As in the forward pass, the rows have the order i, f, o, c̃. The gradients of gates that are stored as reciprocals
have the other sign, as their weights do. The slopes of tanh and sigmoid are 1 - t² and s (1 - s), computed from their values; the
others come from `derivatives`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.derivatives import ALONG_UNITS, vjp
from lstm_ref.fused.forward import ONE, ROWS, FusedLSTM, Tape, hold, mask_values, rows_of, workers
from lstm_ref.gradients import Gradients
from lstm_ref.state import State

# Terms of one product for the weights' gradients: enough for the full speed of a product, few enough for a processor's cache.
TERMS = 1024

# (argument, value, gradient): turns the gradient of the value into that of the argument, in place; it may overwrite the value.
Derive = Callable[[Array, Array, Array], object]


@dataclass(frozen=True, kw_only=True, eq=False)
class OutputGradients:
    """The gradients of a loss with respect to the outputs and final states of a call.

    Attributes:
        outputs: of the shape of the outputs.
        final_state: (batch, units) each.
        emits_initial_state: whether h_0 is the output before the first timestep that is used.
    """

    outputs: Array
    final_state: State
    emits_initial_state: bool

    def of_rows(self, rows: slice) -> OutputGradients:
        """The gradients of chunk rows of the batch."""
        final_state = State(hidden=self.final_state.hidden[rows], cell=self.final_state.cell[rows])
        return replace(self, outputs=self.outputs[rows], final_state=final_state)


def fused_gradients(
    fused: FusedLSTM, call: tuple[Array, State, Array | None], loss_gradients: OutputGradients, copies: int = 1
) -> Gradients:
    """The gradients of a call with these inputs, initial state and mask; see `LSTM.gradients`."""
    inputs = call[0]
    parts = [
        slice(start + part.start, start + part.stop)
        for start in range(0, len(inputs), max(1, len(inputs) // copies))
        for part in fused.parts(len(inputs) // copies)
    ] or [slice(0, 0)]

    def gradients_of(rows: slice) -> tuple[Array, State, Array]:
        part = rows_of(rows, *call)
        mask = part[2][:, ::-1] if part[2] is not None and fused.config.go_backwards else part[2]
        with np.errstate(all="ignore"):  # an overflow is part of the result
            return _BackwardPass(fused, fused.forward(*part, keep_all=True), mask).run(loss_gradients.of_rows(rows))

    gradients = [gradients_of(parts[0])] if len(parts) == 1 else list(workers(fused.threads).map(gradients_of, parts))
    d_inputs, states, d_columns = zip(*gradients, strict=True)
    by_copy = np.stack(d_columns).reshape(copies, -1, *fused.columns.shape).sum(axis=1)
    weights = {name: array[0] if copies == 1 else array for name, array in _by_name(fused, by_copy).items()}
    state = State(*(np.concatenate([vars(part)[name] for part in states]) for name in ("hidden", "cell")))
    return Gradients(inputs=np.concatenate(d_inputs), initial_state=state, weights=weights)


class _BackwardPass:
    """The chain rule from the last timestep to the first, over chunk rows of the batch.

    Args:
        fused: the engine of the forward pass.
        tape: of the forward pass, with the slots of all timesteps.
        mask: in processing order, (batch, timesteps); None for none.
    """

    def __init__(self, fused: FusedLSTM, tape: Tape, mask: Array | None) -> None:
        self.fused, self.tape, self.mask = fused, tape, mask
        self.derive_gates = _derive_reciprocal if fused.reciprocal else _derive(fused.config.recurrent_activation, fused.units)
        self.derive_activation = _derive(fused.config.activation, fused.units)
        units, batch, dtype = fused.units, tape.z.shape[2], tape.z.dtype
        self.squashed, self.by_hidden = np.empty((2, units, batch), dtype)
        self.gates = np.empty((3 * units, batch), dtype)
        self.d_z = np.empty((4 * units, batch), dtype)

    def run(self, loss_gradients: OutputGradients) -> tuple[Array, State, Array]:
        """The gradients of the inputs, of the initial state and of the fused weights."""
        fused, steps = self.fused, len(self.tape.use)
        inputs = slice(fused.units, fused.units + fused.input_dim)
        d_hidden_states, d_initial_output = self._hidden_gradients(loss_gradients)
        d_inputs = np.empty((steps, fused.input_dim, len(loss_gradients.outputs)), self.d_z.dtype)
        d_hidden, d_cell = (np.array(array.T, order="C") for array in vars(loss_gradients.final_state).values())
        d_reads = cycle(np.empty((2, len(fused.columns), len(loss_gradients.outputs)), self.d_z.dtype))
        d_cells = cycle(np.empty((2, *d_cell.shape), self.d_z.dtype))
        for t, d_read, d_old_cell in zip(reversed(range(steps)), d_reads, d_cells, strict=False):
            if (d_output := d_hidden_states[t]) is not None:
                d_hidden += d_output
            self._step(t, d_hidden, d_cell, d_read, d_old_cell)
            d_inputs[t] = d_read[inputs]
            d_hidden, d_cell = d_read[: fused.units], d_old_cell
        if d_initial_output is not None:
            d_hidden += d_initial_output
        d_inputs = d_inputs[:: -1 if fused.config.go_backwards else 1].transpose(2, 0, 1)
        return d_inputs, State(hidden=d_hidden.T.copy(), cell=d_cell.T.copy()), self._column_gradients()

    def _step(self, t: int, d_hidden: Array, d_cell: Array, d_read: Array, d_old_cell: Array) -> None:
        """Through timestep t, from the gradients of the state after it.

        It writes the gradients of hidden state, inputs and bias to d_read, of the cell state before it to d_old_cell, and of z to
        the tape's z.
        """
        tape, gates, d_z, units = self.tape, self.gates, self.d_z, self.fused.units
        z, slot, cell, use = tape.z[t], tape.slots[t], tape.cell[t + 1], tape.use[t]
        np.reciprocal(slot[: 3 * units], gates) if self.fused.reciprocal else np.copyto(gates, slot[: 3 * units])
        i, f, o = gates.reshape(3, units, -1)
        self.fused.apply_activation(cell, self.squashed)
        np.multiply(d_hidden, self.squashed, d_z[2 * units : 3 * units])
        np.multiply(d_hidden, o, self.by_hidden)
        self.derive_activation(cell, self.squashed, self.by_hidden)
        np.add(d_cell, self.by_hidden, self.by_hidden)
        np.multiply(slot[3 * units :].reshape(2, units, -1), self.by_hidden, d_z[: 2 * units].reshape(2, units, -1))
        np.multiply(self.by_hidden, i, d_z[3 * units :])
        np.multiply(self.by_hidden, f, d_old_cell)
        self.derive_gates(z[: 3 * units], gates, d_z[: 3 * units])
        self.derive_activation(z[3 * units :], slot[3 * units : 4 * units], d_z[3 * units :])
        if use is not None:
            mask_values(use, d_z)
        np.copyto(z, d_z)
        np.matmul(self.fused.columns, d_z, d_read)
        if use is not None:
            hold(use, d_old_cell, d_cell)
            hold(use, d_read[:units], d_hidden)

    def _hidden_gradients(self, loss_gradients: OutputGradients) -> tuple[Sequence[Array | None], Array | None]:
        """The gradients that the outputs pass to each timestep's hidden state, (units, batch) each, and to h_0."""
        steps = len(self.tape.use)
        last_only = loss_gradients.outputs.ndim == 2
        d_outputs = (
            [None] * (steps - 1) + [loss_gradients.outputs.T] if last_only else list(loss_gradients.outputs.transpose(1, 2, 0))
        )
        if self.mask is None:
            return d_outputs, None
        d_hidden: list[Array | None] = []
        d_repeated = np.zeros((self.fused.units, len(loss_gradients.outputs)), self.d_z.dtype)
        for d_output, use in zip(reversed(d_outputs), reversed(self.mask.T), strict=True):
            d_emitted = d_repeated if d_output is None else d_repeated + d_output
            d_hidden.insert(0, np.where(use, d_emitted, 0))
            d_repeated = np.zeros_like(d_repeated) if self.fused.config.zero_output_for_mask else np.where(use, 0, d_emitted)
        return d_hidden, d_repeated if loss_gradients.emits_initial_state else None

    def _column_gradients(self) -> Array:
        """The gradients of the fused weights: products over timesteps and rows of the batch, many at a time."""
        read, d_z = self.tape.read[:-1], self.tape.z[: len(self.tape.use)]
        total = np.zeros_like(self.fused.columns)
        chunk = max(1, TERMS // max(1, read.shape[2]))
        for start in range(0, len(d_z), chunk):
            left, right = (np.moveaxis(array[start : start + chunk], 1, 0).reshape(array.shape[1], -1) for array in (read, d_z))
            total += left @ right.T
        return total


def _derive(name: str | None, units: int) -> Derive:
    """The derivative of the activation of that name, applied in place."""
    if name == "tanh":
        return _derive_tanh
    product = vjp(name)

    def derive(z: Array, value: Array, d: Array) -> None:  # noqa: ARG001  # it needs the argument
        if name in ALONG_UNITS:
            z_units, d_units = (array.reshape(-1, units, array.shape[-1]).swapaxes(1, 2) for array in (z, d))
            d_units[...] = product(z_units, d_units)
        else:
            np.copyto(d, product(z, d))

    return derive


def _derive_tanh(z: Array, value: Array, d: Array) -> None:  # noqa: ARG001  # it needs the value
    slope = np.multiply(value, value, value)
    np.subtract(ONE, slope, slope)
    np.multiply(d, slope, d)


def _derive_reciprocal(z: Array, value: Array, d: Array) -> None:  # noqa: ARG001  # it needs the value
    """The derivative of the sigmoid of -z."""
    np.multiply(d, value, d)
    np.subtract(value, ONE, value)
    np.multiply(d, value, d)


def _by_name(fused: FusedLSTM, d_columns: Array) -> dict[str, Array]:
    """The gradients of the weights by Keras' names and in its order, from those of the fused weights, (copies, rows, 4 * units)."""
    blocks = d_columns.reshape(*d_columns.shape[:2], 4, fused.units)[:, :, ROWS]
    blocks[:, :, [0, 1, 3]] *= -1 if fused.reciprocal else 1
    flat = blocks.reshape(d_columns.shape)
    recurrent, kernel, bias = np.split(flat, [fused.units, fused.units + fused.input_dim], axis=1)
    return {"kernel": kernel, "recurrent_kernel": recurrent} | ({"bias": bias[:, 0]} if fused.config.use_bias else {})
