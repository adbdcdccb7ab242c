"""Probes of cells that a user wrote, with as little as `keras.layers.RNN` asks of them. They add their inputs to their state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import BATCH, INPUT_DIM, TIMESTEPS, integer_inputs
from conformance.probes.checks import check_close, check_equal
from conformance.probes.model import Probe, Subject
from lstm_ref.arrays import Array

# How a cell is given to RNN → the argument, of a class and its options, and the number of cells.
GIVEN: Mapping[str, tuple[Callable[..., Any], int]] = {
    "cell": (lambda make: make(), 1),
    "list": (lambda make: [make(), make()], 2),
    "tuple": (lambda make: (make(), make()), 2),
    "list-of-one": (lambda make: [make()], 1),
}
# How it returns its state: as documented, or as the one tensor that it is.
RETURNED: Mapping[str, Callable[[Any], Any]] = {"states": lambda state: [state], "state": lambda state: state}


def _summing_cell(keras: Any, returned: Callable[[Any], Any]) -> Any:
    """A class of cells with one state, of which Keras has to make the initial value."""

    class SummingCell(keras.layers.Layer):  # type: ignore[misc]  # Keras is Any
        def __init__(self, state_size: int = INPUT_DIM, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.state_size = state_size

        def call(self, inputs: Any, states: Any) -> Any:
            total = states[0] + inputs
            return total, returned(total)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "state_size": self.state_size}

    return SummingCell


def _sums(inputs: Array, cells: int) -> Array:
    for _ in range(cells):
        inputs = np.cumsum(inputs, axis=1)
    return inputs.astype(np.float64)


def _outputs(subject: Subject, *, given: str, returned: str) -> tuple[CheckResult, ...]:
    """Judge outputs, and those of a layer from the config, which is given the class."""
    argument, cells = GIVEN[given]
    cell = _summing_cell(subject.keras, RETURNED[returned])
    layer = subject.keras.layers.RNN(argument(cell), return_sequences=True, name="sums")
    inputs = integer_inputs(BATCH, TIMESTEPS, INPUT_DIM)
    expected = _sums(inputs, cells)
    rebuilt = type(layer).from_config(layer.get_config(), custom_objects={"SummingCell": cell})
    return (
        check_close("outputs", "outputs, the sums of the inputs", subject.read(layer(inputs)), expected),
        check_close("rebuilt", "outputs of the layer from the config", subject.read(rebuilt(inputs)), expected),
        check_equal("name", "the name of the layer from the config", rebuilt.name, "sums"),
    )


def _stack(subject: Subject) -> tuple[CheckResult, ...]:
    """Judge a stack that is rebuilt by itself, not as a part of an RNN."""
    cell = _summing_cell(subject.keras, RETURNED["states"])
    stack = subject.keras.layers.StackedRNNCells([cell(), cell()])
    rebuilt = type(stack).from_config(stack.get_config(), custom_objects={"SummingCell": cell})
    got = [type(each) is cell for each in rebuilt.cells]
    return (check_equal("cells", "whether the cells of the stack from the config are of the given class", got, [True] * 2),)


def custom_cell_probes() -> Iterator[Probe]:
    """Yield all probes of cells that a user wrote."""
    for given in GIVEN:
        for returned in RETURNED:
            yield Probe(
                trait="custom-cell",
                judge=_outputs,
                asserts="RNN runs a cell with one state and without get_initial_state, alone or stacked, and rebuilds it",
                parameters={"given": given, "returned": returned},
                label=f"{given}-{returned}",
            )
    yield Probe(
        trait="custom-cell-stack", judge=_stack, asserts="StackedRNNCells.from_config finds a cell's class in custom_objects"
    )
