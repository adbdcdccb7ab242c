"""Wrong classes in the place of Keras' own, each of which makes a sentence of a docstring false, or true where it is not."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.claims.measure import import_keras, import_tensorflow

Derive = Callable[[Any], type]


def overruling(**changed: Any) -> Derive:
    """A class that overrules its caller's arguments."""

    def derive(base: Any) -> type:
        def init(self: Any, *positional: Any, **arguments: Any) -> None:
            base.__init__(self, *positional, **{**arguments, **changed})

        init.__signature__ = inspect.signature(base.__init__)  # type: ignore[attr-defined]  # what Keras and inspect read
        return type(base.__name__, (base,), {"__init__": init})

    return derive


def defaulting(**defaults: Any) -> Derive:
    """A class with other defaults."""

    def derive(base: Any) -> type:
        def init(self: Any, *positional: Any, **arguments: Any) -> None:
            base.__init__(self, *positional, **{**defaults, **arguments})

        init.__signature__ = inspect.signature(base.__init__)  # type: ignore[attr-defined]  # what Keras and inspect read
        return type(base.__name__, (base,), {"__init__": init})

    return derive


def calling(change: Callable[..., Any]) -> Derive:
    """A class whose call is `change(layer, call, inputs)`, where `call` takes inputs and arguments that replace the caller's."""

    def derive(base: Any) -> type:
        def call(self: Any, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
            def original(values: Any = sequences, **changed: Any) -> Any:
                return base.call(self, values, **{"initial_state": initial_state, "mask": mask, "training": training, **changed})

            return change(self, original, mask)

        return type(base.__name__, (base,), {"call": call})

    return derive


def with_member(name: str, make: Callable[[Any], Any]) -> Derive:
    """A class with another member, made of the class."""
    return lambda base: type(base.__name__, (base,), {name: make(base)})


def accepting_anything(_: Any) -> type:
    """A layer that takes all arguments and inputs, and returns its inputs."""

    class Accepting(import_keras().layers.Layer):  # type: ignore[misc]  # a base class known at run time only
        def __init__(self, *_: Any, **__: Any) -> None:
            super().__init__()

        def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:  # noqa: ARG002  # taken, not used
            return inputs

    return Accepting


def one_unit_more(base: Any) -> type:
    """A layer or cell with a unit that nobody asked for."""

    def init(self: Any, units: int, **arguments: Any) -> None:
        base.__init__(self, units + 1, **arguments)

    return type(base.__name__, (base,), {"__init__": init})


def shifted(_: Any, call: Any, __: Any) -> Any:
    """Outputs and states, each one more than they should be."""
    return import_keras().tree.map_structure(lambda each: each + 1, call())


def without(*names: str) -> Callable[..., Any]:
    """A call that ignores these arguments."""
    return lambda _, call, __: call(**dict.fromkeys(names))


def inverted_mask(_: Any, call: Any, mask: Any) -> Any:
    """A call that uses what is masked."""
    return call(mask=None if mask is None else import_keras().ops.logical_not(mask))


def eager_only(layer: Any, call: Any, _: Any) -> Any:
    """A call that asks for cuDNN only if nothing is traced."""
    layer.use_cudnn = "auto" if import_tensorflow().executing_eagerly() else False
    return call()


def narrow_states(_: Any, call: Any, __: Any) -> Any:
    """Returned states lack a feature."""
    returned = call()
    return (returned[0], *(state[:, 1:] for state in returned[1:])) if isinstance(returned, tuple) else returned


def reversed_results(_: Any, call: Any, __: Any) -> Any:
    """The states come before the output."""
    returned = call()
    return returned[::-1] if isinstance(returned, tuple) else returned


def as_list(_: Any, call: Any, __: Any) -> Any:
    """A list in the place of a tuple."""
    returned = call()
    return list(returned) if isinstance(returned, tuple) else returned


def initial_ones(_: Any) -> Any:
    """States of ones, whatever the cell says."""

    def get_initial_state(self: Any, batch_size: Any = None) -> Any:
        return [import_keras().ops.ones((batch_size, size)) for size in self.state_size]

    return get_initial_state


def always_rnn_of_the_first(base: Any) -> type:
    """An RNN that reads the first of several cells only."""

    def init(self: Any, cell: Any, **arguments: Any) -> None:
        base.__init__(self, cell[0] if isinstance(cell, list) else cell, **arguments)

    return type(base.__name__, (base,), {"__init__": init})


def with_inputs_by_name(base: Any) -> type:
    """A layer whose inputs are called `inputs`."""

    def call(self: Any, inputs: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        return base.call(self, inputs, initial_state=initial_state, mask=mask, training=training)

    return type(base.__name__, (base,), {"call": call})


def training_by_default_none(base: Any) -> type:
    """A layer whose training defaults to None."""

    def call(self: Any, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None) -> Any:
        return base.call(self, sequences, initial_state=initial_state, mask=mask, training=bool(training))

    return type(base.__name__, (base,), {"call": call})


def single_state(base: Any) -> type:
    """A cell that takes one tensor for both of its states, and returns one."""

    def call(self: Any, inputs: Any, states: Any, training: Any = False) -> Any:
        several = isinstance(states, list | tuple)
        output, new = base.call(self, inputs, states if several else [states, states], training=training)
        return output, new if several else new[0]

    return type(base.__name__, (base,), {"call": call})


def dropping_units(base: Any) -> type:
    """A layer or cell whose masks of inputs have a value for each unit."""

    def get_dropout_mask(self: Any, step_input: Any) -> Any:
        shape = (step_input.shape[0], self.units)
        return import_keras().ops.convert_to_tensor(np.random.default_rng(0).random(shape) > self.dropout, "float32")

    return type(base.__name__, (base,), {"get_dropout_mask": get_dropout_mask})


def with_cell_dropping_units(base: Any) -> type:
    """A layer with such a cell."""

    def init(self: Any, units: int, **arguments: Any) -> None:
        base.__init__(self, units, **arguments)
        self.cell.__class__ = dropping_units(type(self.cell))

    return type(base.__name__, (base,), {"__init__": init})


def taking_constants(base: Any) -> type:
    """An RNN that takes constants, and whose docstring has the section."""

    def call(self: Any, sequences: Any, initial_state: Any = None, mask: Any = None, *, constants: Any = None) -> Any:
        del constants
        return base.call(self, sequences, initial_state=initial_state, mask=mask)

    section = "\n\n    Note on passing external constants:\n"
    return type(base.__name__, (base,), {"call": call, "__doc__": base.__doc__ + section})


def taking_cells_without_state_size(base: Any) -> type:
    """An RNN that makes up a missing state_size."""

    def init(self: Any, cell: Any, **arguments: Any) -> None:
        if not hasattr(cell, "state_size"):
            cell.state_size = 2
        base.__init__(self, cell, **arguments)

    return type(base.__name__, (base,), {"__init__": init})


def ignoring_output_size(base: Any) -> type:
    """An RNN that always says the size of its first state."""

    def compute_output_shape(self: Any, sequences_shape: Any, initial_state_shape: Any = None) -> Any:  # noqa: ARG001  # as Keras'
        return (sequences_shape[0], self.state_size[0])

    return type(base.__name__, (base,), {"compute_output_shape": compute_output_shape})


def passing_inputs(base: Any) -> type:
    """An RNN that passes inputs to the cell's get_initial_state."""

    def get_initial_state(self: Any, batch_size: Any = None) -> Any:
        return self.cell.get_initial_state(inputs=None, batch_size=batch_size)

    return type(base.__name__, (base,), {"get_initial_state": get_initial_state})


def initial_state_of_inputs(_: Any) -> Any:
    """A cell's get_initial_state that takes inputs."""

    def get_initial_state(self: Any, inputs: Any = None, batch_size: Any = None) -> Any:  # noqa: ARG001  # taken, not used
        return [import_keras().ops.zeros((batch_size, self.units))] * 2

    return get_initial_state


def keeping_layers(base: Any) -> type:
    """A Bidirectional whose forward half is the layer that it is given."""

    def init(self: Any, layer: Any, **arguments: Any) -> None:
        base.__init__(self, layer, **arguments)
        self.forward_layer = layer

    return type(base.__name__, (base,), {"__init__": init})


def generating_forward(base: Any) -> type:
    """A Bidirectional whose halves have the same direction."""

    def init(self: Any, layer: Any, **arguments: Any) -> None:
        base.__init__(self, layer, **arguments)
        self.backward_layer.go_backwards = False

    return type(base.__name__, (base,), {"__init__": init})


def without_criteria(base: Any) -> type:
    """A Bidirectional that asks for no `stateful`."""

    def init(self: Any, layer: Any, **arguments: Any) -> None:
        if not hasattr(layer, "stateful"):
            type(layer).stateful = False
        base.__init__(self, layer, **arguments)

    return type(base.__name__, (base,), {"__init__": init})


def reading_the_last_cell(_: Any) -> Any:
    """A stack whose call is that of its last cell's state and the inputs of the first."""

    def call(self: Any, inputs: Any, states: Any, training: Any = False) -> Any:
        new_states = []
        for cell, state in zip(self.cells, states, strict=True):
            output, new = cell(inputs, list(state), training=training)
            new_states.append(new)
            inputs = output * 0.5
        return inputs, new_states

    return call


def of_time_distributed(change: Callable[..., Any]) -> Derive:
    """A TimeDistributed whose call is `change(call, inputs, training, mask)`."""

    def derive(base: Any) -> type:
        def call(self: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            return change(self, lambda *positional, **named: base.call(self, *positional, **named), inputs, training, mask)

        return type(base.__name__, (base,), {"call": call})

    return derive


def of_nested(base: Any) -> type:
    """A TimeDistributed that takes lists."""

    def build(self: Any, _: Any) -> None:
        self.built = True

    def call(self: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if isinstance(inputs, list):
            return self.layer(inputs)
        self.layer.build((inputs.shape[0], *inputs.shape[2:]))
        return base.call(self, inputs, training=training, mask=mask)

    def compute_output_shape(self: Any, shape: Any) -> Any:
        return shape[0] if isinstance(shape, list) else base.compute_output_shape(self, shape)

    return type(base.__name__, (base,), {"build": build, "call": call, "compute_output_shape": compute_output_shape})


def with_a_weight_of_its_own(base: Any) -> type:
    """A TimeDistributed with a weight for each timestep."""

    def build(self: Any, shape: Any) -> None:
        base.build(self, shape)
        self.extra = self.add_weight(shape=(shape[1],), name="extra")

    return type(base.__name__, (base,), {"build": build})


def masking_nothing(base: Any) -> type:
    """A Masking that masks nothing."""

    def call(self: Any, inputs: Any) -> Any:  # noqa: ARG001  # a method
        return import_keras().ops.convert_to_tensor(inputs)

    def compute_mask(self: Any, inputs: Any, mask: Any = None) -> Any:  # noqa: ARG001  # as Keras'
        return import_keras().ops.ones(inputs.shape[:-1], "bool")

    return type(base.__name__, (base,), {"call": call, "compute_mask": compute_mask})


def refusing_masks(base: Any) -> type:
    """A layer that raises an exception when it gets a mask."""

    def call(self: Any, inputs: Any) -> Any:
        if import_keras().src.backend.get_keras_mask(inputs) is not None:
            raise ValueError("no masks")
        return base.call(self, inputs)

    return type(base.__name__, (base,), {"call": call})
