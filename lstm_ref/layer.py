"""LSTM: configuration and weights, called like the Keras layer."""

from numbers import Integral
from typing import Any

import numpy as np

from lstm_ref import sequence
from lstm_ref.arrays import Array, real_array
from lstm_ref.cell import LSTMCell
from lstm_ref.config import LSTMConfig
from lstm_ref.dropout import DropoutMasks
from lstm_ref.errors import DtypeError, LSTMError, ShapeError
from lstm_ref.fused.forward import FusedLSTM
from lstm_ref.fused.gradients import OutputGradients, fused_gradients
from lstm_ref.gradients import Backpropagation, Gradients
from lstm_ref.state import State
from lstm_ref.weights import LSTMWeights

COMPUTE_DTYPES = ("float64", "float32")
ENGINES = ("oracle", "fused")


class LSTM(LSTMCell):
    """An LSTM in NumPy that computes and returns what `keras.layers.LSTM` does.

    Args:
        config: the arguments of the Keras layer.
        weights: kernel (input_dim, 4 * units), recurrent_kernel (units, 4 * units), bias (4 * units,) or None.
        dtype: compute dtype, "float64" or "float32"; weights and inputs are cast to it.
        dropout: masks that multiply each gate's inputs and hidden state; None at inference.
        engine: "oracle", whose code is the equations, or "fused", the same function at the speed of matrix products (see `fused`).
            The fused engine reads the weights when the LSTM is made. Calls with dropout, where the gates read different inputs, use
            the equations.
        threads: number of parts of a batch that the fused engine may run at the same time.

    Raises:
        ShapeError: the weights do not fit config.units.
        DtypeError: an unknown compute dtype.
        LSTMError: an unknown engine, a number of threads that the engine does not support, or config, weights or dropout of another
            type.

    >>> lstm = LSTM(LSTMConfig(units=1), LSTMWeights.from_arrays([[0, 0, 1, 0]], [[0, 0, 0, 0]], [0, 0, 0, 0]))
    >>> lstm(np.array([[[1.0]]])).round(4)  # sigmoid(0) * tanh(sigmoid(0) * tanh(1))
    array([[0.1817]])
    """

    # Keras casts inputs to its compute dtype first; a comparison with Keras has to round them in the same way.
    casts_inputs = True

    # The output before the first unmasked timestep: zeros, or the initial hidden state. A convention; see `sequence.run`.
    emits_initial_state = False

    # The chain rule that `gradients` follows.
    backpropagation: type[Backpropagation] = Backpropagation

    def __init__(
        self,
        config: LSTMConfig,
        weights: LSTMWeights,
        dtype: str = "float64",
        dropout: DropoutMasks | None = None,
        *,
        engine: str = "oracle",
        threads: int = 1,
    ) -> None:
        if str(dtype) not in COMPUTE_DTYPES:
            raise DtypeError(f"dtype must be one of {', '.join(COMPUTE_DTYPES)}; got {dtype!r}")
        for name, value, kinds in (
            ("config", config, (LSTMConfig,)),
            ("weights", weights, (LSTMWeights,)),
            ("dropout", dropout, (DropoutMasks, type(None))),
        ):
            if not isinstance(value, kinds):
                raise LSTMError(f"{name} must be of type {kinds[0].__name__}; got {value!r}")
        if not isinstance(engine, str) or engine not in ENGINES:
            raise LSTMError(f"engine must be one of {', '.join(ENGINES)}; got {engine!r}")
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise LSTMError(f"threads must be a positive integer; got {threads!r}")
        if threads > 1 and engine != "fused":
            raise LSTMError(f"the {engine} runs on one thread; got threads={threads}: use engine='fused'")
        if weights.units != config.units:
            raise ShapeError(f"the weights are those of {weights.units} units, the configuration says {config.units}")
        if config.use_bias != (weights.bias is not None):
            raise ShapeError(f"use_bias is {config.use_bias}, but bias is {'None' if weights.bias is None else 'given'}")
        self.dtype = np.dtype(dtype)
        super().__init__(config, weights.astype(self.dtype), dropout)
        self.state: State | None = None
        self._fused = FusedLSTM(config, self.weights, threads) if engine == "fused" else None

    def __call__(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> Any:
        """Run over a batch of sequences.

        Args:
            inputs: (batch, timesteps, input_dim), real numbers; cast to the compute dtype.
            initial_state: [h, c] or a State, (batch, units) each; zeros, or the stored state of a stateful layer, by default.
            mask: (batch, timesteps), True or nonzero = use the timestep.

        Returns:
            (batch, timesteps, units) with return_sequences, else (batch, units); with return_state a tuple (outputs, h, c).

        Raises:
            ShapeError, DtypeError: an argument does not fit; the message says which and how.
        """
        trajectory = self.call_trajectory(inputs, initial_state, mask)
        outputs, state = self.outputs_and_state(trajectory)
        self.store_final_state(trajectory)
        return (outputs, state.hidden, state.cell) if self.config.return_state else outputs

    def call_trajectory(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> sequence.Trajectory:
        """The trajectory of a call. The fused engine keeps only the parts of it that are returned. No state is stored."""
        checked = self._checked(inputs, initial_state, mask)
        fused = self._engine
        return fused.run(*checked, emits_initial_state=self.emits_initial_state) if fused else self.run(*checked)

    def store_final_state(self, trajectory: sequence.Trajectory) -> None:
        """Store the final state of a call, where the layer is stateful."""
        if self.config.stateful:
            self.store(trajectory.final_state)

    def trajectory(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> sequence.Trajectory:
        """The whole trajectory of the call with these arguments. The stored state is read and does not change."""
        return self.run(*self._checked(inputs, initial_state, mask))

    def gradients(
        self, inputs: Any, d_outputs: Any, d_final: Any = None, initial_state: Any = None, mask: Any = None, *, copies: int = 1
    ) -> Gradients:
        """Derivatives of a loss with respect to inputs, initial state and weights, for the call with these arguments.

        The stored state of a stateful layer is read and does not change.

        Args:
            inputs: of the call.
            d_outputs: the loss's derivative with respect to the outputs, of their shape.
            d_final: with respect to the final states, [h, c] or a State, (batch, units) each; zeros by default.
            initial_state: of the call.
            mask: of the call.
            copies: number of equal parts of the batch, each with a loss of its own.

        Raises:
            ShapeError, DtypeError: an argument does not fit; the message says which and how.
            LSTMError: `copies` does not divide the batch.
        """
        inputs, start, mask = self._checked(inputs, initial_state, mask)
        batch, steps, _ = inputs.shape
        expected = (batch, steps, self.config.units) if self.config.return_sequences else (batch, self.config.units)
        d_outputs = real_array("d_outputs", d_outputs).astype(self.dtype, copy=False)
        if d_outputs.shape != expected:
            raise ShapeError(f"d_outputs must have the shape of the outputs, {expected}; got {d_outputs.shape}")
        d_final = self._checked_pair("d_final", d_final, batch) or self.zero_state(batch)
        if isinstance(copies, bool) or not isinstance(copies, Integral) or copies < 1 or batch % copies:
            raise LSTMError(f"copies must be a positive integer that divides the batch of {batch} rows; got {copies!r}")
        if fused := self._engine:
            loss_gradients = OutputGradients(outputs=d_outputs, final_state=d_final, emits_initial_state=self.emits_initial_state)
            return fused_gradients(fused, (inputs, start, mask), loss_gradients, copies)
        return self.backpropagation(self, copies).backpropagate(inputs, start, mask, d_outputs, d_final)

    def starting_state(self, initial_state: State | None, batch: int) -> State:
        """The state that a call starts from: its initial_state, else the stored state of a stateful layer, else zeros."""
        if initial_state is not None:
            return initial_state
        return self.zero_state(batch) if self.state is None else self.state

    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> sequence.Trajectory:
        """The trajectory of a sequence, from checked arguments. The stored state does not change."""
        if fused := self._engine:
            return fused.trajectory(inputs, initial_state, mask, emits_initial_state=self.emits_initial_state)
        return sequence.run(
            self.step,
            inputs,
            initial_state,
            mask,
            go_backwards=self.config.go_backwards,
            zero_output_for_mask=self.config.zero_output_for_mask,
            emits_initial_state=self.emits_initial_state,
            hold=self.hold,
        )

    def hold(self, use: Array, new: State, old: State) -> State:
        """The state after a timestep under a mask; use: (batch, 1)."""
        return sequence.hold(use, new, old)

    def outputs_and_state(self, trajectory: sequence.Trajectory) -> tuple[Array, State]:
        """The outputs that the layer returns, all or the last one, and the final state, whatever return_state is."""
        return trajectory.outputs if self.config.return_sequences else trajectory.outputs[:, -1], trajectory.final_state

    @property
    def _engine(self) -> FusedLSTM | None:
        """The fused engine, where it runs instead of the equations."""
        return self._fused if self.dropout is None else None

    def zero_state(self, batch: int) -> State:
        """A state of zeros, (batch, units) each."""
        return State(*(np.zeros((batch, self.config.units), self.dtype) for _ in ("hidden", "cell")))

    @property
    def weight_arrays(self) -> dict[str, Array]:
        """The weights as the layer stores them, by Keras' names, in Keras' order."""
        return self.weights.arrays

    def store(self, state: State) -> None:
        """Store the state that the next call of a stateful layer starts from."""
        # A copy: the caller may write to the states that were returned.
        self.state = State(hidden=state.hidden.copy(), cell=state.cell.copy())

    def reset_state(self) -> None:
        """Forget the stored state: the next call of a stateful layer starts from zeros.

        Raises:
            LSTMError: the layer is not stateful.
        """
        if not self.config.stateful:
            raise LSTMError("reset_state() is for a stateful layer; build it with LSTMConfig(stateful=True)")
        self.state = None

    def _checked(self, inputs: Any, initial_state: Any, mask: Any) -> tuple[Array, State, Array | None]:
        """The arguments of a run, from those of a call."""
        inputs = self._checked_inputs(inputs)
        batch = inputs.shape[0]
        mask = checked_mask(mask, inputs.shape[:2])
        if self.dropout is not None:
            self.dropout.check(batch, self.weights.input_dim, self.config.units)
        return inputs, self.starting_state(self._checked_state(initial_state, batch), batch), mask

    def _checked_inputs(self, inputs: Any) -> Array:
        array = real_array("inputs", inputs)
        if array.ndim != 3:
            raise ShapeError(f"inputs must have the axes (batch, timesteps, input_dim); got shape {array.shape}")
        if array.shape[2] != self.weights.input_dim:
            raise ShapeError(
                f"inputs have {array.shape[2]} features, the kernel reads {self.weights.input_dim}; got shape {array.shape}"
            )
        if array.shape[1] == 0:
            raise ShapeError(f"inputs must have at least one timestep; got shape {array.shape}")
        return array.astype(self.dtype, copy=False)

    def _checked_state(self, initial_state: Any, batch: int) -> State | None:
        if self.state is not None and self.state.hidden.shape[0] != batch:
            raise ShapeError(
                f"a stateful layer keeps its batch size: the stored state has {self.state.hidden.shape[0]} rows, "
                f"inputs have {batch}; call reset_state() before another batch size"
            )
        return self._checked_pair("initial_state", initial_state, batch)

    def _checked_pair(self, argument: str, pair: Any, batch: int) -> State | None:
        if pair is None:
            return None
        what = {"initial_state": "the initial", "d_final": "d_final's"}[argument]
        arrays = []
        for name, value in zip(("hidden state h", "cell state c"), _state_pair(argument, pair), strict=True):
            array = real_array(f"{what} {name}", value)
            if array.shape != (batch, self.config.units):
                raise ShapeError(f"{what} {name} must have shape {(batch, self.config.units)} (batch, units); got {array.shape}")
            arrays.append(array.astype(self.dtype))
        return State(*arrays)


def _state_pair(argument: str, pair: Any) -> tuple[Any, Any]:
    """Hidden and cell state from a State or [h, c]; a single array is refused, and so is a pair with None."""
    expected = f"{argument} must be a State or [h, c], (batch, units) each"
    if isinstance(pair, State):
        return pair.hidden, pair.cell
    if not isinstance(pair, list | tuple):
        raise ShapeError(f"{expected}; got one {type(pair).__name__}")
    if len(pair) != 2 or any(value is None for value in pair):
        raise ShapeError(f"{expected}; got {len(pair)} values: [{', '.join(type(value).__name__ for value in pair)}]")
    return pair[0], pair[1]


def checked_mask(mask: Any, expected: tuple[int, ...]) -> Array | None:
    """A mask (batch, timesteps) as booleans, True = use the timestep.

    Raises:
        ShapeError, DtypeError: the mask has another shape, or is not an array of numbers.
    """
    if mask is None:
        return None
    try:
        array = real_array("mask", mask)
    except DtypeError as error:
        raise DtypeError(f"mask must be boolean, True = use the timestep; {str(error).rpartition('; ')[2]}") from error
    if array.shape != expected:
        raise ShapeError(f"mask must have shape {expected} (batch, timesteps), one entry per timestep; got {array.shape}")
    return array.astype(bool)
