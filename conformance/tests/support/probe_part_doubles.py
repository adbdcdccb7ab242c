"""Wrong parts of layers, one sentence each: halves of a Bidirectional, cells of a stack, constraints, variables."""

from __future__ import annotations

import functools
from typing import Any

from conformance.tests.support.probe_doubles import Double, LayerDouble


class BackwardDouble(Double):
    """What doubles share that are wrong only if they go backwards."""

    go_backwards: bool


class StartsBackwardFromZeros(BackwardDouble):
    """The half that goes backwards ignores its initial states."""

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        initial_state = None if self.go_backwards else initial_state
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


class NeverResetBackward(BackwardDouble):
    """reset_state() does nothing in the half that goes backwards."""

    def reset_state(self) -> None:
        """Reset the other half."""
        if not self.go_backwards:
            super().reset_state()  # type: ignore[misc]  # Keras' layer comes next


class NeverResetForward(BackwardDouble):
    """reset_state() does nothing in the half that goes forward."""

    def reset_state(self) -> None:
        """Reset the other half."""
        if self.go_backwards:
            super().reset_state()  # type: ignore[misc]  # Keras' layer comes next


class StatesExchanged(Double):
    """Hidden and cell state are returned in the other order."""

    def double_outputs(self, outputs: Any) -> Any:
        return (outputs[0], outputs[2], outputs[1]) if isinstance(outputs, list | tuple) else outputs


class HalvesAlike(Double):
    """A Bidirectional whose two halves read in the same direction."""

    double_of = "Bidirectional"

    def __init__(self, layer: Any, **arguments: Any) -> None:
        super().__init__(layer, **arguments)
        self.backward_layer.go_backwards = False

    backward_layer: Any


class ReturnsLess(Double):
    """The last of several returned tensors is missing."""

    def double_outputs(self, outputs: Any) -> Any:
        return outputs[:-1] if isinstance(outputs, list | tuple) else outputs


class ResetsWhole(Double):
    """A Bidirectional of which a reset of one half resets the other too."""

    double_of = "Bidirectional"

    def __init__(self, layer: Any, **arguments: Any) -> None:
        super().__init__(layer, **arguments)
        halves = self.forward_layer, self.backward_layer
        resets = [half.reset_state for half in halves]
        for half in halves:
            half.reset_state = lambda: [reset() for reset in resets]

    forward_layer: Any
    backward_layer: Any


class StackDouble(Double):
    """What doubles share that are an RNN over several wrong cells."""

    double_of = "RNN"

    def double_first(self, units: Any) -> Any:
        """The cells, as a stack that reads as this double says."""
        stack = type("Stack", (_Stack, self.double_keras.layers.StackedRNNCells), {"double_stack": self})
        return stack(units) if isinstance(units, list) else units

    def double_inputs(self, position: int, inputs: list[Any]) -> Any:
        """What the cell at that position reads: the last of the inputs, all those of the cells before it."""
        del position
        return inputs[-1]

    def double_states(self, states: list[Any]) -> list[Any]:
        """The states that the cells start from."""
        return states


class _Stack:
    """Cells that read as the double says."""

    double_stack: StackDouble
    cells: list[Any]

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        read, new_states = [inputs], []
        for position, (cell, state) in enumerate(zip(self.cells, self.double_stack.double_states(list(states)), strict=True)):
            output, new_state = cell(self.double_stack.double_inputs(position, read), state, training=training)
            read.append(output)
            new_states.append(new_state)
        return read[-1], new_states


class ReadsFirstInput(StackDouble):
    """Every cell that can reads the inputs of the first."""

    def double_inputs(self, position: int, inputs: list[Any]) -> Any:
        return inputs[0] if inputs[0].shape == inputs[-1].shape else inputs[-1] * (1 + (position > 0))


class StatesOfNeighbour(StackDouble):
    """Two cells of one width exchange their states."""

    def double_states(self, states: list[Any]) -> list[Any]:
        return states[::-1] if all(state[0].shape == states[0][0].shape for state in states) else states


class OneMaskForFeatures(Double):
    """All features share one value of the dropout mask."""

    def double_cell(self, cell: Any) -> None:
        draw = cell._create_dropout_mask
        cell._create_dropout_mask = lambda step, rate: draw(step[:, :1], rate) + 0 * step


class ConstraintsShared(Double):
    """All weights have the kernel's constraint."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        given = arguments.get("kernel_constraint")
        return {name: given if name.endswith("constraint") else value for name, value in arguments.items()}


class MovesBias(Double):
    """The cell's bias is another after every act: a call or get_config."""

    double_act: str

    def double_cell(self, cell: Any) -> None:
        inner = getattr(cell, self.double_act)

        def moved(*arguments: Any, **keywords: Any) -> Any:
            if cell.built:
                cell.bias.assign(cell.bias + 1)
            return inner(*arguments, **keywords)

        setattr(cell, self.double_act, moved)


class CallMovesBias(MovesBias):
    """The cell's bias is another after every call."""

    double_act = "call"


class ConfigMovesBias(MovesBias):
    """The cell's bias is another after every get_config."""

    double_act = "get_config"


class BuiltInsByName(Double):
    """A function is taken for the built-in activation of its name."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {name: value.__name__ if "activation" in name and callable(value) else value for name, value in arguments.items()}


class MaskLost(LayerDouble):
    """The mask ends here."""

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """No mask."""


class MaskSentOn(LayerDouble):
    """The mask of the inputs is sent on, whatever is returned."""

    def compute_mask(self, _: Any, mask: Any = None) -> Any:
        """The mask as it came."""
        return mask


class MaskIgnored(Double):
    """The mask is sent on, and not used."""

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        del mask
        return super().call(sequences, initial_state=initial_state, training=training)


class SaysMoreUnits(LayerDouble):
    """The layer says that its outputs have one unit more than they have."""

    def __init_subclass__(cls) -> None:
        """Wrap the method that follows, whose signature Keras reads."""
        said = getattr(super(), "compute_output_shape", None)
        if said is not None:

            @functools.wraps(said)
            def more(self: Any, *shapes: Any, **named: Any) -> Any:
                return _with_more_units(said(self, *shapes, **named))

            cls.compute_output_shape = more  # type: ignore[attr-defined]  # Keras' layer has it


def _with_more_units(shape: Any) -> Any:
    """The shape, or each of several, with one unit more."""
    if isinstance(shape, list | tuple) and any(isinstance(each, list | tuple) for each in shape):
        return type(shape)(_with_more_units(each) for each in shape)
    return (*shape[:-1], shape[-1] + 1)


class ReturnsIntegers(LayerDouble):
    """Outputs are of the dtype int32."""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        returned = super().__call__(*arguments, **keywords)  # type: ignore[misc]  # Keras' layer comes next
        return self.double_keras.tree.map_structure(lambda tensor: self.double_keras.ops.cast(tensor, "int32"), returned)
