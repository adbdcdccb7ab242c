"""Layers that refuse nothing, or that do not say why; and layers that refuse what Keras 3.15.1 should and does not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from conformance.tests.support.probe_doubles import Double, LayerDouble


class Forgiving(LayerDouble):
    """Whatever does not fit is answered by zeros, built with three units, or left as it is."""

    def __init__(self, *first: Any, **arguments: Any) -> None:
        was_made = False
        with self.double_refusals():
            super().__init__(*first, **arguments)
            was_made = True
        if not was_made:
            super().__init__(*self.double_fitting())

    @classmethod
    def double_fitting(cls) -> tuple[Any, ...]:
        """Arguments of the constructor of Keras' class that fit."""
        layers = cls.double_keras.layers
        fitting = {"RNN": layers.LSTMCell, "StackedRNNCells": lambda units: [layers.LSTMCell(units)], "Masking": float}
        return (fitting.get(cls.double_of, int if cls.double_of.startswith("LSTM") else layers.LSTM)(3),)

    @classmethod
    def double_refusals(cls) -> contextlib.AbstractContextManager[None]:
        """What becomes of an exception: nothing."""
        return contextlib.suppress(Exception)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        with self.double_refusals():
            return super().__call__(*arguments, **keywords)  # type: ignore[misc]  # Keras' layer comes next
        return np.zeros(1)

    def double_cell(self, cell: Any) -> None:
        """Load what fits."""
        load = cell.load_own_variables

        def loaded(store: Any) -> None:
            with self.double_refusals():
                load(store)

        cell.load_own_variables = loaded

    def set_weights(self, weights: list[Any]) -> None:
        """Take what fits."""
        with self.double_refusals():
            super().set_weights(weights)  # type: ignore[misc]  # Keras' layer comes next

    def reset_state(self) -> None:
        """Reset what can be reset."""
        with self.double_refusals():
            super().reset_state()  # type: ignore[misc]  # Keras' layer comes next

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer of the config, or one with three units."""
        with cls.double_refusals():
            return super().from_config(config)  # type: ignore[misc]  # Keras' layer comes next
        return cls(*cls.double_fitting())


class Unspecific(Forgiving):
    """Refusals do not say why."""

    @classmethod
    @contextlib.contextmanager
    def double_refusals(cls) -> Iterator[None]:
        """What becomes of an exception: one that has another message."""
        try:
            yield
        except Exception:  # noqa: BLE001  # the message is what is wrong
            raise ValueError("no") from None


class TracesAnything(Double):
    """What cannot be traced is returned as it came."""

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        with contextlib.suppress(Exception):
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        return sequences


class ArgumentsChecked(Double):
    """Arguments outside their range are refused."""

    def __init__(self, units: Any, **arguments: Any) -> None:
        rates = [arguments.get(name, 0) for name in ("dropout", "recurrent_dropout")]
        if units is True or not all(0 <= rate <= 1 for rate in rates) or arguments.get("implementation", 2) not in (1, 2):
            raise ValueError(f"not an argument: {units}, {arguments}")
        super().__init__(units, **arguments)


class CallsChecked(Double):
    """There are two initial states with as many rows as the inputs, and the mask has the inputs' first two axes."""

    def __call__(self, sequences: Any, initial_state: Any = None, mask: Any = None, **keywords: Any) -> Any:
        if initial_state is not None and [np.shape(state)[0] for state in initial_state] != [np.shape(sequences)[0]] * 2:
            raise ValueError("the initial states have another number or another batch size than the inputs")
        if mask is not None and np.shape(mask) != np.shape(sequences)[:2]:
            raise ValueError("the mask has another shape than the inputs")
        return super().__call__(sequences, initial_state=initial_state, mask=mask, **keywords)  # type: ignore[misc]  # Keras' layer comes next


class TimestepsChecked(Double):
    """An unrolled layer refuses symbolic inputs of an open number of timesteps."""

    unroll: bool

    def __call__(self, sequences: Any, **keywords: Any) -> Any:
        if self.unroll and sequences.shape[1] is None:
            raise ValueError("unroll needs a number of timesteps")
        return super().__call__(sequences, **keywords)  # type: ignore[misc]  # Keras' layer comes next


class AllWeightsOrNone(LayerDouble):
    """New weights are taken if all of them fit."""

    weights: list[Any]

    def set_weights(self, weights: list[Any]) -> None:
        """Compare the shapes first."""
        if [np.shape(array) for array in weights] != [tuple(weight.shape) for weight in self.weights]:
            raise ValueError("the weights have other shapes")
        super().set_weights(weights)  # type: ignore[misc]  # Keras' layer comes next


# What Keras 3.15.1 on TensorFlow does not refuse → why, and a layer that does, where a subclass can.
KNOWN_REFUSALS: dict[str, tuple[str, type[LayerDouble] | None]] = {
    **{
        f"probe-refused-argument-{label}-s0": (why, ArgumentsChecked)
        for why, labels in {
            "True is taken for 1": ("units-true",),
            "rates are clipped": [
                f"{name}-{value}" for name in ("dropout", "recurrent-dropout") for value in ("negative", "above-one")
            ],
            "every implementation but 1 is taken for 2": ("implementation-0", "implementation-3"),
        }.items()
        for label in labels
    },
    **{
        f"probe-refused-call-{label}-s0": (why, CallsChecked)
        for why, labels in {
            "an initial state of one row is broadcast": ("state-of-one-row", "state-of-rank1"),
            "a mask of one row is broadcast": ("mask-of-one-row",),
            "an unrolled loop reads what it needs": ("three-states-unroll", "mask-too-long-unroll"),
        }.items()
        for label in labels
    },
    "probe-refused-call-one-state-cells2-s0": ("cells without a state are left out", None),
    "probe-refused-cell-three-states-s0": ("a cell reads the states that it needs", None),
    "probe-refused-inputs-rnn-symbolic-rank2-s0": ("the batch is taken for the features", None),
    **{
        f"probe-refused-inputs-{name}-unroll-open-s0": ("a symbolic call does not ask for timesteps", repair)
        for name, repair in {"lstm": TimestepsChecked, "rnn": None, "bidi": None}.items()
    },
    "probe-weights-kept-s0": ("weights are set until one does not fit", AllWeightsOrNone),
}
