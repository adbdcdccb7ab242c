"""Runs LSTMs of one framework version and answers questions about them: protocol 1, see PROTOCOL.md beside this file.

    python worker.py '{"system": "keras", "paths": [], "folder": "/where/arrays/lie"}'

It is one file, longer than the others, since it is run by interpreters that have nothing else of this project: Python 3.6 or
later, NumPy, the standard library and the framework. It never sees what is expected.
"""

import ast
import contextlib
import functools
import importlib
import importlib.util
import inspect
import io
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import threading
import time
import traceback
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

try:
    import numpy as np
except ImportError:  # it comes with a framework: where none is, that is what is said
    np = None  # type: ignore[assignment]  # nothing is asked then

PROTOCOL = 1

Arrays = Dict[str, Any]
Answer = Tuple[Dict[str, Any], Arrays]

TIME_DISTRIBUTED_OVER = 2
FILE_OF = {1: "model.h5", 2: "model.h5", 3: "model.keras"}
WEIGHTS_FILE_OF = {1: "weights.h5", 2: "weights.h5", 3: "model.weights.h5"}


class Unsupported(Exception):
    """The implementation has no such thing; the message says what."""


# --- Keras' layers, of every version ---------------------------------------------------------------------------------------------


class Keras:
    """`keras.layers.LSTM`: stand-alone Keras 1 and 2 on TensorFlow 1 or Theano, tf.keras and tf-keras, Keras 3 on its backends."""

    def __init__(self, module: str) -> None:
        self.tf = importlib.import_module("tensorflow") if module == "tensorflow.keras" else None  # type: Any
        self.keras = self.tf.keras if self.tf else importlib.import_module(module)
        self.version = str(getattr(self.keras, "__version__", "") or installed_version(module))
        self.generation = int(self.version.split(".")[0])
        self.backend = str(self.keras.backend.backend())
        if self.backend == "tensorflow":
            self.tf = self.tf or importlib.import_module("tensorflow")
        self.is_eager = self.generation == 3 or bool(self.tf and version_of(self.tf) >= (2, 0) and self.tf.executing_eagerly())
        self.name = {"tensorflow.keras": "tf.keras.layers.LSTM", "tf_keras": "tf_keras.layers.LSTM"}.get(
            module, "keras.layers.LSTM"
        )
        self.package = {"tensorflow.keras": "tf.keras", "tf_keras": "tf-keras"}.get(module, "keras")

    def hello(self) -> Dict[str, str]:
        """What this is, in versions."""
        said = {"implementation": self.name, self.package: self.version, "backend": self.backend}
        packages = {"tensorflow": "tensorflow", "theano": "theano", "jax": "jax", "torch": "torch", "openvino": "openvino"}
        if self.backend in packages:
            said[packages[self.backend]] = str(importlib.import_module(packages[self.backend]).__version__)
        return said

    def answer(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """To one question."""
        asked = {"lstm": self.lstm, "describe": self.describe, "model": self.model_file, "source": self.source}
        if question["ask"] not in asked:
            raise Unsupported("no such question: " + question["ask"])
        return asked[question["ask"]](question, arrays)

    def source(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """Where the files of the implementation are."""
        del question, arrays
        return {"folder": folder_of(self.keras.layers.LSTM)}, {}

    def lstm(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """The calls of one case."""
        self.forget()
        with loops_watched(self) as ran:
            subject = Subject(self, question, arrays)
            for layer in subject.recurrent if question["stateful"] else ():
                self.reset(layer)
            answered, calls = {}, []  # type: Arrays, List[Dict[str, Any]]
            for number, call in enumerate(question["calls"]):
                calls.append(self.call(subject, number, call, answered))
        shapes = [list(self.shape_of(weight)) for layer in subject.layers for weight in layer.weights]
        count = sum(int(layer.count_params()) for layer in subject.layers)
        path = "; ".join(filter(None, [subject.how, " and ".join(ran)]))
        return {"calls": calls, "parameter_count": count, "weight_shapes": shapes, "path": path}, answered

    def call(self, subject: "Subject", number: int, call: Dict[str, Any], answered: Arrays) -> Dict[str, Any]:
        """One call: its arrays into `answered`, what else there is to say of it as the result."""
        stateful = subject.asked["stateful"]
        if call["after_reset"]:
            for layer in subject.recurrent:
                self.reset(layer)
            self.keep(answered, number, "reset", subject.recurrent)
        returned = subject.run(subject.arrays_of(number, call))
        if stateful:
            self.keep(answered, number, "stored", subject.recurrent)
        values = [self.numpy(each) for each in returned]
        count = len(values) - call.get("gradients", 0)
        for position, value in enumerate(values):
            name = ("returned", position) if position < count else ("gradient", position - count)
            answered["%d.%s.%d" % (number, *name)] = value
        return {"returned": count, "dtypes": [self.dtype_of(each) for each in returned[:count]]}

    def shape_of(self, weight: Any) -> Tuple[int, ...]:
        """Of a variable, which Theano knows only by its value."""
        return tuple(map(int, weight.shape if self.backend != "theano" else self.keras.backend.get_value(weight).shape))

    def keep(self, answered: Arrays, number: int, when: str, layers: Sequence[Any]) -> None:
        """The states that stateful layers hold, h and c of all side by side."""
        states = [state for layer in layers for state in flat(layer.states)]
        read = [np.array(self.numpy(self.value(state))) for state in states]
        for name, arrays in (("hidden", read[0::2]), ("cell", read[1::2])):
            answered["%d.%s_%s" % (number, when, name)] = np.concatenate(arrays, axis=-1)

    def describe(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """What the layer's interface looks like: signature, configuration, methods, weights, summary."""
        del question, arrays
        self.forget()
        layers = self.keras.layers
        arguments = {name: repr(default) for name, default in signature_of(layers.LSTM).items()}
        layer = layers.LSTM(2, **({"input_shape": (3, 1)} if self.generation < 3 else {}))
        model = self.sequential([layer], (3, 1))
        config = {name: json_of(value) for name, value in layer.get_config().items()}
        described = {
            "arguments": arguments,
            "config": config,
            "not_serialised": sorted(set(arguments) - set(config)),
            "methods": [name for name in ("reset_state", "reset_states") if hasattr(layer, name)],
            "weights": [[name_of(weight), list(array.shape)] for weight, array in zip(layer.weights, model.get_weights())],
            "initial_bias": [array.tolist() for array in model.get_weights() if array.ndim == 1],
            "activations": sorted(
                name
                for name, one in vars(self.keras.activations).items()
                if inspect.isfunction(one) and not re.search(HELPERS, name)
            ),
            "implementation": json_of(
                getattr(getattr(layer, "cell", layer), "implementation", getattr(layer, "consume_less", None))
            ),
            "docstring": inspect.getdoc(layers.LSTM) or "",
            "summary": self.summary(),
        }
        return described, {}

    def model_file(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """What the model of a file predicts, and what each LSTM in it was given and returned."""
        self.forget()
        try:
            loaded = LoadedModel(self, question["path"])
        except Exception as error:
            return {"not_loaded": exception_line(error)}, {}
        inputs = [arrays["input.%d" % number] for number in range(len(arrays))]
        return loaded.answer(inputs, question)

    def summary(self) -> str:
        """What `model.summary()` prints of LSTM(10) on (13, 5)."""
        self.forget()
        size = {"output_dim" if self.generation == 1 else "units": 10}
        layer = self.keras.layers.LSTM(**dict(size, **({"input_shape": (13, 5)} if self.generation < 3 else {})))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.sequential([layer], (13, 5)).summary()
        return printed.getvalue()

    def sequential(self, layers: List[Any], shape: Tuple[int, ...]) -> Any:
        """A built Sequential."""
        return self.keras.models.Sequential(([self.keras.Input(shape)] if self.generation == 3 else []) + layers)

    def forget(self) -> None:
        """What earlier questions have built."""
        clear = getattr(self.keras.backend, "clear_session", None) or getattr(self.keras.utils, "clear_session", None)
        if clear:
            clear()

    def reset(self, layer: Any) -> None:
        """The states of a stateful layer, by whichever of its methods there is."""
        (getattr(layer, "reset_state", None) or layer.reset_states)()

    def value(self, variable: Any) -> Any:
        """Of a variable, eager or not."""
        if self.generation == 3:
            return self.keras.ops.copy(variable.value)
        return variable.numpy() if self.is_eager else self.keras.backend.get_value(variable)

    def numpy(self, tensor: Any) -> Any:
        """An array; bfloat16, which NumPy lacks, as float32."""
        if self.generation == 3 and not isinstance(tensor, np.ndarray):
            tensor = self.keras.ops.convert_to_numpy(tensor)
        array = np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
        return array.astype("float32") if array.dtype.name == "bfloat16" else array

    def dtype_of(self, tensor: Any) -> str:
        """By its name."""
        if self.generation == 3:
            return str(self.keras.backend.standardize_dtype(tensor.dtype))
        return str(getattr(tensor.dtype, "name", tensor.dtype))


class Subject:
    """What a case is run on: layers with weights, and a function of one call's arrays."""

    def __init__(self, lanes: Keras, asked: Dict[str, Any], arrays: Arrays) -> None:
        self.lanes, self.asked, self.given = lanes, asked, arrays
        self.generation, self.layer_module = lanes.generation, lanes.keras.layers
        self.front, self.layers, self.recurrent = [], [], []  # type: List[Any], List[Any], List[Any]
        self.how = ""
        self.set_precision()
        self.build()
        self.run = self.route()  # type: Callable[[List[Any]], List[Any]]

    # --- layers

    def set_precision(self) -> None:
        """Of stand-alone Keras 1 and 2, where it is one for everything."""
        self.dtype = self.asked["dtype"]
        if self.generation < 3 and not self.lanes.is_eager:
            if self.dtype not in ("float32", "float64", "float16"):
                raise Unsupported("no dtype policy %s: stand-alone Keras 1 and 2 know floatx only" % self.dtype)
            self.lanes.keras.backend.set_floatx(self.dtype)
        elif self.generation == 2 and self.dtype.startswith("mixed") and version_of(self.lanes.tf) < (2, 4):
            raise Unsupported("no dtype policy %s before TensorFlow 2.4" % self.dtype)

    def build(self) -> None:
        """The layers of the case; their weights come when they have been called."""
        asked, module = self.asked, self.layer_module
        if asked["mask_source"] == "masking":
            self.front = [module.Masking(mask_value=0.0, **self.typed())]
        elif asked["mask_source"] == "embedding":
            rows, width = self.given["embedding"].shape
            self.front = [module.Embedding(rows, width, mask_zero=True, **self.typed())]
        {"lstm": self.one, "layers2": self.two_layers, "cells2": self.two_cells, "bidi": self.both_ways, "td": self.distributed}[
            asked["architecture"]
        ]()

    def typed(self) -> Dict[str, Any]:
        """The dtype of a layer, where layers have one; TensorFlow 2.4 knows no policy by its name alone."""
        if self.generation == 2 and self.dtype.startswith("mixed"):
            return {"dtype": self.lanes.keras.mixed_precision.Policy(self.dtype)}
        return {"dtype": self.dtype} if self.generation == 3 or self.lanes.is_eager else {}

    def one(self) -> None:
        """One LSTM."""
        self.layers = self.recurrent = [self.lstm()]

    def two_layers(self) -> None:
        """One above the other."""
        self.layers = self.recurrent = [self.lstm(return_sequences=True), self.lstm()]

    def two_cells(self) -> None:
        """In one RNN."""
        rnn, cell = self.classes("RNN", "LSTMCell")
        made = self.construct(rnn, [self.construct(cell, **self.cell_arguments()) for _ in range(2)], **self.layer_arguments())
        self.layers = self.recurrent = [made]

    def both_ways(self) -> None:
        """A Bidirectional."""
        asked = self.asked
        if asked["unequal"] and self.generation == 1:
            raise Unsupported("no backward_layer in Bidirectional of Keras 1")
        behind = {"backward_layer": self.lstm(units=asked["units"] + 1, go_backwards=True)} if asked["unequal"] else {}
        merge_mode = None if asked["merge_mode"] == "none" else asked["merge_mode"]
        made = self.construct(self.classes("Bidirectional")[0], self.lstm(), merge_mode=merge_mode, **dict(behind, **self.typed()))
        self.layers, self.recurrent = [made], [made.forward_layer, made.backward_layer]

    def distributed(self) -> None:
        """A TimeDistributed."""
        inner = self.lstm()
        self.layers, self.recurrent = [self.layer_module.TimeDistributed(inner, **self.typed())], [inner]

    def lstm(self, **changes: Any) -> Any:
        """One LSTM layer, written as the case wants it."""
        asked = self.asked
        arguments = dict(self.cell_arguments(), **dict(self.layer_arguments(), **changes))
        if asked["layer"] == "lstm":
            if asked["use_cudnn"] != "auto":
                arguments["use_cudnn"] = asked["use_cudnn"]
            return self.construct(self.layer_module.LSTM, **arguments)
        rnn, cell = self.classes("RNN", "LSTMCell")
        of_layer = set(self.layer_arguments()) - {"dtype"}
        one = self.construct(cell, **{name: value for name, value in arguments.items() if name not in of_layer})
        kept = {name: value for name, value in arguments.items() if name in of_layer | {"dtype"}}
        return self.construct(rnn, [one] if asked["layer"] == "rnnlist" else one, **kept)

    def classes(self, *names: str) -> List[Any]:
        """Classes of keras.layers, if this version has them."""
        missing = [name for name in names if not hasattr(self.layer_module, name)]
        if missing:
            raise Unsupported("no keras.layers.%s in this version" % missing[0])
        return [getattr(self.layer_module, name) for name in names]

    def cell_arguments(self) -> Dict[str, Any]:
        """What decides a timestep."""
        asked = self.asked
        if asked["dropout"] not in ("none", "inference"):
            raise Unsupported("dropout in training draws masks that this protocol does not read")
        arguments = {name: asked[name] for name in ("units", "use_bias", "implementation")}
        for name in ("activation", "recurrent_activation"):
            arguments[name] = self.activation(asked[name])
        if asked["dropout"] == "inference":
            arguments.update(dropout=0.5, recurrent_dropout=0.25)
        # The weights are set; what initialisers do is no question here.
        return dict(arguments, kernel_initializer="zeros", recurrent_initializer="zeros", **self.typed())

    def layer_arguments(self) -> Dict[str, Any]:
        """What decides a sequence; of a stateful layer in Keras 1, and where one is asked for, nothing is left out."""
        asked = self.asked
        names = ["return_sequences", "go_backwards", "stateful", "unroll"]
        # Given only where they depart from what every version does: not every version has them.
        names += [name for name in ("return_state", "zero_output_for_mask") if asked[name]]
        return dict({name: asked[name] for name in names}, **self.typed())

    def activation(self, name: Optional[str]) -> Any:
        """As the case gives it, if this version knows it."""
        try:
            function = self.lanes.keras.activations.get(name)
        except Exception as error:  # Keras 2.0.0 raises an UnboundLocalError
            raise Unsupported("no activation %r in this version" % name) from error
        as_given = {"name": name, "function": function, "lambda": lambda x: function(x)}  # noqa: PLW0108  # what is asked: a function that is none of Keras' own
        return as_given[self.asked["activation_as"]]

    def construct(self, made: Any, *positional: Any, **arguments: Any) -> Any:
        """A layer, where this version's has these arguments."""
        if self.generation == 1:
            arguments = in_keras_1(arguments)
        try:
            return made(*positional, **arguments)
        except (TypeError, ValueError) as error:  # Keras 3 raises a ValueError for an argument that it does not know
            unknown = [name for name in arguments if re.search(r"\b%s\b" % name, str(error))]
            if unknown and re.search("(unexpected|[Uu]nrecognized|not understood).*argument|argument.*not understood", str(error)):
                raise Unsupported("no argument %s of %s in this version" % (unknown[0], made.__name__)) from error
            raise

    def load_weights(self) -> None:
        """Give the LSTMs, and the embedding, the weights of the case."""
        if self.asked["mask_source"] == "embedding":
            self.front[0].set_weights([self.given["embedding"].astype("float32" if self.dtype != "float64" else "float64")])
        holders = self.recurrent
        if self.asked["architecture"] == "cells2":
            holders = self.recurrent[0].cell.cells
        for number, holder in enumerate(holders):
            names = ("kernel", "recurrent_kernel", "bias")
            arrays = [self.given["%d.%s" % (number, name)] for name in names if "%d.%s" % (number, name) in self.given]
            if self.generation == 1:
                set_weights_of_keras_1(self.lanes.keras.backend, holder, *arrays)
            else:
                holder.set_weights([array.astype("float64" if self.dtype == "float64" else "float32") for array in arrays])

    # --- calls

    def arrays_of(self, number: int, call: Dict[str, Any]) -> List[Any]:
        """Inputs or ids, the mask where it is an argument, initial states where they are given."""
        inputs = self.given["%d.inputs" % number]
        if not self.asked["contiguous"]:
            inputs = strided(inputs)
        mask = [self.given["%d.mask" % number]] if self.with_mask else []
        states = [self.given["%d.state.%d" % (number, k)] for k in range(call["states"])]
        return [inputs, *mask, *states]

    @property
    def with_mask(self) -> bool:
        """Whether a mask is passed to the layer itself."""
        return bool(self.asked["mask"] != "none" and self.asked["mask_source"] == "argument")

    def apply(self, arrays: Sequence[Any], training: Optional[bool] = None) -> List[Any]:
        """What the layers return, flat; of symbols, traced or eager."""
        arrays = list(arrays)
        inputs = arrays.pop(0)
        mask = arrays.pop(0) if self.with_mask else None
        for layer in self.front:
            inputs = layer(inputs)
        states = []  # type: List[Any]
        for position, layer in enumerate(self.layers):
            keywords = {"training": training} if training is not None else {}  # type: Dict[str, Any]
            if mask is not None:
                keywords["mask"] = mask
            if arrays:
                given = arrays if len(self.layers) == 1 else arrays[2 * position : 2 * position + 2]
                keywords["initial_state"] = self.nested(given)
            returned = flat(layer(inputs, **keywords))
            inputs, states = returned[0], states + returned[1:]
            if mask is not None and self.asked["go_backwards"] and position + 1 < len(self.layers):
                mask = self.reversed(mask)
        return [inputs, *states]

    def reversed(self, mask: Any) -> Any:
        """A mask of the outputs of a layer that goes backwards, which is its caller's task."""
        if self.generation == 3:
            return self.lanes.keras.ops.flip(mask, axis=1)
        return mask[:, ::-1]

    def nested(self, states: Sequence[Any]) -> List[Any]:
        """States as the layer wants them: of several cells, or of a list of one, a pair each."""
        if self.generation == 1:
            raise Unsupported("no initial_state in Keras 1")
        if self.generation == 3 and (self.asked["architecture"] == "cells2" or self.asked["layer"] == "rnnlist"):
            return [list(states[k : k + 2]) for k in range(0, len(states), 2)]
        return list(states)

    def route(self) -> Callable[[List[Any]], List[Any]]:
        """The function of one call's arrays, by the case's route."""
        route, generation = self.asked["route"], self.generation
        if route in ("call", "training"):
            return self.called(training=route == "training")
        if route == "gradient":
            return self.differentiated()
        if route in (
            "functional",
            "predict",
            "predict_twice",
            "predict_partial",
            "predict_on_batch",
            "evaluate",
            "train_on_batch",
            "fit",
        ):
            model = self.model()
        elif route in ("from_config", "clone_model", "keras_file", "weights_file"):
            model = self.made_again(route)
        else:
            raise Unsupported("the route %s is no part of this protocol" % route)
        self.how = route
        if route in ("functional", "from_config", "clone_model", "keras_file", "weights_file"):
            if generation < 3 and not self.lanes.is_eager:
                self.how += ", predict_on_batch"
                return lambda arrays: flat(model.predict_on_batch(one_or_list(arrays)))
            return lambda arrays: flat(model(one_or_list([self.tensor(array) for array in arrays]), training=False))
        return lambda arrays: flat(self.drive(model, route, one_or_list(arrays)))

    def called(self, *, training: bool) -> Callable[[List[Any]], List[Any]]:
        """The layers, as layers are called."""
        if not self.lanes.is_eager:
            return self.graph(training=training)
        # What stateless calls lose of a stateful layer's state is that route's own difference.
        if self.lanes.backend == "jax" and self.asked["compiled"] and not self.asked["stateful"]:
            return self.stateless()
        return self.eager(training=training)

    def differentiated(self) -> Callable[[List[Any]], List[Any]]:
        """A call in training, and the gradients of what it returns."""
        if self.lanes.backend in ("numpy", "openvino"):
            raise Unsupported("Keras infers only on %s: there are no gradients" % self.lanes.backend)
        if self.lanes.backend == "jax":
            return self.stateless_gradient()
        return self.eager(training=True) if self.lanes.is_eager else self.graph(training=False)

    def symbols(self) -> List[Any]:
        """An Input for each array of a call."""
        inputs = []
        for shape, dtype in self.asked["signature"]:
            if self.generation == 3:
                inputs.append(self.lanes.keras.Input(batch_shape=shape, dtype=dtype))
            else:
                inputs.append(self.lanes.keras.layers.Input(batch_shape=tuple(shape), dtype=self.input_dtype(shape, dtype)))
        return inputs

    def input_dtype(self, shape: Sequence[Optional[int]], dtype: str) -> str:
        """Stand-alone Keras 1 and 2 compute in the dtype of the Input, and cast to it what they are fed."""
        is_computed_with = (
            dtype != "bool" and len(shape) > 1 and not (self.asked["mask_source"] == "embedding" and dtype == "int32")
        )
        return self.dtype if is_computed_with and not self.lanes.is_eager else dtype

    def graph(self, *, training: bool) -> Callable[[List[Any]], List[Any]]:
        """A call in Keras 1 or 2 on a static graph."""
        backend = self.lanes.keras.backend
        inputs = self.symbols()
        outputs = self.apply(inputs)
        self.load_weights()
        # Keras 1 counts updates of a Bidirectional's halves as its own; elsewhere each layer has its own.
        updates = [
            update for layer in {id(one): one for one in self.recurrent}.values() for update in getattr(layer, "updates", ())
        ]
        if self.asked["route"] == "gradient":
            sources = self.trainable() + [inputs[position] for position in self.floating()]
            found = backend.gradients(self.weighed(outputs), sources)
            outputs = outputs + [backend.zeros_like(of) if one is None else one for one, of in zip(found, sources)]
        phase = backend.learning_phase()
        phases = [] if isinstance(phase, int) else [phase]
        function = backend.function(inputs + phases, outputs, updates=updates)
        self.how = "backend.function"
        return lambda arrays: list(function(list(arrays) + [int(training)] * len(phases)))

    def eager(self, *, training: bool) -> Callable[[List[Any]], List[Any]]:
        """A call with arrays, inside tf.function where the case is compiled."""
        self.apply(self.symbols(), training=False)
        self.load_weights()

        def run(tensors: Sequence[Any]) -> List[Any]:
            if self.asked["route"] == "gradient":
                return self.tape(tensors) if self.lanes.tf is not None else self.autograd(tensors)
            return self.apply(tensors, training=training)

        self.how = "eager"
        if self.lanes.tf is not None and self.asked["compiled"]:
            tf = self.lanes.tf
            compiler = {"jit_compile": True} if self.asked["jit_compile"] else {}
            if compiler and "jit_compile" not in inspect.signature(tf.function).parameters:
                raise Unsupported("no jit_compile in this TensorFlow")
            signature = [[tf.TensorSpec(shape, dtype) for shape, dtype in self.asked["signature"]]]
            run = tf.function(run, input_signature=signature, autograph=False, **compiler)
            self.how = "tf.function" + (", jit" if compiler else "")
        elif self.asked["jit_compile"]:
            raise Unsupported("jit_compile: a call of a layer has no compiler on %s" % self.lanes.backend)
        return lambda arrays: flat(run([self.tensor(array) for array in arrays]))

    def stateless(self) -> Callable[[List[Any]], List[Any]]:
        """`Model.stateless_call`, jitted; what it changes is written back."""
        model = self.model()
        call = importlib.import_module("jax").jit(model.stateless_call, static_argnames="training")
        self.how = "stateless_call, jit"

        def run(arrays: List[Any]) -> List[Any]:
            held = [[variable.value for variable in group] for group in (model.trainable_variables, model.non_trainable_variables)]
            returned, changed = call(held[0], held[1], list(arrays), training=self.asked["route"] == "training")
            for variable, value in zip(model.non_trainable_variables, changed):
                variable.assign(value)
            return flat(returned)

        return run

    # --- gradients

    def trainable(self) -> List[Any]:
        """The weights of the LSTMs, as the backend has them: kernel, recurrent kernel and bias of each."""
        variables = [each for layer in self.layers for each in layer.trainable_weights]
        if self.generation == 1 and len(variables) > 3 * len(self.recurrent):
            raise Unsupported("Keras 1 has twelve arrays of weights here, which this protocol does not differentiate")
        return [variable.value for variable in variables] if self.generation == 3 else variables

    def floating(self) -> List[int]:
        """Positions of the arrays of a call that have gradients."""
        return [position for position, (_, dtype) in enumerate(self.asked["signature"]) if "float" in dtype]

    def weighed(self, returned: Sequence[Any]) -> Any:
        """The sum of what is returned, weighed as the question says, whose gradients are asked for."""
        total = None  # type: Any
        for position, tensor in enumerate(returned):
            if "weigh.%d" % position in self.given:
                weighed = self.total(tensor, self.given["weigh.%d" % position])
                total = weighed if total is None else total + weighed
        return total

    def total(self, tensor: Any, weights: Any) -> Any:
        """Sum of products."""
        if self.generation == 3:
            ops = self.lanes.keras.ops
            return ops.sum(tensor * ops.convert_to_tensor(weights, dtype=tensor.dtype))
        if self.lanes.is_eager:
            return self.lanes.tf.reduce_sum(tensor * self.lanes.tf.cast(weights, tensor.dtype))
        backend = self.lanes.keras.backend
        return backend.sum(tensor * backend.variable(weights.astype(self.dtype)))

    def tape(self, tensors: Sequence[Any]) -> List[Any]:
        """TensorFlow's."""
        chosen = [tensors[position] for position in self.floating()]
        with self.lanes.tf.GradientTape() as tape:
            tape.watch(chosen)
            returned = self.apply(tensors, training=True)
            total = self.weighed(returned)
        return returned + list(tape.gradient(total, self.trainable() + chosen, unconnected_gradients="zero"))

    def autograd(self, tensors: Sequence[Any]) -> List[Any]:
        """PyTorch's."""
        floating = self.floating()
        leaves = [each.detach().requires_grad_() if position in floating else each for position, each in enumerate(tensors)]
        returned = self.apply(leaves, training=True)
        sources = self.trainable() + [leaves[position] for position in floating]
        grad = importlib.import_module("torch").autograd.grad
        return returned + list(grad(self.weighed(returned), sources, allow_unused=True, materialize_grads=True))

    def stateless_gradient(self) -> Callable[[List[Any]], List[Any]]:
        """JAX's, of `Model.stateless_call`; what it changes is written back."""
        jax, model, floating = importlib.import_module("jax"), self.model(), self.floating()
        own = [each for layer in self.layers for each in layer.trainable_variables]
        places = [[variable is each for variable in model.trainable_variables].index(True) for each in own]

        def differentiated(trainable: List[Any], other: List[Any], arrays: List[Any]) -> Any:
            def total(weights: List[Any], floats: List[Any]) -> Any:
                held, given = list(trainable), list(arrays)
                for into, positions, values in ((held, places, weights), (given, floating, floats)):
                    for position, value in zip(positions, values):
                        into[position] = value
                returned, changed = model.stateless_call(held, other, given, training=True)
                return self.weighed(flat(returned)), (flat(returned), changed)

            sources = [trainable[place] for place in places], [arrays[position] for position in floating]
            (of_weights, of_arrays), (returned, changed) = jax.grad(total, argnums=(0, 1), has_aux=True)(*sources)
            return list(returned) + list(of_weights) + list(of_arrays), changed

        function = jax.jit(differentiated) if self.asked["compiled"] else differentiated
        self.how = "gradient of stateless_call" + (", jit" if self.asked["compiled"] else "")

        def run(arrays: List[Any]) -> List[Any]:
            held = [[variable.value for variable in group] for group in (model.trainable_variables, model.non_trainable_variables)]
            returned, changed = function(held[0], held[1], [self.tensor(array) for array in arrays])
            for variable, value in zip(model.non_trainable_variables, changed):
                variable.assign(value)
            return list(returned)

        return run

    def tensor(self, array: Any) -> Any:
        """Of the backend."""
        return self.lanes.keras.ops.convert_to_tensor(array) if self.generation == 3 else self.lanes.tf.convert_to_tensor(array)

    # --- models

    def model(self) -> Any:
        """A functional model, compiled where its route asks for that, with the weights of the case."""
        keras, asked = self.lanes.keras, self.asked
        if self.with_mask and not self.lanes.is_eager:
            raise Unsupported("a mask that is an argument is no input of a model in stand-alone Keras 1 and 2")
        inputs = self.symbols()
        outputs = self.apply(inputs)
        trained = asked["route"] in ("evaluate", "train_on_batch", "fit")
        made = keras.models.Model(one_or_list(inputs), one_or_list(outputs[:1] if trained else outputs))
        self.load_weights()
        options = {}  # type: Dict[str, Any]
        if self.lanes.is_eager:
            options["run_eagerly"] = not asked["compiled"]
            if asked["jit_compile"] or self.generation == 3:
                options["jit_compile"] = asked["jit_compile"]
        if trained or options:
            made.compile(
                loss="mean_squared_error" if trained or self.generation < 3 else None,
                optimizer=keras.optimizers.SGD(0.0),
                **options,
            )
        return made

    def drive(self, model: Any, route: str, arrays: Any) -> Any:
        """A model's own loops."""
        batch = self.asked["batch"]
        if route == "predict_on_batch":
            return model.predict_on_batch(arrays)
        if route.startswith("predict"):
            size = batch - 1 if route == "predict_partial" else batch
            answers = [model.predict(arrays, batch_size=size, verbose=0) for _ in range(2 if route == "predict_twice" else 1)]
            return answers[-1]
        targets = self.given["targets"].astype("float32")
        if route == "evaluate":
            return np.asarray(model.evaluate(arrays, targets, batch_size=batch, verbose=0))
        if route == "train_on_batch":
            return np.asarray(model.train_on_batch(arrays, targets))
        epochs = {"nb_epoch" if self.generation == 1 else "epochs": 1}
        history = model.fit(arrays, targets, batch_size=batch, shuffle=False, verbose=0, **epochs)
        return np.asarray(history.history["loss"][0])

    def made_again(self, route: str) -> Any:
        """The case's model, made again from its configuration, a copy, or a file."""
        keras, model = self.lanes.keras, self.model()
        folder = tempfile.mkdtemp(prefix="lstm-conformance-")
        try:
            if route == "from_config":
                again = keras.models.Model.from_config(model.get_config())
                again.set_weights(model.get_weights())
            elif route == "clone_model":
                if not hasattr(keras.models, "clone_model"):
                    raise Unsupported("no clone_model in this version")
                again = keras.models.clone_model(model)
                again.set_weights(model.get_weights())
            elif route == "keras_file":
                path = os.path.join(folder, FILE_OF[self.generation])
                model.save(path)
                again = load_model(keras, path)
            else:
                path = os.path.join(folder, WEIGHTS_FILE_OF[self.generation])
                model.save_weights(path)
                self.build()
                again = self.model()
                again.load_weights(path)
                return again
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.layers = [again.get_layer(layer.name) for layer in self.layers]
        self.recurrent = [half for layer in self.layers for half in halves_of(layer)]
        return again


def load_model(keras: Any, path: str) -> Any:
    """Without its optimizer, and without what its file may ask to be run, where this version has such arguments."""
    wanted = {"compile": False, "safe_mode": True}
    known = inspect.signature(keras.models.load_model).parameters
    return keras.models.load_model(path, **{name: value for name, value in wanted.items() if name in known})


def halves_of(layer: Any) -> List[Any]:
    """The LSTMs in a layer that was made again."""
    if hasattr(layer, "forward_layer"):
        return [layer.forward_layer, layer.backward_layer]
    return [getattr(layer, "layer", layer)]


def in_keras_1(arguments: Dict[str, Any]) -> Dict[str, Any]:
    """Keras 2's arguments by the names of Keras 1; `implementation` 0, 1, 2 is consume_less cpu, mem, gpu."""
    names = {
        "units": "output_dim", "kernel_initializer": "init", "recurrent_initializer": "inner_init",
        "recurrent_activation": "inner_activation", "dropout": "dropout_W", "recurrent_dropout": "dropout_U",
        "implementation": "consume_less",
    }  # fmt: skip
    values = {"init": "zero", "inner_init": "zero", "consume_less": ("cpu", "mem", "gpu")[arguments.get("implementation", 0)]}
    if arguments.get("use_bias") is False:
        raise Unsupported("no argument use_bias in Keras 1")
    for name in ("return_state", "zero_output_for_mask", "use_cudnn"):
        if name in arguments:
            raise Unsupported("no argument %s in Keras 1" % name)
    translated = {names.get(name, name): value for name, value in arguments.items() if name != "use_bias"}
    return {name: values.get(name, value) for name, value in translated.items()}


def set_weights_of_keras_1(backend: Any, layer: Any, kernel: Any, recurrent_kernel: Any, bias: Any) -> None:
    """Twelve arrays by their names, or three whose blocks are i, f, c, o."""
    if layer.consume_less == "gpu":
        layer.set_weights([kernel, recurrent_kernel, bias])
        return
    for letter, array in (("W", kernel), ("U", recurrent_kernel), ("b", bias)):
        for gate, block in zip("ifco", np.split(array, 4, axis=-1)):
            backend.set_value(getattr(layer, letter + "_" + gate), block)


@contextlib.contextmanager
def loops_watched(lanes: Keras) -> Iterator[List[str]]:
    """Which inner loops run, or are traced, each once."""
    if lanes.generation == 3:
        module = importlib.import_module("keras.src.backend")
        names = {"lstm": "fused kernel", "bidirectional_lstm": "fused bidirectional kernel", "rnn": "loop"}
    else:
        module, names = lanes.keras.backend, {"rnn": "loop"}
    ran = []  # type: List[str]
    before = {name: getattr(module, name) for name in names if hasattr(module, name)}

    def noting(function: Callable[..., Any], what: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            returned = function(*args, **kwargs)
            named = "unrolled loop" if what == "loop" and kwargs.get("unroll") else what
            if named not in ran:
                ran.append(named)
            return returned

        return call

    for name, function in before.items():
        setattr(module, name, noting(function, names[name]))
    try:
        yield ran
    finally:
        for name, function in before.items():
            setattr(module, name, function)


# --- TensorFlow's cells ----------------------------------------------------------------------------------------------------------


class Cells:
    """What TensorFlow's cells and operations share: Keras' kernels one below the other, [x, h], their blocks left as they are.

    States are given and returned in the system's own order, so that the answer shows how it reads what it gets. A question may
    hold "cell", arguments of the system's own, and the arrays "0.peepholes" (i, f, o) and "0.projection" that they ask for.
    """

    # What there is no argument for: a case that asks for another value asks for something that these are not.
    fixed = {  # noqa: RUF012  # typing.ClassVar in a comment is no annotation
        "architecture": "lstm", "go_backwards": False, "stateful": False, "zero_output_for_mask": False, "use_bias": True,
        "recurrent_activation": "sigmoid", "mask_source": "argument", "dropout": "none", "layer": "lstm", "unroll": False,
        "use_cudnn": "auto", "jit_compile": False, "route": "call",
    }  # fmt: skip
    dtypes = ("float32", "float64", "float16")  # type: Tuple[str, ...]

    def __init__(self, system: str, path: str) -> None:
        self.system, self.name = system, "tf." + path
        # TensorFlow's own Keras has had no cells since 2.16; tf-keras has.
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        self.tf = importlib.import_module("tensorflow")
        self.made_by = functools.reduce(getattr, path.split("."), self.tf)  # type: Any

    def hello(self) -> Dict[str, str]:
        """What this is, in versions."""
        return {"implementation": self.system, "name": self.name, "tensorflow": str(self.tf.__version__)}

    def answer(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """To one question."""
        if question["ask"] == "describe":
            return self.describe()
        if question["ask"] == "source":
            return {"folder": folder_of(self.made_by)}, {}
        if question["ask"] != "lstm":
            raise Unsupported("no such question: " + question["ask"])
        for feature, value in self.fixed.items():
            if question[feature] != value:
                raise Unsupported("no %s=%r in %s" % (feature, question[feature], self.name))
        if question["dtype"] not in self.dtypes:
            raise Unsupported("no dtype %s in %s" % (question["dtype"], self.name))
        return self.lstm(question, arrays)

    def lstm(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """The calls of one case."""
        typed = {name: array if array.dtype == bool else array.astype(question["dtype"]) for name, array in arrays.items()}
        calls, answered, shapes = [], {}, []  # type: List[Dict[str, Any]], Arrays, List[List[int]]
        for number, call in enumerate(question["calls"]):
            mask = arrays.get("%d.mask" % number)
            states = [typed["%d.state.%d" % (number, position)] for position in range(call["states"])]
            outputs, kept, shapes = self.run(question, typed, typed["%d.inputs" % number], lengths_of(mask), states)
            returned = [outputs if question["return_sequences"] else outputs[:, -1]] + (kept if question["return_state"] else [])
            answered.update({"%d.returned.%d" % (number, position): array for position, array in enumerate(returned)})
            calls.append({"returned": len(returned), "dtypes": [array.dtype.name for array in returned]})
        count = sum(int(np.prod(shape)) for shape in shapes)
        return {"calls": calls, "parameter_count": count, "weight_shapes": shapes, "path": self.name}, answered

    def describe(self) -> Answer:
        """Its arguments, and the weights of one of two units; it has no configuration, and what a sequence returns is fixed."""
        parameters = inspect.signature(self.made_by).parameters.values()
        arguments = {each.name: repr(each.default) for each in parameters if each.default is not each.empty}
        zeros = {"0.kernel": np.zeros((1, 8), "f"), "0.recurrent_kernel": np.zeros((2, 8), "f"), "0.bias": np.zeros(8, "f")}
        _, _, shapes = self.run({"units": 2, "activation": "tanh"}, zeros, np.zeros((1, 3, 1), "f"), None, [])
        described = {
            "arguments": arguments,
            "config": {},
            "not_serialised": sorted(arguments),
            "methods": [],
            "weights": [[name, shape] for name, shape in zip(cell_weights(zeros), shapes)],
            "initial_bias": [],
            "activations": [],
            "implementation": None,
            "docstring": inspect.getdoc(self.made_by) or "",
            "summary": "",
            "returns_states": True,
        }
        return described, {}

    def run(
        self, question: Dict[str, Any], arrays: Arrays, inputs: Any, lengths: Any, states: List[Any]
    ) -> Tuple[Any, List[Any], List[List[int]]]:
        """Outputs (batch, timesteps, units), both final states, and the shapes of the weights."""
        raise NotImplementedError


class RNNCell(Cells):
    """`BasicLSTMCell` or `LSTMCell` in `dynamic_rnn`, as programs for TensorFlow 1 have it."""

    fixed = dict(Cells.fixed, compiled=True)  # noqa: RUF012  # likewise; a graph

    def run(
        self, question: Dict[str, Any], arrays: Arrays, inputs: Any, lengths: Any, states: List[Any]
    ) -> Tuple[Any, List[Any], List[List[int]]]:
        """In a graph of its own."""
        v1 = self.tf.compat.v1
        with self.tf.Graph().as_default(), v1.Session() as session:
            cell = self.made_by(question["units"], activation=self.activation(question["activation"]), **question.get("cell", {}))
            start = v1.nn.rnn_cell.LSTMStateTuple(*states) if states else None
            outputs, state = v1.nn.dynamic_rnn(cell, self.tf.constant(inputs), lengths, start, None if states else inputs.dtype)
            weights = cell_weights(arrays)
            for variable in cell.weights:
                variable.load(weights["projection" if "projection" in variable.name else name_of(variable)], session)
            computed = session.run([outputs, state[0], state[1]])
            return computed[0], computed[1:], [variable.shape.as_list() for variable in cell.weights]

    def activation(self, name: str) -> Any:
        """A function of TensorFlow's own."""
        found = self.tf.identity if name == "linear" else getattr(self.tf.nn, name, None)
        if found is None:
            raise Unsupported("no tf.nn.%s" % name)
        return found


class BlockLSTM(Cells):
    """`BlockLSTM` or `BlockLSTMV2`, one operation for the whole sequence."""

    fixed = dict(Cells.fixed, activation="tanh")  # noqa: RUF012  # likewise
    dtypes = ("float32", "float16")

    def run(
        self, question: Dict[str, Any], arrays: Arrays, inputs: Any, lengths: Any, states: List[Any]
    ) -> Tuple[Any, List[Any], List[List[int]]]:
        """Beyond the longest sequence everything is zeros, so only sequences of one length are run."""
        batch, timesteps, _ = inputs.shape
        if lengths is not None and (lengths != timesteps).any():
            raise Unsupported("no lengths of single rows in %s" % self.name)
        zeros = np.zeros((batch, question["units"]), inputs.dtype)
        cell, hidden = states or [zeros, zeros]
        weights = cell_weights(arrays)
        none = np.zeros(question["units"], inputs.dtype)
        peepholes = {"wc" + gate: weights.get("w_%s_diag" % gate, none) for gate in "ifo"}
        own = question.get("cell", {})
        computed = self.made_by(
            seq_len_max=timesteps, x=np.swapaxes(inputs, 0, 1), cs_prev=cell, h_prev=hidden, w=weights["kernel"], b=weights["bias"],
            **dict(peepholes, **own)
        )  # fmt: skip
        cells, outputs = (np.swapaxes(computed[position].numpy(), 0, 1) for position in (1, 6))
        used = [weights["kernel"], weights["bias"]] + (list(peepholes.values()) if own.get("use_peephole") else [])
        return outputs, [cells[:, -1], outputs[:, -1]], [list(array.shape) for array in used]


def cell_weights(arrays: Arrays) -> Arrays:
    """Keras' weights by the names of TensorFlow's cells."""
    weights = {"kernel": np.concatenate([arrays["0.kernel"], arrays["0.recurrent_kernel"]]), "bias": arrays["0.bias"]}
    if "0.peepholes" in arrays:
        weights.update(zip(("w_i_diag", "w_f_diag", "w_o_diag"), arrays["0.peepholes"]))
    if "0.projection" in arrays:
        weights["projection"] = arrays["0.projection"]
    return weights


def lengths_of(mask: Any) -> Any:
    """How many timesteps each row has, where the mask says nothing else."""
    if mask is None:
        return None
    lengths = mask.sum(axis=1)
    if (mask != (np.arange(mask.shape[1]) < lengths[:, np.newaxis])).any():
        raise Unsupported("no mask but one of lengths: timesteps at the end of a row")
    return lengths


# --- a user's own model file -----------------------------------------------------------------------------------------------------


class LoadedModel:
    """A model out of a file: its predictions, and the calls of the LSTMs in it."""

    def __init__(self, lanes: Keras, path: str) -> None:
        self.lanes = lanes
        load = lanes.keras.models.load_model
        known = inspect.signature(load).parameters
        options = {"compile": False, "safe_mode": True}
        self.model = load(path, **{name: value for name, value in options.items() if name in known})

    def answer(self, inputs: List[Any], question: Dict[str, Any]) -> Answer:
        """What it predicts; eagerly, with the calls recorded; and for replicas whose weights and inputs are moved at random."""
        recorder = Recorder(self.lanes)
        arrays = {"output.%d" % k: output for k, output in enumerate(self.predict(inputs))}
        if self.lanes.is_eager:
            with recorder.recording():
                called = self.call(inputs)
            arrays.update({"called.%d" % k: output for k, output in enumerate(called)})
        said = {"outputs": len(arrays) // (2 if self.lanes.is_eager else 1), "layers": recorder.layers, "calls": recorder.calls}
        for k, replicas in enumerate(zip(*self.replicas(inputs, question))):
            arrays["replica.%d" % k] = np.stack(replicas)
        arrays.update(recorder.arrays)
        return dict(said, not_recorded=recorder.not_recorded), arrays

    def reset(self) -> None:
        """To zero states."""
        for layer in layers_in(self.model):
            if getattr(layer, "stateful", False) and hasattr(layer, "cell"):
                self.lanes.reset(layer)

    def predict(self, inputs: List[Any]) -> List[Any]:
        """The outputs of its own loop, compiled where this version compiles."""
        self.reset()
        return [self.lanes.numpy(each) for each in flat(self.model.predict_on_batch(one_or_list(inputs)))]

    def call(self, inputs: List[Any]) -> List[Any]:
        """The outputs of an eager call."""
        self.reset()
        to_tensor = self.lanes.keras.ops.convert_to_tensor if self.lanes.generation == 3 else self.lanes.tf.convert_to_tensor
        returned = self.model(one_or_list([to_tensor(array) for array in inputs]), training=False)
        return [self.lanes.numpy(each) for each in flat(returned)]

    def replicas(self, inputs: List[Any], question: Dict[str, Any]) -> Iterator[List[Any]]:
        """Predictions with every number moved up or down by a unit roundoff."""
        random, held = np.random.RandomState(question["seed"]), self.model.get_weights()

        def moved(array: Any) -> Any:
            if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
                return array
            signs = random.choice([-1.0, 1.0], array.shape)
            return (array.astype("float64") * (1 + question["unit_roundoff"] * signs)).astype(array.dtype)

        for _ in range(question["replicas"]):
            self.model.set_weights([moved(array) for array in held])
            yield self.predict([moved(array) for array in inputs])
        self.model.set_weights(held)


class Recorder:
    """What the LSTMs of a model are given and return, in calls that are not traced."""

    def __init__(self, lanes: Keras) -> None:
        self.lanes = lanes
        self.layers, self.calls, self.arrays = [], [], {}  # type: List[Dict[str, Any]], List[Dict[str, Any]], Arrays
        self.not_recorded = "" if lanes.is_eager else "a static graph has no calls to record"
        self.own_cells = own_cells(lanes.keras.layers) if lanes.is_eager else ()  # type: Tuple[Any, ...]
        self.seen, self.inside = [], set()  # type: List[Any], Any

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """While the model is called; inside of a call, weights would be read as the layer computes with them."""
        module = self.lanes.keras.layers
        classes = [each for each in inspect.getmro(module.LSTM) if "call" in vars(each) and issubclass(each, module.RNN)]
        before = [(each, vars(each)["call"]) for each in classes if self.lanes.is_eager]  # type: List[Tuple[Any, Any]]
        for each, call in before:
            each.call = self.watched(call)
        try:
            yield
        finally:
            for each, call in before:
                each.call = call
        for number, layer in enumerate(self.seen):
            self.layers.append({"name": layer.name, "cells": len(self.cells_of(layer))})
            for position, cell in enumerate(self.cells_of(layer)):
                for name in ("kernel", "recurrent_kernel", "bias"):
                    if getattr(cell, name, None) is not None:
                        array = self.lanes.numpy(self.lanes.value(getattr(cell, name)))
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
                held = list(flat(layer.states)) if getattr(layer, "stateful", False) else []
                before = [self.lanes.numpy(self.lanes.value(state)) for state in held if state is not None]
                returned = call(layer, *args, **kwargs)
            finally:
                self.inside.discard(id(layer))
            try:
                self.keep(layer, given, before, flat(returned))
            except Exception as error:
                self.not_recorded = "a call of %s was traced, so its numbers are not known (%s)" % (
                    layer.name,
                    type(error).__name__,
                )
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
        named = {"inputs": self.lanes.numpy(inputs)}
        named.update({"returned.%d" % k: self.lanes.numpy(each) for k, each in enumerate(returned)})
        named.update({"state.%d" % k: self.lanes.numpy(each) for k, each in enumerate(states)} if states else {})
        named.update({"state.%d" % k: each for k, each in enumerate(before)} if not states else {})
        named.update({"mask": self.lanes.numpy(mask)} if mask is not None else {})
        number = len(self.calls)
        self.arrays.update({"call.%d.%s" % (number, name): array for name, array in named.items()})
        counts = {"returned": len(returned), "states": len(states or before), "mask": mask is not None}
        if not any(layer is each for each in self.seen):
            self.seen.append(layer)
        position = [each is layer for each in self.seen].index(True)
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


# --- small things ----------------------------------------------------------------------------------------------------------------


def module_of_keras() -> str:
    """Where an interpreter has its Keras: before 2.4, TensorFlow brings its own alone."""
    return "keras" if is_here("keras") or not is_here("tensorflow") else "tensorflow.keras"


def is_here(package: str) -> bool:
    """Whether it is installed, whatever becomes of its import."""
    return importlib.util.find_spec(package) is not None


# What has to be installed for each backend of Keras; a backend that is not here is imported as a package of its name.
PACKAGES_OF = {
    "tensorflow": ["tensorflow"],
    "jax": ["jax"],
    "torch": ["torch"],
    "openvino": ["openvino", "scipy"],
    "numpy": ["jax", "scipy"],
    "theano": ["theano"],
}


def missing_packages(system: str, error: ImportError) -> List[str]:
    """What is not installed of all that a system needs, Keras first; none where the error has another cause."""
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    own = {"keras": ["keras", *PACKAGES_OF.get(backend, [])], "tf-keras": ["tf_keras", "tensorflow"]}
    needed = [*own.get(system, ["tensorflow"]), "numpy"]
    named = (error.name or "").partition(".")[0]
    if named and named not in needed:
        return [] if is_here(named) else [named]
    return [package for package in needed if not is_here(package)]


def backends_here() -> List[str]:
    """The backends of Keras whose packages are installed."""
    return [backend for backend, packages in PACKAGES_OF.items() if all(map(is_here, packages))]


def installed_version(module: str) -> str:
    """Of a package that does not say it itself, as TensorFlow's own Keras and tf-keras at times."""
    package = module.split(".", maxsplit=1)[0]
    try:
        return str(importlib.import_module("importlib.metadata").version(package))
    except ImportError:  # before Python 3.8
        return str(importlib.import_module(package).__version__)


def version_of(module: Any) -> Tuple[int, int]:
    """Major and minor."""
    major, minor = str(module.__version__).split(".")[:2]
    return int(major), int(minor)


def flat(tree: Any) -> List[Any]:
    """What a call returned, without its nesting."""
    if isinstance(tree, dict):
        return [leaf for each in tree.values() for leaf in flat(each)]
    return [leaf for each in tree for leaf in flat(each)] if isinstance(tree, (list, tuple)) else [tree]


def one_or_list(arrays: Sequence[Any]) -> Any:
    """A single array alone: Keras 1 and 2 give a model of one input no list."""
    return arrays[0] if len(arrays) == 1 else list(arrays)


def strided(array: Any) -> Any:
    """The same values, not contiguous: whatever the number of axes, the last two are exchanged in memory, with gaps."""
    turned = np.swapaxes(array, -1, -2)
    spread = np.zeros((*turned.shape[:-1], 2 * turned.shape[-1]), array.dtype)
    spread[..., ::2] = turned
    return np.swapaxes(spread[..., ::2], -1, -2)


def signature_of(layer_class: Any) -> Dict[str, Any]:
    """Arguments of a layer class and of the RNN classes that it hands others on to, with their defaults, named or not."""
    found = {}  # type: Dict[str, Any]
    lineage = inspect.getmro(layer_class)  # type: Sequence[Any]
    for each in lineage:
        if each.__name__ in ("Layer", "object"):  # of Keras' own lineage, where these names are the base classes'
            break
        for name, parameter in inspect.signature(each.__init__).parameters.items():
            named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
            if named and name not in ("self", "cell", "units", "output_dim"):
                default = None if parameter.default is parameter.empty else parameter.default
                found.setdefault(name, getattr(default, "__name__", default) if callable(default) else default)
        for name, default in re.findall(TAKEN_FROM_KWARGS, inspect.getsource(each.__init__)):
            found.setdefault(name, ast.literal_eval(default))
    return found


# Functions in the module of activations that are none.
HELPERS = r"^_|serial|^get$|keras"

# kwargs.pop("implementation", 2): an argument that no signature names.
TAKEN_FROM_KWARGS = r"""kwargs\.pop\(\s*["'](\w+)["'],\s*([\w."']+)\s*\)"""


def json_of(value: Any) -> Any:
    """The value as JSON can hold it."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return str(getattr(value, "name", value))


def name_of(weight: Any) -> str:
    """A weight's own name, without the layer's."""
    return re.sub(r"^lstm_\d+_|:\d+$", "", str(getattr(weight, "path", None) or weight.name).split("/")[-1])


# --- the protocol ----------------------------------------------------------------------------------------------------------------

SYSTEMS = {
    "keras": lambda: Keras(module_of_keras()),
    "tf-keras": lambda: Keras("tf_keras"),
    "tensorflow": lambda: Keras("tensorflow.keras"),
    "basic-lstm-cell": lambda: RNNCell("basic-lstm-cell", "compat.v1.nn.rnn_cell.BasicLSTMCell"),
    "lstm-cell": lambda: RNNCell("lstm-cell", "compat.v1.nn.rnn_cell.LSTMCell"),
    "block-lstm": lambda: BlockLSTM("block-lstm", "raw_ops.BlockLSTM"),
    "block-lstm-v2": lambda: BlockLSTM("block-lstm-v2", "raw_ops.BlockLSTMV2"),
}  # type: Dict[str, Callable[[], Any]]


def folder_of(implementation: Any) -> str:
    """The folder of Keras' files, for a layer of it; of TensorFlow's operations, that of the module that has them."""
    names = inspect.unwrap(implementation).__module__.split(".")
    ends = [position for position, name in enumerate(names, 1) if name in ("keras", "tf_keras")]
    module = sys.modules[".".join(names[: ends[0]] if ends else names)]
    return os.path.dirname(os.path.abspath(str(module.__file__)))


def exception_line(error: BaseException) -> str:
    """Type and message, without the colours of a terminal."""
    return " ".join(re.sub("\x1b\\[[0-9;]*m", "", "%s: %s" % (type(error).__name__, error)).split())


def is_of_worker(error: BaseException) -> bool:
    """Whether no code but this file's, Python's and NumPy's had part in raising it, so that it says nothing of the framework.

    An attribute or an argument that is not there is what the framework lacks, wherever that shows.
    """
    if isinstance(error, AttributeError) or (isinstance(error, TypeError) and re.search(r"\(\) (got|takes|missing) ", str(error))):
        return False
    return all(is_own(frame) for frame, _ in traceback.walk_tb(error.__traceback__))


def is_own(frame: Any) -> bool:
    """Whether it runs this file, NumPy, or Python's standard library."""
    if frame.f_globals.get("__name__", "").partition(".")[0] in (__name__, "numpy"):
        return True
    path = frame.f_code.co_filename
    installed = re.search("(site|dist)-packages", path)
    return path.startswith("<frozen ") or (path.startswith(os.path.dirname(os.__file__)) and not installed)


def answer_of(system: Any, question: Dict[str, Any], folder: str) -> Dict[str, Any]:
    """The answer to one question, its arrays written beside those of the question."""
    try:
        arrays = {}  # type: Arrays
        if question.get("arrays"):
            with np.load(os.path.join(folder, question["arrays"]), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        answer, returned = system.answer(question, arrays)
        written = "%s.answer.npz" % question["id"]
        atomic_write = os.path.join(folder, "unfinished." + written)
        np.savez(atomic_write, **returned)
        os.replace(atomic_write, os.path.join(folder, written))
        return dict(answer, id=question["id"], arrays=written)
    except (Unsupported, NotImplementedError, ImportError) as error:
        said = str(error) if isinstance(error, Unsupported) else exception_line(error)
        return {"id": question["id"], "unsupported": said}
    except Exception as error:
        raised = {"id": question["id"], "error": exception_line(error), "traceback": traceback.format_exc()}
        return dict(raised, of_worker=True) if is_of_worker(error) else raised


def exit_with_parent(asking: int, lasting: bool) -> None:
    """What hangs must not outlive who asked; on Linux not even what keeps all threads waiting, if the parent's thread lasts."""
    parent = os.getppid()
    if lasting and sys.platform == "linux":
        importlib.import_module("ctypes").CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL

    def watch() -> None:
        while os.getppid() == parent and is_running(asking):
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def is_running(process: int) -> bool:
    """Whether there may be such a process; 0 is none that is known, and Windows would end it for being asked."""
    try:
        if process and os.name != "nt":
            os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        pass
    return True


def main(job: Dict[str, Any]) -> None:
    """Say hello, then one line per question, until the input ends."""
    exit_with_parent(job.get("process", 0), job.get("lasting", False))
    # What a framework prints must not be taken for an answer.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        sys.path[0:1] = job["paths"]
        try:
            system = SYSTEMS[job["system"]]()
            hello = dict(system.hello(), numpy=np.__version__, python=platform.python_version())
            said = {"protocol": PROTOCOL, "hello": hello}
        except Exception as error:
            system, said = None, {"protocol": PROTOCOL, "error": exception_line(error), "traceback": traceback.format_exc()}
            if isinstance(error, ImportError):
                said.update(missing=missing_packages(job["system"], error), backends=backends_here())
        answers.write(json.dumps(said) + "\n")
        answers.flush()
        for line in sys.stdin if system is not None else ():
            answers.write(json.dumps(answer_of(system, json.loads(line), job["folder"])) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
