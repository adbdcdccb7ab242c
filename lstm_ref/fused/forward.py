"""The same LSTM at the speed of the machine's matrix product: NumPy only, float32 or float64.

What makes it fast, and leaves the answer as it is:

- Arrays are time-major with the batch last, (timesteps, rows, batch): the gates of a timestep lie in whole blocks of memory, so
  that one call acts on three gates at once. The rows of the weights go i, f, o, c for the same reason.
- A timestep's hidden state, inputs and a one lie side by side in one buffer, so that one matrix product makes all pre-activations
  of a timestep, bias included, and writes them where they are used. At batch 1, where a product is as slow as its matrix is read,
  the inputs of all timesteps are multiplied at once instead.
- A gate g = 1 / (1 + exp(-z)) is kept as its reciprocal r = 1 + exp(-z), the sign being that of the weights; what it lets through
  is divided by r. This is as exact as the usual form, in both tails, and has an operation less. (With tanh for all four gates,
  g = (1 + tanh(z/2)) / 2, a closed gate would be right absolutely only.) c̃_t and c_{t-1} lie side by side, as i and f do: one
  division makes both terms of c_t.
- Nothing is allocated within the loop over timesteps with gates of sigmoid, tanh, linear or relu and activations of the last three.
- A mask selects bits: old ^ ((new ^ old) & use) has no branch, and lets no NaN of a masked timestep through.
- Rows of the batch do not know of each other: with `threads`, parts of a large batch run beside each other. NumPy's matrix product
  may have threads of its own: give the cores to one of the two (`OPENBLAS_NUM_THREADS=1` where `threads` is more than 1). While
  Python has a global lock, which changes hands in every call of NumPy's, those of the matrix product serve as well or better.

Equations and symbols are those of `cell`; the answer is held to the oracle's by the derived uncertainty (`uncertainty`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import cycle, islice, pairwise
from typing import Any

import numpy as np

from lstm_ref import activations
from lstm_ref.arrays import Array
from lstm_ref.config import LSTMConfig
from lstm_ref.derivatives import ALONG_UNITS
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State
from lstm_ref.weights import LSTMWeights

# Row blocks of the fused weights, by their position among Keras' i, f, c, o.
ROWS = (0, 1, 3, 2)

# Multiplications of a timestep that are worth a thread: with fewer, threads wait for Python's lock longer than they compute.
WORTH_A_THREAD = 2**20

# Rows that lie a multiple of a page apart share few places of a processor's cache: so few of them are transposed at a time.
PAGE, ROWS_TRANSPOSED = 4096, 16

ONE = np.float32(1)  # a scalar of NumPy's is ready for a ufunc, one of Python's is converted in every call

# From an argument to its value, written to the second array; both may be the same.
Write = Callable[[Array, Array], object]


@dataclass(frozen=True, eq=False)
class Tape:
    """The buffers of one run over some rows of the batch: a slot per timestep where `every` was asked for, else as few as serve.

    Attributes:
        read: hidden state, inputs and a one, (timesteps + 1, units + input_dim + 1, batch); the hidden state alone at batch 1.
        slots: i, f, o or their reciprocals, c̃_t, and the c_{t-1} that it meets, (timesteps + 1, 1 or 2, 5 * units, batch).
        z: pre-activations in rows i, f, o, c̃, (…, 4 * units, batch), negative where gates are kept as reciprocals; the same memory
            as that of the gates, unless their derivatives ask for it again.
        use: per timestep, all bits of the rows that use it, none of the others, (1, batch); None where all rows do.
    """

    read: Array
    slots: Array
    z: Array
    use: Sequence[Array | None]

    @property
    def hidden(self) -> Array:
        """The hidden state before the first timestep and after each, (timesteps + 1, units, batch)."""
        return self.read[:, : self.slots.shape[1] - self.z.shape[1]]

    @property
    def cell(self) -> Array:
        """The cell state likewise, where there is a slot for each, (…, units, batch)."""
        return self.slots[:, self.z.shape[1] :]

    @property
    def final_state(self) -> tuple[Array, Array]:
        """Hidden and cell state after the last timestep, (batch, 1, units) each."""
        last = (len(self.read) - 1) % len(self.slots)
        return self.hidden[-1].T[:, np.newaxis].copy(), self.cell[last].T[:, np.newaxis].copy()


class FusedLSTM:
    """One LSTM with its weights laid out for speed; they are read when it is made.

    Args:
        config: what is computed.
        weights: in the dtype that is computed in.
        threads: how many parts of a batch may run beside each other.
    """

    def __init__(self, config: LSTMConfig, weights: LSTMWeights, threads: int = 1) -> None:
        self.config = config
        self.threads = threads
        self.units, self.input_dim = weights.units, weights.input_dim
        self.reciprocal = config.recurrent_activation == "sigmoid"
        self.activate = writer(config.activation, self.units)
        self.open_gates = _reciprocal_of_sigmoid if self.reciprocal else writer(config.recurrent_activation, self.units)
        bias = [] if weights.bias is None else [weights.bias[np.newaxis]]
        stacked = np.concatenate([weights.recurrent_kernel, weights.kernel, *bias])
        blocks = stacked.reshape(len(stacked), 4, self.units)[:, ROWS]
        blocks[:, :3] *= -1 if self.reciprocal else 1
        # What is read by what: rows of recurrent_kernel, kernel and, where there is one, bias; (rows, 4 * units).
        self.columns = blocks.reshape(len(stacked), 4 * self.units)

    @cached_property
    def rows(self) -> Array:
        """The same, a row for each gate of each unit: (4 * units, rows)."""
        return np.ascontiguousarray(self.columns.T)

    # --- what is asked ---------------------------------------------------------------------------------------------------------

    def run(self, inputs: Array, initial_state: State, mask: Array | None, *, emits_initial_state: bool = False) -> Trajectory:
        """What a call returns: the outputs, or the last alone, and the final state alone.

        From one thread the outputs are a view of the buffer, whose last axis is the batch.

        Args:
            inputs: (batch, timesteps, input_dim).
            initial_state: (batch, units) each.
            mask: (batch, timesteps), True = use; None for none.
            emits_initial_state: whether h_0, instead of zeros, is emitted before the first timestep that is used.
        """
        shown = slice(None) if self.config.return_sequences else slice(-1, None)

        def passed(rows: slice) -> Trajectory:
            part = rows_of(rows, inputs, initial_state, mask)
            tape = self.forward(*part)
            final_state = tape.final_state
            self._emit(tape.hidden[1:], part[2], emits_initial_state)
            return Trajectory(tape.hidden[1:].transpose(2, 0, 1)[:, shown], *final_state)

        parts = self.parts(len(inputs))
        if len(parts) == 1:
            return passed(parts[0])
        outputs = np.empty((*inputs[:, shown].shape[:2], self.units), self.columns.dtype)

        def written(rows: slice) -> tuple[Array, Array]:
            one = passed(rows)
            outputs[rows] = one.outputs
            return one.hidden, one.cell

        return Trajectory(outputs, *map(np.concatenate, zip(*workers(self.threads).map(written, parts), strict=True)))

    def trajectory(
        self, inputs: Array, initial_state: State, mask: Array | None, *, emits_initial_state: bool = False
    ) -> Trajectory:
        """All that a call passes through; arguments as of `run`."""
        tape = self.forward(inputs, initial_state, mask, every=True)
        emitted = tape.hidden[1:].copy()
        self._emit(emitted, mask, emits_initial_state)
        outputs, hidden, cell = (array.transpose(2, 0, 1) for array in (emitted, tape.hidden[1:], tape.cell[1:]))
        return Trajectory(outputs=outputs, hidden=hidden, cell=cell)

    def parts(self, batch: int) -> list[slice]:
        """The rows of the batch that each thread gets, about as many each."""
        count = max(1, min(self.threads, batch, batch * self.columns.size // WORTH_A_THREAD))
        return [slice(*pair) for pair in pairwise(batch * k // count for k in range(count + 1))]

    def _emit(self, hidden: Array, mask: Array | None, emits_initial_state: bool) -> None:
        """Make outputs of the hidden states, (timesteps, units, batch): zeros where a mask says so."""
        if mask is None or (emits_initial_state and not self.config.zero_output_for_mask):
            return
        used = mask[:, ::-1] if self.config.go_backwards else mask
        shows = used if self.config.zero_output_for_mask else np.logical_or.accumulate(used, axis=1)
        if not shows.all():
            keep(_bits(shows, hidden.dtype), hidden)

    # --- the loop --------------------------------------------------------------------------------------------------------------

    def forward(self, inputs: Array, initial_state: State, mask: Array | None, *, every: bool = False) -> Tape:
        """Run over all timesteps, and keep every slot where `every` is asked for."""
        alone = len(inputs) == 1 and not every
        if self.config.go_backwards:
            inputs, mask = inputs[:, ::-1], None if mask is None else mask[:, ::-1]
        if alone and mask is not None:
            inputs = np.where(mask[..., np.newaxis], inputs, 0)
        tape = self._tape(inputs, initial_state, mask, every=every, rows=self.units if alone else len(self.columns))
        if not alone:
            read = tape.read[:-1, self.units : self.units + self.input_dim]
            time_major(inputs, read)
            if mask is not None:
                keep(_bits(mask, read.dtype), read)
            tape.read[:, self.units + self.input_dim :] = 1
        with np.errstate(over="ignore"):  # the reciprocal of a closed gate is infinite
            self._pass(tape, self._alone(tape, inputs[0]) if alone else self._together(tape))
        return tape

    def _tape(self, inputs: Array, initial_state: State, mask: Array | None, *, every: bool, rows: int) -> Tape:
        (batch, steps, _), units, dtype = inputs.shape, self.units, self.columns.dtype
        # What a row holds at a masked timestep is the slot before: without a mask, one slot is written over.
        slots = np.empty((steps + 1 if every else 1 if mask is None else 2, 5 * units, batch), dtype)
        by_value = self.reciprocal and self.config.activation == "tanh"
        tape = Tape(
            read=np.empty((steps + 1, rows, batch), dtype),
            slots=slots,
            z=slots[:, : 4 * units] if by_value or not every else np.empty((steps, 4 * units, batch), dtype),
            use=[None] * steps if mask is None else _use(mask, dtype),
        )
        tape.hidden[0], tape.cell[0] = initial_state.hidden.T, initial_state.cell.T
        return tape

    def _together(self, tape: Tape) -> Iterator[Array]:
        """The pre-activations of each timestep, when it is asked for: by then the hidden state before it is there."""
        for read, z in zip(tape.read[:-1], cycle(tape.z), strict=False):
            yield np.matmul(self.rows, read, z)

    def _alone(self, tape: Tape, inputs: Array) -> Iterator[Array]:
        """The same at batch 1, from the inputs (timesteps, input_dim) of all timesteps at once."""
        from_inputs = inputs @ self.columns[self.units : self.units + self.input_dim]
        if self.config.use_bias:
            from_inputs += self.columns[-1]
        recurrent = self.columns[: self.units]
        for hidden, from_input, z in zip(tape.hidden[:-1].swapaxes(1, 2), from_inputs, cycle(tape.z), strict=False):
            row = z.T
            np.matmul(hidden, recurrent, row)
            np.add(row, from_input, row)
            yield z

    def _pass(self, tape: Tape, preactivations: Iterator[Array]) -> None:
        two, three, four = 2 * self.units, 3 * self.units, 4 * self.units
        open_gates, activate, combine = self.open_gates, self.activate, np.divide if self.reciprocal else np.multiply
        products, squashed = np.empty_like(tape.slots[0, three:]), np.empty_like(tape.hidden[0])
        from_candidate, from_cell = products[: self.units], products[self.units :]
        views = cycle([(slot[:three], slot[:two], slot[two:three], slot[three:four], slot[three:]) for slot in tape.slots])
        cells = [slot[four:] for slot in tape.slots]
        steps = zip(
            preactivations, views, cycle(cells), islice(cycle(cells), 1, None), tape.hidden[:-1], tape.hidden[1:], tape.use,
            strict=False,
        )  # fmt: skip
        for z, (gates, i_f, o, candidate, pair), held, cell, hidden, new_hidden, use in steps:
            open_gates(z[:three], gates)
            activate(z[three:], candidate)
            combine(pair, i_f, products)
            np.add(from_candidate, from_cell, cell)
            activate(cell, squashed)
            combine(squashed, o, new_hidden)
            if use is not None:
                hold(use, cell, held)
                hold(use, new_hidden, hidden)


def rows_of(rows: slice, inputs: Array, state: State, mask: Array | None) -> tuple[Array, State, Array | None]:
    """The arguments of a run over some rows of the batch."""
    part = State(hidden=state.hidden[rows], cell=state.cell[rows])
    return inputs[rows], part, None if mask is None else mask[rows]


def time_major(inputs: Array, into: Array) -> None:
    """Write (batch, timesteps, n) to (timesteps, n, batch)."""
    some = ROWS_TRANSPOSED if inputs.strides[0] % PAGE == 0 else len(inputs)
    for start in range(0, len(inputs), max(1, some)):
        into[..., start : start + some] = inputs[start : start + some].transpose(1, 2, 0)


def keep(bits: Array, values: Array) -> None:
    """Make values 0 where no bits are set, NaN and infinity too; of shapes that fit each other."""
    kept = values.view(bits.dtype)
    kept &= bits


def hold(use: Array, new: Array, old: Array) -> None:
    """Make `new` the old values where a row does not use the timestep; use: see Tape, (1, batch)."""
    bits, kept = new.view(use.dtype), old.view(use.dtype)
    bits ^= kept
    bits &= use
    bits ^= kept


def writer(name: str | None, units: int) -> Write:
    """The activation of that name, with an array to write to."""
    if name in IN_PLACE:
        return IN_PLACE[name]
    function = activations.get(name)
    if name not in ALONG_UNITS:
        return lambda z, out: np.copyto(out, function(z))

    def write(z: Array, out: Array) -> None:
        blocks, values = (array.reshape(-1, units, array.shape[-1]).swapaxes(1, 2) for array in (z, out))
        values[...] = function(blocks)

    return write


IN_PLACE: dict[str | None, Write] = {
    "tanh": np.tanh,
    "relu": lambda z, out: np.maximum(z, 0, out=out),
}


def _reciprocal_of_sigmoid(z: Array, out: Array) -> None:
    """1 + exp(z): the reciprocal of the sigmoid of -z."""
    np.exp(z, out)
    np.add(out, ONE, out)


def _bits(mask: Array, dtype: Any) -> Array:
    """All bits where a mask (batch, timesteps) is True, none elsewhere, (timesteps, 1, batch), for numbers of this dtype."""
    return np.asarray(-mask.T[:, np.newaxis].astype(f"int{8 * dtype.itemsize}"))


def _use(mask: Array, dtype: Any) -> list[Array | None]:
    """What `Tape.use` holds, from a mask in the order of processing."""
    return [None if mask[:, t].all() else use for t, use in enumerate(_bits(mask, dtype))]


@cache
def workers(threads: int) -> ThreadPoolExecutor:
    """Threads that are kept: to start one takes as long as a short sequence."""
    return ThreadPoolExecutor(threads, thread_name_prefix=f"{__package__}")
