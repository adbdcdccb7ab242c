"""Back-propagation through time at the speed of matrix products: the chain rule of `gradients` on the buffers of `fused`.

One product a timestep gives what is said of its hidden state and its inputs; those of the weights are made of many timesteps at
once. As forwards, the rows go i, f, o, c̃, and what belongs to gates that are kept as reciprocals has the other sign, as their
weights do. The slopes of tanh and sigmoid come from their values, 1 - t² and s (1 - s); others from `derivatives`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.derivatives import ALONG_UNITS, vjp
from lstm_ref.fused.forward import ONE, ROWS, FusedLSTM, Tape, hold, keep, rows_of, workers
from lstm_ref.gradients import Gradients
from lstm_ref.state import State

# Terms of one product for the weights' derivatives: enough for a product's full speed, few enough for a processor's cache.
TERMS = 1024

# From an argument, its value and what is said of the value to what is said of the argument, in its place; the value is used up.
Derive = Callable[[Array, Array, Array], object]


@dataclass(frozen=True, kw_only=True, eq=False)
class Said:
    """What a loss says of what a call returns.

    Attributes:
        outputs: its derivative with respect to them, of their shape.
        final_state: with respect to the final states, (batch, units) each.
        emits_initial_state: whether h_0 is what the outputs before the first timestep that is used are.
    """

    outputs: Array
    final_state: State
    emits_initial_state: bool

    def of(self, rows: slice) -> Said:
        """What is said of some rows of the batch."""
        final = State(hidden=self.final_state.hidden[rows], cell=self.final_state.cell[rows])
        return Said(outputs=self.outputs[rows], final_state=final, emits_initial_state=self.emits_initial_state)


def fused_gradients(fused: FusedLSTM, call: tuple[Array, State, Array | None], said: Said, copies: int = 1) -> Gradients:
    """The gradients of a call with these inputs, initial state and mask; see `LSTM.gradients`."""
    inputs = call[0]
    parts = [
        slice(start + part.start, start + part.stop)
        for start in range(0, len(inputs), max(1, len(inputs) // copies))
        for part in fused.parts(len(inputs) // copies)
    ] or [slice(0, 0)]

    def of_part(rows: slice) -> tuple[Array, State, Array]:
        part = rows_of(rows, *call)
        in_order = part[2][:, ::-1] if part[2] is not None and fused.config.go_backwards else part[2]
        with np.errstate(all="ignore"):  # what overflows is part of the answer
            return _Backwards(fused, fused.forward(*part, every=True), in_order).pass_(said.of(rows))

    found = [of_part(parts[0])] if len(parts) == 1 else list(workers(fused.threads).map(of_part, parts))
    d_inputs, states, d_columns = zip(*found, strict=True)
    by_copy = np.stack(d_columns).reshape(copies, -1, *fused.columns.shape).sum(axis=1)
    weights = {name: array[0] if copies == 1 else array for name, array in _by_name(fused, by_copy).items()}
    state = State(*(np.concatenate([vars(one)[name] for one in states]) for name in ("hidden", "cell")))
    return Gradients(inputs=np.concatenate(d_inputs), initial_state=state, weights=weights)


class _Backwards:
    """From the last timestep to the first, over some rows of the batch.

    Args:
        fused: what ran.
        tape: its every slot.
        mask: in the order of processing, (batch, timesteps); None for none.
    """

    def __init__(self, fused: FusedLSTM, tape: Tape, mask: Array | None) -> None:
        self.fused, self.tape, self.mask = fused, tape, mask
        self.of_gates = _of_reciprocal if fused.reciprocal else _derive(fused.config.recurrent_activation, fused.units)
        self.of_squashed = _derive(fused.config.activation, fused.units)
        units, batch, dtype = fused.units, tape.z.shape[2], tape.z.dtype
        self.squashed, self.by_hidden = np.empty((2, units, batch), dtype)
        self.gates = np.empty((3 * units, batch), dtype)
        self.d_z = np.empty((4 * units, batch), dtype)

    def pass_(self, said: Said) -> tuple[Array, State, Array]:
        """What is said of the inputs, of the initial state and of the fused weights."""
        fused, steps = self.fused, len(self.tape.use)
        inputs = slice(fused.units, fused.units + fused.input_dim)
        d_emitted, d_before = self._of_hidden(said)
        d_inputs = np.empty((steps, fused.input_dim, len(said.outputs)), self.d_z.dtype)
        d_hidden, d_cell = (np.array(array.T, order="C") for array in vars(said.final_state).values())
        d_reads = cycle(np.empty((2, len(fused.columns), len(said.outputs)), self.d_z.dtype))
        d_cells = cycle(np.empty((2, *d_cell.shape), self.d_z.dtype))
        for t, d_read, d_held in zip(reversed(range(steps)), d_reads, d_cells, strict=False):
            if (of_output := d_emitted[t]) is not None:
                d_hidden += of_output
            self._step(t, d_hidden, d_cell, d_read, d_held)
            d_inputs[t] = d_read[inputs]
            d_hidden, d_cell = d_read[: fused.units], d_held
        if d_before is not None:
            d_hidden += d_before
        in_order = d_inputs[:: -1 if fused.config.go_backwards else 1]
        return in_order.transpose(2, 0, 1), State(hidden=d_hidden.T.copy(), cell=d_cell.T.copy()), self._of_columns()

    def _step(self, t: int, d_hidden: Array, d_cell: Array, d_read: Array, d_held: Array) -> None:
        """Through timestep t, from what is said of the state after it.

        What is said of what it read goes to d_read, of the cell state before it to d_held, of its z to the tape's.
        """
        tape, gates, d_z, units = self.tape, self.gates, self.d_z, self.fused.units
        z, slot, cell, use = tape.z[t], tape.slots[t], tape.cell[t + 1], tape.use[t]
        np.reciprocal(slot[: 3 * units], gates) if self.fused.reciprocal else np.copyto(gates, slot[: 3 * units])
        i, f, o = gates.reshape(3, units, -1)
        self.fused.activate(cell, self.squashed)
        np.multiply(d_hidden, self.squashed, d_z[2 * units : 3 * units])
        np.multiply(d_hidden, o, self.by_hidden)
        self.of_squashed(cell, self.squashed, self.by_hidden)
        np.add(d_cell, self.by_hidden, self.by_hidden)
        np.multiply(slot[3 * units :].reshape(2, units, -1), self.by_hidden, d_z[: 2 * units].reshape(2, units, -1))
        np.multiply(self.by_hidden, i, d_z[3 * units :])
        np.multiply(self.by_hidden, f, d_held)
        self.of_gates(z[: 3 * units], gates, d_z[: 3 * units])
        self.of_squashed(z[3 * units :], slot[3 * units : 4 * units], d_z[3 * units :])
        if use is not None:
            keep(use, d_z)
        np.copyto(z, d_z)
        np.matmul(self.fused.columns, d_z, d_read)
        if use is not None:
            hold(use, d_held, d_cell)
            hold(use, d_read[:units], d_hidden)

    def _of_hidden(self, said: Said) -> tuple[Sequence[Array | None], Array | None]:
        """What the loss says of each timestep's hidden state by way of the outputs, (units, batch) each, and of h_0 likewise."""
        steps = len(self.tape.use)
        last_alone = said.outputs.ndim == 2
        each = [None] * (steps - 1) + [said.outputs.T] if last_alone else list(said.outputs.transpose(1, 2, 0))
        if self.mask is None:
            return each, None
        found: list[Array | None] = []
        repeated = np.zeros((self.fused.units, len(said.outputs)), self.d_z.dtype)
        for d_output, use in zip(reversed(each), reversed(self.mask.T), strict=True):
            d_emitted = repeated if d_output is None else repeated + d_output
            found.insert(0, np.where(use, d_emitted, 0))
            repeated = np.zeros_like(repeated) if self.fused.config.zero_output_for_mask else np.where(use, 0, d_emitted)
        return found, repeated if said.emits_initial_state else None

    def _of_columns(self) -> Array:
        """What is said of the fused weights: products over timesteps and rows of the batch, many at a time."""
        read, d_z = self.tape.read[:-1], self.tape.z[: len(self.tape.use)]
        total = np.zeros_like(self.fused.columns)
        some = max(1, TERMS // max(1, read.shape[2]))
        for start in range(0, len(d_z), some):
            left, right = (np.moveaxis(array[start : start + some], 1, 0).reshape(array.shape[1], -1) for array in (read, d_z))
            total += left @ right.T
        return total


def _derive(name: str | None, units: int) -> Derive:
    """What an activation makes of what is said of its value."""
    if name == "tanh":
        return _of_tanh
    product = vjp(name)

    def derive(z: Array, value: Array, d: Array) -> None:  # noqa: ARG001  # the derivative is taken of the argument
        if name in ALONG_UNITS:
            of_z, of_d = (array.reshape(-1, units, array.shape[-1]).swapaxes(1, 2) for array in (z, d))
            of_d[...] = product(of_z, of_d)
        else:
            np.copyto(d, product(z, d))

    return derive


def _of_tanh(z: Array, value: Array, d: Array) -> None:  # noqa: ARG001  # the derivative is taken of the value
    slope = np.multiply(value, value, value)
    np.subtract(ONE, slope, slope)
    np.multiply(d, slope, d)


def _of_reciprocal(z: Array, value: Array, d: Array) -> None:  # noqa: ARG001  # likewise
    """Of the sigmoid whose argument has the other sign."""
    np.multiply(d, value, d)
    np.subtract(value, ONE, value)
    np.multiply(d, value, d)


def _by_name(fused: FusedLSTM, d_columns: Array) -> dict[str, Array]:
    """What is said of the weights by Keras' names and in its order, from (copies, rows, 4 * units) of the fused ones."""
    blocks = d_columns.reshape(*d_columns.shape[:2], 4, fused.units)[:, :, ROWS]
    blocks[:, :, [0, 1, 3]] *= -1 if fused.reciprocal else 1
    flat = blocks.reshape(d_columns.shape)
    recurrent, kernel, bias = np.split(flat, [fused.units, fused.units + fused.input_dim], axis=1)
    return {"kernel": kernel, "recurrent_kernel": recurrent} | ({"bias": bias[:, 0]} if fused.config.use_bias else {})
