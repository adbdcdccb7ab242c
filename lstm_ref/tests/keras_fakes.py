"""Cells and layers with the attributes that Keras' have, which compute with the slow LSTM instead of a framework."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from lstm_ref import LSTMWeights, activations
from lstm_ref.arrays import Array
from lstm_ref.tests import slow

FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")


class Variable:
    """A variable of Keras 3 on NumPy, JAX or OpenVINO, or of TensorFlow: .numpy() gives its value, assign() changes it."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def numpy(self) -> Any:
        """The value itself, not a copy."""
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.array, dtype)

    def assign(self, array: Any) -> None:
        """Another value."""
        self.array = np.array(array)


class Cell:
    """A built LSTMCell; its activations are those of the reference by name, or functions that compute the same."""

    def __init__(self, weights: LSTMWeights, variable: Callable[[Any], Any] = Variable, **changes: Any) -> None:
        self.units = weights.units
        self.names = (changes.pop("activation_name", "tanh"), changes.pop("recurrent_activation_name", "sigmoid"))
        self.activation, self.recurrent_activation = map(activations.get, self.names)
        self.use_bias, self.built = weights.bias is not None, True
        self.kernel, self.recurrent_kernel = variable(weights.kernel), variable(weights.recurrent_kernel)
        self.bias = None if weights.bias is None else variable(weights.bias)
        self.computed = [*weights.arrays.values(), *([] if self.use_bias else [None])]
        vars(self).update(changes)

    def __call__(self, inputs: Any, states: Sequence[Any]) -> Any:
        """One timestep: the output, and the states."""
        h, c = (np.asarray(state, np.float64) for state in states)
        read = np.asarray(inputs, np.float64)[:, np.newaxis]
        _, h, c = slow.run(self.computed, read, activations=self.names, states=(h, c))
        return h, [h, c]


class Cells:
    """StackedRNNCells."""

    built = True

    def __init__(self, *cells: Any) -> None:
        self.cells = list(cells)

    def __call__(self, inputs: Any, states: Sequence[Any]) -> Any:
        """One timestep: the output, and the states of each cell."""
        after = []
        for cell, state in zip(self.cells, states, strict=True):
            inputs, new = cell(inputs, state)
            after.append(new)
        return inputs, after


class Layer:
    """An LSTM, or an RNN over a cell or over several, with Keras 3's flags."""

    def __init__(self, cell: Any, **flags: Any) -> None:
        self.cell, self.built = cell, True
        self.states: Sequence[Any] | None = None
        for flag in FLAGS:
            setattr(self, flag, flags.pop(flag, False))
        vars(self).update(flags)

    def __call__(self, inputs: Any) -> Any:
        """The results that the flags select; stored states are used and updated."""
        flags = SimpleNamespace(**vars(self))
        cells, nested = (self.cell.cells, True) if hasattr(self.cell, "cells") else ([self.cell], False)
        stored = [np.asarray(state.numpy(), np.float64) for state in self.states or ()]
        read, finals = np.asarray(inputs, np.float64), []
        for position, cell in enumerate(cells):
            outputs, h, c = slow.run(
                cell.computed,
                read,
                activations=cell.names,
                states=tuple(stored[2 * position : 2 * position + 2]) or None,  # type: ignore[arg-type]  # two of them
                return_sequences=True,
                go_backwards=flags.go_backwards and not position,
            )
            read = outputs
            finals.append([h, c])
        for variable, array in zip(self.states or (), [array for pair in finals for array in pair], strict=False):
            variable.assign(array)
        outputs = read if flags.return_sequences else read[:, -1]
        return (outputs, *(finals if nested else finals[0])) if flags.return_state else outputs


class Halves:
    """A Bidirectional."""

    def __init__(self, forward: Any, backward: Any, **changes: Any) -> None:
        self.forward_layer, self.backward_layer, self.built = forward, backward, True
        vars(self).update({"merge_mode": "concat"} | changes)

    def __call__(self, inputs: Any) -> Any:
        """Both halves' outputs, joined, and their states."""
        (forward, *first), (backward, *second) = (
            returned if isinstance(returned, tuple) else (returned,)
            for returned in (self.forward_layer(inputs), self.backward_layer(inputs))
        )
        joined: list[Array] = slow.merge(self.merge_mode, forward, backward)  # type: ignore[attr-defined]  # set with the changes
        return (*joined, *first, *second) if first or len(joined) > 1 else joined[0]
