"""Wrappers, maskings, stacks and cells that are wrong on purpose, one sentence each."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from conformance.tests.support.probe_doubles import Double, LayerDouble


class CallDouble(LayerDouble):
    """What doubles share that give Keras' call other arguments, of any layer."""

    def __init_subclass__(cls) -> None:
        """Wrap the call that follows, whose signature Keras reads."""
        inner = getattr(super(), "call", None)
        if inner is not None:

            @functools.wraps(inner)
            def call(self: Any, *given: Any, **named: Any) -> Any:
                bound = inspect.signature(inner).bind(self, *given, **named)
                self.double_call(bound.arguments)
                return inner(*bound.args, **bound.kwargs)

            cls.call = call  # type: ignore[attr-defined]  # Keras' layer has it

    def double_call(self, arguments: dict[str, Any]) -> None:
        """Change the arguments."""
        raise NotImplementedError


class NeverInTraining(CallDouble):
    """Nothing within is ever in training."""

    def double_call(self, arguments: dict[str, Any]) -> None:
        arguments["training"] = False


class AlwaysInTraining(CallDouble):
    """All that is within is always in training."""

    def double_call(self, arguments: dict[str, Any]) -> None:
        arguments["training"] = True


class MaskDropped(CallDouble):
    """The mask is not used."""

    def double_call(self, arguments: dict[str, Any]) -> None:
        arguments["mask"] = None


class NumbersInverted(CallDouble):
    """A mask of numbers is taken for its opposite."""

    def double_call(self, arguments: dict[str, Any]) -> None:
        mask = arguments.get("mask")
        if mask is not None and "bool" not in str(mask.dtype):
            arguments["mask"] = self.double_keras.ops.equal(mask, 0)


class LastSliceLost(CallDouble):
    """The wrapped layer reads zeros in the last timestep."""

    double_of = "TimeDistributed"

    def double_call(self, arguments: dict[str, Any]) -> None:
        inputs = arguments["inputs"]
        arguments["inputs"] = self.double_keras.ops.concatenate([inputs[:, :-1], 0 * inputs[:, -1:]], axis=1)


class FirstMaskForAll(CallDouble):
    """All timesteps have the mask of the first."""

    double_of = "TimeDistributed"

    def double_call(self, arguments: dict[str, Any]) -> None:
        mask, ops = arguments.get("mask"), self.double_keras.ops
        if mask is not None:
            arguments["mask"] = ops.logical_or(mask[:, :1], ops.zeros_like(mask))


class MaskingDouble(LayerDouble):
    """What wrong maskings share."""

    double_of = "Masking"
    mask_value: Any

    def __init__(self, mask_value: Any = 0.0, **arguments: Any) -> None:
        super(LayerDouble, self).__init__(mask_value=self.double_first(mask_value), **arguments)  # type: ignore[call-arg]  # Keras' layer comes next


class MasksZeros(MaskingDouble):
    """Whatever the mask value, it is 0."""

    def double_first(self, units: Any) -> Any:
        return 0.0 * units


class MasksAnyFeature(MaskingDouble):
    """A timestep is masked if one of its features is the mask value."""

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:  # noqa: ARG002  # Keras' signature
        """The mask."""
        ops = self.double_keras.ops
        return ops.all(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        """The inputs, and the mask that Keras adds."""
        ops = self.double_keras.ops
        return ops.where(ops.expand_dims(self.compute_mask(inputs), -1), inputs, 0)


class ShowsMasked(MaskingDouble):
    """Masked inputs are shown as they are."""

    def call(self, inputs: Any) -> Any:
        """The inputs."""
        return inputs + 0


class ForgetsMaskValue(MaskingDouble):
    """The mask value is not in the config."""

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]  # Keras' layer comes next
        return {name: value for name, value in config.items() if name != "mask_value"}


class SizesReversed(LayerDouble):
    """A stack takes the first cell for the last."""

    double_of = "StackedRNNCells"
    cells: list[Any]

    @property
    def output_size(self) -> int:
        """The first cell's."""
        size: int = self.cells[0].output_size
        return size

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells[::-1]]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        return [cell.get_initial_state(batch_size=batch_size) for cell in self.cells[::-1]]


class CudnnOfForwardHalf(LayerDouble):
    """The backward half of a Bidirectional is not told whether to use cuDNN."""

    double_of = "Bidirectional"
    backward_layer: Any

    def __init__(self, layer: Any, **arguments: Any) -> None:
        super().__init__(layer, **arguments)
        self.backward_layer.use_cudnn = None


class NeverTrainable(Double):
    """trainable=True is ignored."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"trainable": False}

    @property
    def trainable(self) -> bool:
        """Never."""
        return False

    @trainable.setter
    def trainable(self, value: bool) -> None:
        """Never mind."""


@functools.cache
def default_in_cell(argument: str) -> type[Double]:
    """A layer in the config of whose cell an argument has its default value."""

    class DefaultInCell(Double):
        def double_cell(self, cell: Any) -> None:
            inner, default = cell.get_config, type(cell)(1).get_config()
            cell.get_config = lambda: inner() | {argument: default[argument]}

    DefaultInCell.__name__ += f"_{argument}"
    return DefaultInCell


@functools.cache
def forgetting_in_cell(argument: str) -> type[Double]:
    """A layer in the config of whose cell an argument is missing."""

    class ForgettingInCell(Double):
        def double_cell(self, cell: Any) -> None:
            inner = cell.get_config
            cell.get_config = lambda: {name: value for name, value in inner().items() if name != argument}

    ForgettingInCell.__name__ += f"_{argument}"
    return ForgettingInCell
