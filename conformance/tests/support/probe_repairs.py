"""Keras' LSTM with one fault of 3.15.1 mended each: that a probe which real Keras fails accepts what is right."""

from __future__ import annotations

from typing import Any

from conformance.tests.support.probe_doubles import Double


class OrthogonalInFloat32(Double):
    """The recurrent kernel is drawn in float32 and rounded."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"recurrent_initializer": self.double_draw}

    def double_draw(self, shape: tuple[int, int], dtype: Any = None) -> Any:
        """Keras' own, cast."""
        return self.double_keras.ops.cast(self.double_keras.initializers.Orthogonal()(shape, "float32"), dtype)


class GenericLoop(Double):
    """Masks are applied by the cell, which has one for each gate."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"use_cudnn": False}


class DropsAll(Double):
    """A rate of 1 leaves nothing."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"use_cudnn": False}

    def double_cell(self, cell: Any) -> None:
        call = cell.call

        def dropped(inputs: Any, states: Any, training: Any = False) -> Any:
            hidden, carry = states
            inputs = inputs * 0 if training and cell.dropout == 1 else inputs
            hidden = hidden * 0 if training and cell.recurrent_dropout == 1 else hidden
            return call(inputs, [hidden, carry], training=training)

        cell.call = dropped


class ResetToStates(Double):
    """reset_state takes states."""

    def reset_state(self, states: Any = None) -> None:
        """Store them."""
        for variable, value in zip(self.states, states, strict=True):
            variable.assign(value)

    states: Any


class CompleteConfig(Double):
    """The config holds what Keras leaves out."""

    use_cudnn: Any

    def get_config(self) -> dict[str, Any]:
        """Keras' config and the rest."""
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]  # Keras' layer comes next
        return config | {"use_cudnn": self.use_cudnn, "implementation": self.cell.implementation}
