"""Layers that list, freeze, save or load their weights wrongly, one sentence each."""

from __future__ import annotations

from typing import Any

from conformance.tests.support.probe_doubles import LayerDouble


class WeightsRepeated(LayerDouble):
    """The first weight is listed for all of them."""

    @property
    def weights(self) -> list[Any]:
        own: list[Any] = super().weights  # type: ignore[misc]  # Keras' layer comes next
        return own[:1] * len(own)


class AlwaysTrained(LayerDouble):
    """All weights are trained, whatever is frozen."""

    weights: list[Any]

    @property
    def trainable_weights(self) -> list[Any]:
        return self.weights

    @property
    def trainable_variables(self) -> list[Any]:
        return self.weights

    @property
    def non_trainable_weights(self) -> list[Any]:
        return []


class NeverTrained(LayerDouble):
    """No weights are trained."""

    weights: list[Any]

    @property
    def trainable_weights(self) -> list[Any]:
        return []

    @property
    def trainable_variables(self) -> list[Any]:
        return []

    @property
    def non_trainable_weights(self) -> list[Any]:
        return self.weights


class CellDouble(LayerDouble):
    """What doubles share whose cells are wrong, each of several."""

    def double_cell(self, cell: Any) -> None:
        for each in getattr(cell, "cells", [cell]):
            self.double_each(each)

    def double_each(self, cell: Any) -> None:
        """Do something to a cell."""
        raise NotImplementedError


class LoadsNothing(CellDouble):
    """A file of weights is read, and nothing taken from it."""

    def double_each(self, cell: Any) -> None:
        cell.load_own_variables = lambda store: None  # noqa: ARG005  # Keras' signature


class SavesMore(CellDouble):
    """One array more is saved than is loaded."""

    def double_each(self, cell: Any) -> None:
        save, load = cell.save_own_variables, cell.load_own_variables

        def save_more(store: Any) -> None:
            save(store)
            store["more"] = 0.0

        cell.save_own_variables = save_more
        cell.load_own_variables = lambda store: load({name: store[name] for name in set(store.keys()) - {"more"}})


class KernelInFloat32(CellDouble):
    """The kernel is in float32, whatever the policy."""

    def double_each(self, cell: Any) -> None:
        add = cell.add_weight
        cell.add_weight = lambda **given: add(**given, **({"dtype": "float32"} if given["name"] == "kernel" else {}))


class KernelInComputeDtype(CellDouble):
    """The kernel is in the dtype in which the policy computes."""

    def double_each(self, cell: Any) -> None:
        add = cell.add_weight
        cell.add_weight = lambda **given: add(**given, **({"dtype": cell.compute_dtype} if given["name"] == "kernel" else {}))


class StatesInFloat32(LayerDouble):
    """Stored states are in float32, whatever the policy."""

    @property
    def variable_dtype(self) -> str:
        return "float32"


class HidesVariable(LayerDouble):
    """One of the variables is not listed."""

    @property
    def variables(self) -> list[Any]:
        return list(super().variables[:-1])  # type: ignore[misc]  # Keras' layer comes next


class FrozenWhenLoaded(LayerDouble):
    """A layer from a config is not trained."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        layer = super().from_config(config)  # type: ignore[misc]  # Keras' layer comes next
        layer.trainable = False
        return layer
