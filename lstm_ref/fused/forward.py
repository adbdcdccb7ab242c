"""The same LSTM at the speed of the machine's matrix product: NumPy only, float32 or float64.

It is fast for these reasons, none of which changes the result:

- Arrays are time-major with the batch last, (timesteps, rows, batch). The gates of a timestep are whole blocks of memory, so that
  one call computes three gates. The rows of the weights have the order i, f, o, c for the same reason.
- The hidden state of a timestep, its inputs and a one are side by side in one buffer. One matrix product computes all
  pre-activations of a timestep with their bias, and writes them to the place where they are used. At batch 1 a product takes as
  long as reading its matrix; there, one product multiplies the inputs of all timesteps instead.
- A gate g = 1 / (1 + exp(-z)) is stored as its reciprocal r = 1 + exp(-z); the weights hold the minus sign. Values are divided by r
  instead of multiplied by g. This is as exact as the usual form, in both tails, and saves an operation. (With tanh for all four
  gates, g = (1 + tanh(z/2)) / 2, a closed gate would have a small absolute error only, not a small relative one.) c̃_t and c_{t-1}
  are side by side, as i and f are: one division computes both terms of c_t.
- The loop over timesteps allocates nothing with gates of sigmoid, tanh, linear or relu and activations of the last three.
- A mask selects bits: old ^ ((new ^ old) & use) has no branch, and no NaN of a masked timestep passes it.
- The rows of the batch are independent: with `threads`, parts of a large batch run in parallel. NumPy's matrix product may have
  threads of its own: give the cores to one of the two (`OPENBLAS_NUM_THREADS=1` where `threads` is more than 1). As long as Python
  has a global lock, which every call of NumPy releases, the threads of the matrix product are as fast or faster.

Equations and symbols are those of `cell`; tests compare the results with the oracle's, within the derived uncertainty
(`uncertainty`).
"""

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

# The order of the row blocks of the fused weights, as positions in Keras' order i, f, c, o.
ROWS = (0, 1, 3, 2)

# Multiplications of a timestep for each thread: with fewer, threads wait for Python's lock longer than they compute.
WORTH_A_THREAD = 2**20

# Rows whose distance is a multiple of a page share few lines of a processor's cache: so few of them are transposed at a time.
PAGE, ROWS_TRANSPOSED = 4096, 16

ONE = np.float32(1)  # a ufunc converts a scalar of Python in every call, but not one of NumPy

# (argument, output): writes the activation's values to the second array, which may be the first.
InPlaceActivation = Callable[[Array, Array], object]


@dataclass(frozen=True, eq=False)
class Tape:
    """The buffers of one run over some rows of the batch: one slot per timestep with `keep_all`, else one slot, or two with a mask.

    Attributes:
        read: hidden state, inputs and a one, (timesteps + 1, units + input_dim + 1, batch); only the hidden state at batch 1.
        slots: i, f, o or their reciprocals, c̃_t and c_{t-1}, (timesteps + 1, 1 or 2, 5 * units, batch).
        z: pre-activations in rows i, f, o, c̃, (…, 4 * units, batch), negative where gates are stored as reciprocals. It shares the
            memory of the gates, unless their derivatives need both.
        use: per timestep, all bits set for the rows that use it and none for the others, (1, batch); None where all rows use it.
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
        """The cell state before the first timestep and after each, where each has a slot, (…, units, batch)."""
        return self.slots[:, self.z.shape[1] :]

    @property
    def final_state(self) -> tuple[Array, Array]:
        """Hidden and cell state after the last timestep, (batch, 1, units) each."""
        last = (len(self.read) - 1) % len(self.slots)
        return self.hidden[-1].T[:, np.newaxis].copy(), self.cell[last].T[:, np.newaxis].copy()


class FusedLSTM:
    """One LSTM with its weights arranged for speed. The weights are read once, by the constructor.

    Args:
        config: the arguments of the Keras layer.
        weights: in the compute dtype.
        threads: number of parts of a batch that may run at the same time.
    """

    def __init__(self, config: LSTMConfig, weights: LSTMWeights, threads: int = 1) -> None:
        self.config = config
        self.threads = threads
        self.units, self.input_dim = weights.units, weights.input_dim
        self.reciprocal = config.recurrent_activation == "sigmoid"
        self.apply_activation = in_place_activation(config.activation, self.units)
        self.apply_recurrent_activation = (
            _reciprocal_of_sigmoid if self.reciprocal else in_place_activation(config.recurrent_activation, self.units)
        )
        bias = [] if weights.bias is None else [weights.bias[np.newaxis]]
        stacked = np.concatenate([weights.recurrent_kernel, weights.kernel, *bias])
        blocks = stacked.reshape(len(stacked), 4, self.units)[:, ROWS]
        blocks[:, :3] *= -1 if self.reciprocal else 1
        # Rows of recurrent_kernel, of kernel and, where there is one, of bias: (rows, 4 * units).
        self.columns = blocks.reshape(len(stacked), 4 * self.units)

    @cached_property
    def rows(self) -> Array:
        """The transpose of `columns`, with a row for each gate of each unit: (4 * units, rows)."""
        return np.ascontiguousarray(self.columns.T)

    # --- calls -----------------------------------------------------------------------------------------------------------------

    def run(self, inputs: Array, initial_state: State, mask: Array | None, *, emits_initial_state: bool = False) -> Trajectory:
        """What a call returns: all outputs or the last one, and the final state as the only state.

        With one thread the outputs are a view of the buffer, whose last axis is the batch.

        Args:
            inputs: (batch, timesteps, input_dim).
            initial_state: (batch, units) each.
            mask: (batch, timesteps), True = use; None for none.
            emits_initial_state: whether h_0, instead of zeros, is the output before the first timestep that is used.
        """
        returned = slice(None) if self.config.return_sequences else slice(-1, None)

        def run_rows(rows: slice) -> Trajectory:
            part = rows_of(rows, inputs, initial_state, mask)
            tape = self.forward(*part)
            final_state = tape.final_state
            self._emit(tape.hidden[1:], part[2], emits_initial_state)
            return Trajectory(tape.hidden[1:].transpose(2, 0, 1)[:, returned], *final_state)

        parts = self.parts(len(inputs))
        if len(parts) == 1:
            return run_rows(parts[0])
        outputs = np.empty((*inputs[:, returned].shape[:2], self.units), self.columns.dtype)

        def write_rows(rows: slice) -> tuple[Array, Array]:
            trajectory = run_rows(rows)
            outputs[rows] = trajectory.outputs
            return trajectory.hidden, trajectory.cell

        return Trajectory(outputs, *map(np.concatenate, zip(*workers(self.threads).map(write_rows, parts), strict=True)))

    def trajectory(
        self, inputs: Array, initial_state: State, mask: Array | None, *, emits_initial_state: bool = False
    ) -> Trajectory:
        """The whole trajectory of a call; the arguments are those of `run`."""
        tape = self.forward(inputs, initial_state, mask, keep_all=True)
        outputs = tape.hidden[1:].copy()
        self._emit(outputs, mask, emits_initial_state)
        return Trajectory(*(array.transpose(2, 0, 1) for array in (outputs, tape.hidden[1:], tape.cell[1:])))

    def parts(self, batch: int) -> list[slice]:
        """The rows of the batch for each thread, about equally many."""
        count = max(1, min(self.threads, batch, batch * self.columns.size // WORTH_A_THREAD))
        return [slice(*pair) for pair in pairwise(batch * k // count for k in range(count + 1))]

    def _emit(self, hidden: Array, mask: Array | None, emits_initial_state: bool) -> None:
        """Turn hidden states into outputs in place, (timesteps, units, batch): zeros where the mask requires them."""
        if mask is None or (emits_initial_state and not self.config.zero_output_for_mask):
            return
        used = mask[:, ::-1] if self.config.go_backwards else mask
        nonzero = used if self.config.zero_output_for_mask else np.logical_or.accumulate(used, axis=1)
        if not nonzero.all():
            mask_values(_bits(nonzero, hidden.dtype), hidden)

    # --- the loop --------------------------------------------------------------------------------------------------------------

    def forward(self, inputs: Array, initial_state: State, mask: Array | None, *, keep_all: bool = False) -> Tape:
        """Run over all timesteps; `keep_all` keeps the slot of every timestep."""
        single_row = len(inputs) == 1 and not keep_all
        if self.config.go_backwards:
            inputs, mask = inputs[:, ::-1], None if mask is None else mask[:, ::-1]
        if single_row and mask is not None:
            inputs = np.where(mask[..., np.newaxis], inputs, 0)
        tape = self._tape(inputs, initial_state, mask, keep_all=keep_all, rows=self.units if single_row else len(self.columns))
        if not single_row:
            read = tape.read[:-1, self.units : self.units + self.input_dim]
            time_major(inputs, read)
            if mask is not None:
                mask_values(_bits(mask, read.dtype), read)
            tape.read[:, self.units + self.input_dim :] = 1
        with np.errstate(over="ignore"):  # the reciprocal of a closed gate is infinite
            self._run_steps(tape, self._single_row_preactivations(tape, inputs[0]) if single_row else self._preactivations(tape))
        return tape

    def _tape(self, inputs: Array, initial_state: State, mask: Array | None, *, keep_all: bool, rows: int) -> Tape:
        (batch, steps, _), units, dtype = inputs.shape, self.units, self.columns.dtype
        # A masked timestep keeps the values of the slot before it. Without a mask one slot is overwritten.
        slots = np.empty((steps + 1 if keep_all else 1 if mask is None else 2, 5 * units, batch), dtype)
        by_value = self.reciprocal and self.config.activation == "tanh"
        tape = Tape(
            read=np.empty((steps + 1, rows, batch), dtype),
            slots=slots,
            z=slots[:, : 4 * units] if by_value or not keep_all else np.empty((steps, 4 * units, batch), dtype),
            use=[None] * steps if mask is None else _use(mask, dtype),
        )
        tape.hidden[0], tape.cell[0] = initial_state.hidden.T, initial_state.cell.T
        return tape

    def _preactivations(self, tape: Tape) -> Iterator[Array]:
        """The pre-activations of each timestep, computed lazily: each needs the hidden state before it."""
        for read, z in zip(tape.read[:-1], cycle(tape.z), strict=False):
            yield np.matmul(self.rows, read, z)

    def _single_row_preactivations(self, tape: Tape, inputs: Array) -> Iterator[Array]:
        """The same at batch 1, with one product for the inputs (timesteps, input_dim) of all timesteps."""
        from_inputs = inputs @ self.columns[self.units : self.units + self.input_dim]
        if self.config.use_bias:
            from_inputs += self.columns[-1]
        recurrent = self.columns[: self.units]
        for hidden, from_input, z in zip(tape.hidden[:-1].swapaxes(1, 2), from_inputs, cycle(tape.z), strict=False):
            row = z.T
            np.matmul(hidden, recurrent, row)
            np.add(row, from_input, row)
            yield z

    def _run_steps(self, tape: Tape, preactivations: Iterator[Array]) -> None:
        two, three, four = 2 * self.units, 3 * self.units, 4 * self.units
        activate, combine = self.apply_activation, np.divide if self.reciprocal else np.multiply
        products, squashed = np.empty_like(tape.slots[0, three:]), np.empty_like(tape.hidden[0])
        from_candidate, from_cell = products[: self.units], products[self.units :]
        views = cycle([(slot[:three], slot[:two], slot[two:three], slot[three:four], slot[three:]) for slot in tape.slots])
        cells = [slot[four:] for slot in tape.slots]
        steps = zip(
            preactivations, views, cycle(cells), islice(cycle(cells), 1, None), tape.hidden[:-1], tape.hidden[1:], tape.use,
            strict=False,
        )  # fmt: skip
        for z, (gates, i_f, o, candidate, pair), old_cell, cell, hidden, new_hidden, use in steps:
            self.apply_recurrent_activation(z[:three], gates)
            activate(z[three:], candidate)
            combine(pair, i_f, products)
            np.add(from_candidate, from_cell, cell)
            activate(cell, squashed)
            combine(squashed, o, new_hidden)
            if use is not None:
                hold(use, cell, old_cell)
                hold(use, new_hidden, hidden)


def rows_of(rows: slice, inputs: Array, state: State, mask: Array | None) -> tuple[Array, State, Array | None]:
    """The arguments of a run over some rows of the batch."""
    return inputs[rows], State(state.hidden[rows], state.cell[rows]), None if mask is None else mask[rows]


def time_major(inputs: Array, out: Array) -> None:
    """Write (batch, timesteps, n) to (timesteps, n, batch)."""
    chunk = ROWS_TRANSPOSED if inputs.strides[0] % PAGE == 0 else len(inputs)
    for start in range(0, len(inputs), max(1, chunk)):
        out[..., start : start + chunk] = inputs[start : start + chunk].transpose(1, 2, 0)


def mask_values(bits: Array, values: Array) -> None:
    """Set values to 0 in place where no bits are set, NaN and infinity included; bits are broadcast to the shape of the values."""
    value_bits = values.view(bits.dtype)
    value_bits &= bits


def hold(use: Array, new: Array, old: Array) -> None:
    """Write the old values to `new` where a row does not use the timestep; use: see Tape, (1, batch)."""
    new_bits, old_bits = new.view(use.dtype), old.view(use.dtype)
    new_bits ^= old_bits
    new_bits &= use
    new_bits ^= old_bits


def in_place_activation(name: str | None, units: int) -> InPlaceActivation:
    """The activation of that name, which writes to a given array."""
    if name in IN_PLACE:
        return IN_PLACE[name]
    function = activations.get(name)
    if name not in ALONG_UNITS:
        return lambda z, out: np.copyto(out, function(z))

    def write(z: Array, out: Array) -> None:
        blocks, values = (array.reshape(-1, units, array.shape[-1]).swapaxes(1, 2) for array in (z, out))
        values[...] = function(blocks)

    return write


IN_PLACE: dict[str | None, InPlaceActivation] = {
    "tanh": np.tanh,
    "relu": lambda z, out: np.maximum(z, 0, out=out),
}


def _reciprocal_of_sigmoid(z: Array, out: Array) -> None:
    """1 + exp(z): the reciprocal of the sigmoid of -z."""
    np.exp(z, out)
    np.add(out, ONE, out)


def _bits(mask: Array, dtype: Any) -> Array:
    """All bits set where a mask (batch, timesteps) is True, none elsewhere: integers of the dtype's size, (timesteps, 1, batch)."""
    return np.asarray(-mask.T[:, np.newaxis].astype(f"int{8 * dtype.itemsize}"))


def _use(mask: Array, dtype: Any) -> list[Array | None]:
    """The `Tape.use` of a mask in processing order."""
    return [None if mask[:, t].all() else use for t, use in enumerate(_bits(mask, dtype))]


@cache
def workers(threads: int) -> ThreadPoolExecutor:
    """A pool of threads that is reused: starting a thread takes as long as a short sequence."""
    return ThreadPoolExecutor(threads, thread_name_prefix=f"{__package__}")
