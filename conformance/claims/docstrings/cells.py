"""Experiments on RNN with cells of its users, and on what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.claims.docstrings.layers import BATCH, INPUTS, LIMIT, TIMESTEPS, UNITS, outcome_of, same, shape_of
from conformance.claims.judging import at_most, equal, judge, judge_under
from conformance.claims.measure import as_arrays, gap, import_keras
from conformance.claims.model import Finding

SUM_SIZE = INPUTS.shape[2]


def _cell(**attributes: Any) -> Any:
    """A cell that adds its inputs to its state, with further attributes; one that is None is missing."""

    class Cell(import_keras().layers.Layer):  # type: ignore[misc]  # a base class known at run time only
        state_size = SUM_SIZE

        def call(self, inputs: Any, states: Any) -> Any:
            output = states[0] + inputs
            return output, [output]

    for name, value in attributes.items():
        setattr(Cell, name, value)
    return Cell()


def _rnn(cell: Any, **arguments: Any) -> Any:
    return import_keras().layers.RNN(cell, **arguments)


def _outputs(cell: Any, **arguments: Any) -> Any:
    return as_arrays(_rnn(cell, **arguments)(INPUTS))


class _Plain:
    """An object that has the given attributes and no others."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


def _add(inputs: Any, states: Any, **_: Any) -> Any:
    output = states[0] + inputs
    return output, [output]


def cell_or_list_of_cells() -> Finding:
    """A cell, a list and a tuple of cells; what is neither is refused."""
    cell = import_keras().layers.LSTMCell
    shape = (BATCH, UNITS)
    return judge(
        equal("shape of the outputs with a cell", shape_of(lambda: _rnn(cell(UNITS))(INPUTS)), shape),
        equal("shape of the outputs with a list of two cells", shape_of(lambda: _rnn([cell(4), cell(UNITS)])(INPUTS)), shape),
        equal("an RNN of a number", outcome_of(lambda: _rnn(3)), "ValueError"),
    )


def cell_has_call() -> Finding:
    """The arguments of the cell's `call`, what becomes of its results, and a cell without it."""
    received: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    def call(_: Any, inputs: Any, states: Any) -> Any:
        received.append((tuple(inputs.shape), tuple(states[0].shape)))
        return 2 * states[0] + inputs, [states[0] + inputs]

    sequence, state = _outputs(_cell(call=call), return_sequences=True, return_state=True, unroll=True)
    sums = np.cumsum(INPUTS, axis=1, dtype=np.float32)
    before = np.concatenate([np.zeros_like(sums[:, :1]), sums[:, :-1]], axis=1)
    return judge(
        equal("shapes of input_at_t and states_at_t", sorted({*received}), [((BATCH, SUM_SIZE), (BATCH, SUM_SIZE))]),
        at_most("outputs against output_at_t", gap(sequence, 2 * before + INPUTS), LIMIT),
        at_most("the last state against states_at_t_plus_1", gap(state, sums[:, -1]), LIMIT),
        equal("an RNN of a cell without call", outcome_of(lambda: _rnn(_Plain(state_size=2))), "ValueError"),
    )


def cell_takes_constants() -> Finding:
    """Whether constants reach a cell that takes them, and whether the docstring has the section that it refers to."""

    def call(_: Any, inputs: Any, states: Any, constants: Any = None) -> Any:
        output = states[0] + inputs + (0 if constants is None else constants[0])
        return output, [output]

    constants = [np.ones((BATCH, SUM_SIZE), np.float32)]
    section = "Note on passing external constants"
    docstring = import_keras().layers.RNN.__doc__
    return judge(
        equal(
            "a call of the RNN with constants=…",
            outcome_of(lambda: _rnn(_cell(call=call))(INPUTS, constants=constants)),
            "accepted",
        ),
        equal(f"how often the docstring names {section!r}: here, and as a section", docstring.count(section), 2),
    )


def cell_has_state_size() -> Finding:
    """A cell without `state_size`, and cells whose `state_size` is an integer or several."""
    return judge(
        equal("an RNN of a cell without state_size", outcome_of(lambda: _rnn(_Plain(call=_add))), "ValueError"),
        equal("an RNN of a cell with a text as state_size", outcome_of(lambda: _rnn(_cell(state_size="2"))), "ValueError"),
        equal("an RNN of a cell with state_size", outcome_of(lambda: _rnn(_Plain(call=_add, state_size=2))), "accepted"),
    )


def state_size_is_an_integer() -> Finding:
    """The states of an RNN whose cell has one integer as state_size."""
    states = _outputs(_cell(), return_state=True)[1:]
    return judge(equal("shapes of the states", [state.shape for state in states], [(BATCH, SUM_SIZE)]))


def state_size_is_several_integers() -> Finding:
    """The states of RNNs whose cells have a list or a tuple of integers as state_size."""

    def call(_: Any, inputs: Any, states: Any) -> Any:
        return inputs, [states[0] + inputs, states[1] + 1]

    return judge(
        *(
            equal(
                f"shapes of the states with state_size={sizes}",
                [state.shape for state in _outputs(_cell(call=call, state_size=sizes), return_state=True)[1:]],
                [(BATCH, SUM_SIZE), (BATCH, 7)],
            )
            for sizes in ([SUM_SIZE, 7], (SUM_SIZE, 7))
        )
    )


def cell_has_output_size() -> Finding:
    """Whether the shape that an RNN says its outputs have is right without the cell's output_size."""

    def wider(_: Any, inputs: Any, states: Any) -> Any:
        output = states[0] + inputs
        return import_keras().ops.concatenate([output, output], axis=-1), [output]

    def shape(cell: Any) -> Any:
        return tuple(_rnn(cell).compute_output_shape(INPUTS.shape))

    wide = (BATCH, 2 * SUM_SIZE)
    return judge_under(
        "the outputs have not the size of the cell's first state",
        when=[
            equal("shape of the outputs", shape_of(lambda: _rnn(_cell(call=wider))(INPUTS)), wide),
            equal("shape that the RNN says, with output_size", shape(_cell(call=wider, output_size=2 * SUM_SIZE)), wide),
            equal("whether it says that shape without output_size", shape(_cell(call=wider)) == wide, False),
            equal("a list as output_size", outcome_of(lambda: shape(_cell(output_size=[SUM_SIZE]))), "ValueError"),
        ],
        otherwise=[equal("whether it says the right shape without output_size", shape(_cell()) == (BATCH, SUM_SIZE), False)],
    )


def _with_initial_state(make: Callable[[int], Any], sizes: list[Any] | None = None) -> Any:
    """A cell whose `get_initial_state` is `make`, and which adds the batch sizes that it gets to a list."""

    def get_initial_state(_: Any, batch_size: Any = None) -> Any:
        if sizes is not None:
            sizes.append(int(batch_size))
        return make(batch_size)

    return _cell(get_initial_state=get_initial_state)


def _ones(batch_size: int) -> Any:
    return [import_keras().ops.ones((batch_size, SUM_SIZE))]


def cell_makes_initial_state() -> Finding:
    """When the cell's `get_initial_state` is called, and whether the first call of the cell gets its result."""
    sizes: list[Any] = []
    sums = np.sum(INPUTS, axis=1)
    from_ones = _outputs(_with_initial_state(_ones, sizes))
    asked = len(sizes)
    cell = _with_initial_state(_ones, sizes)
    given = as_arrays(_rnn(cell)(INPUTS, initial_state=[np.full((BATCH, SUM_SIZE), 3, np.float32)]))
    return judge(
        equal("batch sizes that it gets where no state is given", sorted({*sizes[:asked]}), [BATCH]),
        at_most("outputs where no state is given, against those from ones", gap(from_ones, sums + 1), LIMIT),
        at_most("outputs where one is given, against those from it", gap(given, sums + 3), LIMIT),
    )


def initial_state_has_shape() -> Finding:
    """Initial states of the stated shape, and of others."""

    def shape(rows: int, size: int) -> Any:
        return shape_of(lambda: _rnn(_with_initial_state(lambda _: [import_keras().ops.ones((rows, size))]))(INPUTS))

    expected = (BATCH, SUM_SIZE)
    return judge(
        equal("shape of the outputs with (batch_size, cell.state_size)", shape(BATCH, SUM_SIZE), expected),
        equal("whether another number of rows is accepted", shape(BATCH + 1, SUM_SIZE) == expected, False),
        equal("whether another size is accepted", shape(BATCH, SUM_SIZE + 1) == expected, False),
    )


def get_initial_state_takes_inputs() -> Finding:
    """Whether Keras passes its inputs to `get_initial_state`, or its own cells take them."""
    layers = import_keras().layers
    received: list[str] = []

    def get_initial_state(_: Any, *positional: Any, **named: Any) -> Any:
        received.extend([*map(str, positional), *named])
        return _ones(BATCH)

    _outputs(_cell(get_initial_state=get_initial_state))
    own = inspect.signature(layers.LSTMCell.get_initial_state).parameters
    return judge(
        equal("whether inputs are among what it gets", "inputs" in received, True),
        equal("whether LSTMCell.get_initial_state takes inputs", "inputs" in own, True),
    )


def initial_state_defaults_to_zeros() -> Finding:
    """Outputs of a cell without `get_initial_state` against those from zeros."""
    sums = np.sum(INPUTS, axis=1)
    state = _rnn(_cell()).get_initial_state(BATCH)
    return judge(
        at_most("outputs against those from zeros", gap(_outputs(_cell()), sums), LIMIT),
        equal("shapes of the initial states", [tuple(each.shape) for each in state], [(BATCH, SUM_SIZE)]),
        equal("whether they are zeros", same(as_arrays(state[0]), np.zeros((BATCH, SUM_SIZE))), True),
    )


def state_is_returned_as_a_list() -> Finding:
    """The type of what an RNN returns."""
    returned = _rnn(_cell(), return_state=True)(INPUTS)
    return judge(equal("type of what is returned with return_state", type(returned).__name__, "list"))


def output_is_returned_first() -> Finding:
    """The first of what an RNN with several states returns, against what it returns without return_state."""
    lstm = import_keras().layers.RNN(import_keras().layers.LSTMCell(UNITS), return_state=True)
    returned = as_arrays(lstm(INPUTS))
    lstm.return_state = False
    return judge(
        equal("shapes of what is returned", [each.shape for each in returned], [(BATCH, UNITS)] * 3),
        at_most("the first against the output alone", gap(returned[0], as_arrays(lstm(INPUTS))), LIMIT),
    )


def states_are_returned_last() -> Finding:
    """The shapes of returned states, of cells with an integer and with a shape as state_size."""
    one = _outputs(_cell(), return_state=True)
    high = _cell(state_size=[(SUM_SIZE, 3)], call=_of_matrices)
    return judge_under(
        "state_size is an integer or several",
        when=[equal("shapes of the states with state_size=2", [state.shape for state in one[1:]], [(BATCH, SUM_SIZE)])],
        otherwise=[
            equal(
                "shape of the state with state_size=[(2, 3)]",
                shape_of(lambda: _rnn(high, return_state=True)(INPUTS)[1]),
                (BATCH, SUM_SIZE, 3),
            )
        ],
    )


def _of_matrices(_: Any, inputs: Any, states: Any) -> Any:
    return inputs, [states[0] + inputs[:, :, None]]


def sequences_are_returned() -> Finding:
    """The shape of what an RNN returns with return_sequences, for a size of outputs that is not the state's."""

    def call(_: Any, inputs: Any, states: Any) -> Any:
        return import_keras().ops.concatenate([inputs] * 3, axis=-1), [states[0] + inputs]

    cell = _cell(call=call, output_size=3 * SUM_SIZE)
    expected = (BATCH, TIMESTEPS, 3 * SUM_SIZE)
    return judge(
        equal("shape of the outputs", shape_of(lambda: _rnn(cell, return_sequences=True)(INPUTS)), expected),
        equal("shape that the RNN says", tuple(_rnn(cell, return_sequences=True).compute_output_shape(INPUTS.shape)), expected),
    )


def initial_state_is_a_tensor_or_a_list() -> Finding:
    """The initial state as a tensor and as a list of tensors, of a cell with one state."""
    state = np.full((BATCH, SUM_SIZE), 3, np.float32)
    sums = np.sum(INPUTS, axis=1) + 3
    return judge(
        *(
            at_most(
                f"outputs from {name} against those from its values",
                gap(as_arrays(_rnn(_cell())(INPUTS, initial_state=given)), sums),
                LIMIT,
            )
            for name, given in {"a tensor": state, "a list of tensors": [state]}.items()
        )
    )
