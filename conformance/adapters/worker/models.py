"""Models of Keras: their own loops, and the ways in which one is made again."""

import inspect
import os
import shutil
import tempfile
from typing import Any, Callable, Dict, Tuple

import numpy as np

from .common import Unsupported
from .keras import Keras
from .layer import Parts, recurrent_in

# Routes: those whose loop returns a loss, all that run a loop of the model, and those that make the model again.
LOSSES = ("evaluate", "train_on_batch", "fit")
DRIVEN = ("predict", "predict_twice", "predict_partial", "predict_on_batch", *LOSSES)
REMADE = ("from_config", "clone_model", "keras_file", "weights_file")

FILE_OF = {1: "model.h5", 2: "model.h5", 3: "model.keras"}
WEIGHTS_FILE_OF = {1: "weights.h5", 2: "weights.h5", 3: "model.weights.h5"}


def drive(keras: Keras, model: Any, question: Dict[str, Any], arrays: Any, targets: Any) -> Any:
    """What the model's own loop of the question's route returns; the loss, where that has targets."""
    route, batch = question["route"], question["batch"]
    if route == "predict_on_batch":
        return model.predict_on_batch(arrays)
    if route.startswith("predict"):
        size = batch - 1 if route == "predict_partial" else batch
        answers = [model.predict(arrays, batch_size=size, verbose=0) for _ in range(2 if route == "predict_twice" else 1)]
        return answers[-1]
    targets = targets.astype("float32")
    if route == "evaluate":
        return np.asarray(model.evaluate(arrays, targets, batch_size=batch, verbose=0))
    if route == "train_on_batch":
        return np.asarray(model.train_on_batch(arrays, targets))
    epochs = {"nb_epoch" if keras.generation == 1 else "epochs": 1}
    history = model.fit(arrays, targets, batch_size=batch, shuffle=False, verbose=0, **epochs)
    return np.asarray(history.history["loss"][0])


def remade(keras: Keras, model: Any, parts: Parts, route: str, build: Callable[[], Tuple[Any, Parts]]) -> Tuple[Any, Parts]:
    """The model, made again from its configuration, as a copy, or from a file, and its parts; `build` builds it once more."""
    folder = tempfile.mkdtemp(prefix="lstm-conformance-")
    try:
        if route == "weights_file":
            path = os.path.join(folder, WEIGHTS_FILE_OF[keras.generation])
            model.save_weights(path)
            again, again_parts = build()
            again.load_weights(path)
            return again, again_parts
        if route == "keras_file":
            path = os.path.join(folder, FILE_OF[keras.generation])
            model.save(path)
            again = load_model(keras, path)
        else:
            again = copied(keras, model, route)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    layers = [again.get_layer(layer.name) for layer in parts.layers]
    return again, parts._replace(layers=layers, recurrent=recurrent_in(layers))


def copied(keras: Keras, model: Any, route: str) -> Any:
    """The same model with the same weights, by its configuration or by `clone_model`."""
    models = keras.module.models
    if route == "clone_model" and not hasattr(models, "clone_model"):
        raise Unsupported("no clone_model in this version")
    again = models.clone_model(model) if route == "clone_model" else models.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    return again


def load_model(keras: Keras, path: str) -> Any:
    """Without its optimizer, and without what its file may ask to be run, where this version has such arguments."""
    load = keras.module.models.load_model
    wanted = {"compile": False, "safe_mode": True}
    known = inspect.signature(load).parameters
    return load(path, **{name: value for name, value in wanted.items() if name in known})
