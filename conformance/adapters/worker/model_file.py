"""A user's own model file: what the model predicts, and what each LSTM in it is given and returns."""

import contextlib
import functools
import inspect
from typing import Any, Callable, Dict, Iterator, List, Set, Tuple

import numpy as np

from .common import Answer, Arrays, flat, one_or_list
from .keras import Keras
from .models import load_model


class LoadedModel:
    """A model out of a file: its predictions, and the calls of the LSTMs in it."""

    def __init__(self, keras: Keras, path: str) -> None:
        self.keras, self.model = keras, load_model(keras, path)

    def answer(self, inputs: List[Any], question: Dict[str, Any]) -> Answer:
        """What it predicts; eagerly, with the calls recorded; and for replicas whose weights and inputs are moved at random."""
        recorder = Recorder(self.keras)
        arrays = {"output.%d" % k: output for k, output in enumerate(self.predict(inputs))}
        if self.keras.is_eager:
            with recorder.recording():
                called = self.call(inputs)
            arrays.update({"called.%d" % k: output for k, output in enumerate(called)})
        answer = {"outputs": len(arrays) // (2 if self.keras.is_eager else 1), "layers": recorder.layers, "calls": recorder.calls}
        for k, replicas in enumerate(zip(*self.replicas(inputs, question))):
            arrays["replica.%d" % k] = np.stack(replicas)
        arrays.update(recorder.arrays)
        return dict(answer, not_recorded=recorder.not_recorded), arrays

    def reset(self) -> None:
        """To zero states."""
        for layer in layers_in(self.model):
            if getattr(layer, "stateful", False) and hasattr(layer, "cell"):
                self.keras.reset(layer)

    def predict(self, inputs: List[Any]) -> List[Any]:
        """The outputs of its own loop, compiled where this version compiles."""
        self.reset()
        return [self.keras.numpy(each) for each in flat(self.model.predict_on_batch(one_or_list(inputs)))]

    def call(self, inputs: List[Any]) -> List[Any]:
        """The outputs of an eager call."""
        self.reset()
        to_tensor = self.keras.module.ops.convert_to_tensor if self.keras.generation == 3 else self.keras.tf.convert_to_tensor
        returned = self.model(one_or_list([to_tensor(array) for array in inputs]), training=False)
        return [self.keras.numpy(each) for each in flat(returned)]

    def replicas(self, inputs: List[Any], question: Dict[str, Any]) -> Iterator[List[Any]]:
        """Predictions with every number moved up or down by a unit roundoff."""
        random, weights = np.random.RandomState(question["seed"]), self.model.get_weights()

        def moved(array: Any) -> Any:
            if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
                return array
            signs = random.choice([-1.0, 1.0], array.shape)
            return (array.astype("float64") * (1 + question["unit_roundoff"] * signs)).astype(array.dtype)

        for _ in range(question["replicas"]):
            self.model.set_weights([moved(array) for array in weights])
            yield self.predict([moved(array) for array in inputs])
        self.model.set_weights(weights)


class Recorder:
    """What the LSTMs of a model are given and return, in calls that are not traced."""

    def __init__(self, keras: Keras) -> None:
        self.keras = keras
        self.layers: List[Dict[str, Any]] = []
        self.calls: List[Dict[str, Any]] = []
        self.arrays: Arrays = {}
        self.not_recorded = "" if keras.is_eager else "a static graph has no calls to record"
        self.own_cells: Tuple[Any, ...] = own_cells(keras.module.layers) if keras.is_eager else ()
        self.called: List[Any] = []
        self.inside: Set[int] = set()

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """While the model is called; inside of a call, weights would be read as the layer computes with them."""
        module = self.keras.module.layers
        classes = [each for each in inspect.getmro(module.LSTM) if "call" in vars(each) and issubclass(each, module.RNN)]
        before: List[Tuple[Any, Any]] = [(each, vars(each)["call"]) for each in classes if self.keras.is_eager]
        for each, call in before:
            each.call = self.watched(call)
        try:
            yield
        finally:
            for each, call in before:
                each.call = call
        for number, layer in enumerate(self.called):
            self.layers.append({"name": layer.name, "cells": len(self.cells_of(layer))})
            for position, cell in enumerate(self.cells_of(layer)):
                for name in ("kernel", "recurrent_kernel", "bias"):
                    if getattr(cell, name, None) is not None:
                        array = self.keras.numpy(self.keras.value(getattr(cell, name)))
                        self.arrays["layer.%d.%d.%s" % (number, position, name)] = array

    def watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same method, which says what it was given and returned; of one that calls that of its base, once."""

        @functools.wraps(call)
        def recorded(layer: Any, *args: Any, **kwargs: Any) -> Any:
            if id(layer) in self.inside or not self.cells_of(layer):
                return call(layer, *args, **kwargs)
            given = inspect.signature(call).bind(layer, *args, **kwargs).arguments
            self.inside.add(id(layer))
            try:
                states = list(flat(layer.states)) if getattr(layer, "stateful", False) else []
                before = [self.keras.numpy(self.keras.value(state)) for state in states if state is not None]
                returned = call(layer, *args, **kwargs)
            finally:
                self.inside.discard(id(layer))
            try:
                self.keep(layer, given, before, flat(returned))
            except Exception as error:
                names = (layer.name, type(error).__name__)
                self.not_recorded = "a call of %s was traced, so its numbers are not known (%s)" % names
            return returned

        return recorded

    def cells_of(self, layer: Any) -> List[Any]:
        """The LSTM cells of a recurrent layer; none where one of its cells is another, be it a subclass by the same name."""
        cell = getattr(layer, "cell", None)
        cells = list(getattr(cell, "cells", [cell]))
        return cells if all(type(each) in self.own_cells for each in cells) else []

    def keep(self, layer: Any, given: Dict[str, Any], before: List[Any], returned: List[Any]) -> None:
        """The arrays of one call."""
        inputs, *states = flat(given.get("sequences", given.get("inputs")))
        states = states or [state for state in flat(given.get("initial_state")) if state is not None]
        mask = given.get("mask")
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        named = {"inputs": self.keras.numpy(inputs)}
        named.update({"returned.%d" % k: self.keras.numpy(each) for k, each in enumerate(returned)})
        named.update({"state.%d" % k: self.keras.numpy(each) for k, each in enumerate(states)} if states else {})
        named.update({"state.%d" % k: each for k, each in enumerate(before)} if not states else {})
        named.update({"mask": self.keras.numpy(mask)} if mask is not None else {})
        number = len(self.calls)
        self.arrays.update({"call.%d.%s" % (number, name): array for name, array in named.items()})
        counts = {"returned": len(returned), "states": len(states or before), "mask": mask is not None}
        if not any(layer is each for each in self.called):
            self.called.append(layer)
        position = [each is layer for each in self.called].index(True)
        self.calls.append(dict(counts, layer=position))


def own_cells(layers: Any) -> Tuple[Any, ...]:
    """Keras' own classes of LSTM cells: TensorFlow's LSTM has a cell of an earlier one than its LSTMCell."""
    return layers.LSTMCell, type(layers.LSTM(1).cell)


def layers_in(layer: Any) -> Iterator[Any]:
    """A layer and all within it."""
    yield layer
    within = [getattr(layer, name, None) for name in ("layer", "forward_layer", "backward_layer")]
    for each in list(getattr(layer, "layers", ())) + [one for one in within if one is not None]:
        yield from layers_in(each)
