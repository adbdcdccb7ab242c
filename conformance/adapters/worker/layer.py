"""The layers of a case out of Keras' own, of any version; their weights; what they return."""

import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from .common import Arrays, Unsupported, flat, version_of
from .keras import Keras

# The values of a question's `dropout` that leave training off, with their arguments.
RATES_AT_INFERENCE = {
    "inference": {"dropout": 0.5, "recurrent_dropout": 0.25},
    "inference_input": {"dropout": 0.5},
    "inference_recurrent": {"recurrent_dropout": 0.25},
}  # type: Dict[str, Dict[str, float]]


class Parts(NamedTuple):
    """What was built.

    Attributes:
        front: layers before the LSTM: a Masking, an Embedding, or none.
        layers: the layers that hold the LSTMs, each called on the outputs of the one before.
        recurrent: the RNN layers within, which keep states, in the order of their states.
    """

    front: List[Any]
    layers: List[Any]
    recurrent: List[Any]


class Builder:
    """Builds the layers that a question describes; they have no weights before they are called.

    Raises:
        Unsupported: this version lacks something that the question asks for.
    """

    def __init__(self, keras: Keras, question: Dict[str, Any]) -> None:
        self.keras, self.question = keras, question
        self.layers = keras.module.layers
        self.dtype = question["dtype"]
        self.set_precision()

    def set_precision(self) -> None:
        """Set floatx of stand-alone Keras 1 and 2, where all layers have one precision."""
        if self.keras.generation < 3 and not self.keras.is_eager:
            if self.dtype not in ("float32", "float64", "float16"):
                raise Unsupported("no dtype policy %s: stand-alone Keras 1 and 2 know floatx only" % self.dtype)
            self.keras.module.backend.set_floatx(self.dtype)
        elif self.keras.generation == 2 and self.dtype.startswith("mixed") and version_of(self.keras.tf) < (2, 4):
            raise Unsupported("no dtype policy %s before TensorFlow 2.4" % self.dtype)

    def build(self, arrays: Arrays) -> Parts:
        """Build all layers; an embedding's shape is that of its array."""
        front = []
        if self.question["mask_source"] == "masking":
            front = [self.layers.Masking(mask_value=0.0, **self.typed())]
        elif self.question["mask_source"] == "embedding":
            rows, width = arrays["embedding"].shape
            front = [self.layers.Embedding(rows, width, mask_zero=True, **self.typed())]
        architectures = {
            "lstm": self.one_layer,
            "layers2": self.two_layers,
            "cells2": self.two_cells,
            "bidi": self.bidirectional,
            "td": self.time_distributed,
        }
        layers = architectures[self.question["architecture"]]()
        return Parts(front, layers, recurrent_in(layers))

    def typed(self) -> Dict[str, Any]:
        """The dtype of a layer, where layers have one; TensorFlow 2.4 knows no policy by its name alone."""
        if self.keras.generation == 2 and self.dtype.startswith("mixed"):
            return {"dtype": self.keras.module.mixed_precision.Policy(self.dtype)}
        return {"dtype": self.dtype} if self.keras.generation == 3 or self.keras.is_eager else {}

    def one_layer(self) -> List[Any]:
        """One LSTM."""
        return [self.lstm()]

    def two_layers(self) -> List[Any]:
        """Two LSTMs, one above the other."""
        return [self.lstm(return_sequences=True), self.lstm()]

    def two_cells(self) -> List[Any]:
        """Two cells in one RNN."""
        rnn, cell = self.classes("RNN", "LSTMCell")
        cells = [self.construct(cell, **self.cell_arguments()) for _ in range(2)]
        return [self.construct(rnn, cells, **self.layer_arguments())]

    def bidirectional(self) -> List[Any]:
        """A Bidirectional."""
        question = self.question
        if question["unequal"] and self.keras.generation == 1:
            raise Unsupported("no backward_layer in Bidirectional of Keras 1")
        arguments = self.typed()
        if question["unequal"]:
            arguments["backward_layer"] = self.lstm(units=question["units"] + 1, go_backwards=True)
        merge_mode = None if question["merge_mode"] == "none" else question["merge_mode"]
        return [self.construct(self.classes("Bidirectional")[0], self.lstm(), merge_mode=merge_mode, **arguments)]

    def time_distributed(self) -> List[Any]:
        """A TimeDistributed around an LSTM."""
        return [self.layers.TimeDistributed(self.lstm(), **self.typed())]

    def lstm(self, **changes: Any) -> Any:
        """One LSTM layer, written as the case wants it."""
        question = self.question
        of_layer = dict(self.layer_arguments(), **{name: value for name, value in changes.items() if name != "units"})
        of_cell = dict(self.cell_arguments(), **{name: value for name, value in changes.items() if name == "units"})
        if question["layer"] == "lstm":
            if question["use_cudnn"] != "auto":
                of_layer["use_cudnn"] = question["use_cudnn"]
            return self.construct(self.layers.LSTM, **dict(of_cell, **of_layer))
        rnn, cell = self.classes("RNN", "LSTMCell")
        one = self.construct(cell, **of_cell)
        return self.construct(rnn, [one] if question["layer"] == "rnnlist" else one, **of_layer)

    def classes(self, *names: str) -> List[Any]:
        """Classes of keras.layers, if this version has them."""
        missing = [name for name in names if not hasattr(self.layers, name)]
        if missing:
            raise Unsupported("no keras.layers.%s in this version" % missing[0])
        return [getattr(self.layers, name) for name in names]

    def cell_arguments(self) -> Dict[str, Any]:
        """The arguments that decide a timestep."""
        question = self.question
        arguments = {name: question[name] for name in ("units", "use_bias", "implementation")}
        for name in ("activation", "recurrent_activation"):
            arguments[name] = self.activation(question[name])
        # The weights are set; what initialisers do is no question here.
        initializers = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
        return dict(arguments, **dict(initializers, **dict(self.dropout(), **self.typed())))

    def dropout(self) -> Dict[str, Any]:
        """The arguments of dropout."""
        if self.question["dropout"] not in ("none", *RATES_AT_INFERENCE):
            raise Unsupported("dropout in training draws masks that this protocol does not read")
        return RATES_AT_INFERENCE.get(self.question["dropout"], {})

    def layer_arguments(self) -> Dict[str, Any]:
        """The arguments that decide a sequence."""
        names = ["return_sequences", "go_backwards", "stateful", "unroll"]
        # Given only where they depart from what every version does: not every version has them.
        names += [name for name in ("return_state", "zero_output_for_mask") if self.question[name]]
        return dict({name: self.question[name] for name in names}, **self.typed())

    def activation(self, name: Optional[str]) -> Any:
        """An activation as the case gives it, if this version knows it."""
        try:
            function = self.keras.module.activations.get(name)
        except Exception as error:  # Keras 2.0.0 raises an UnboundLocalError
            raise Unsupported("no activation %r in this version" % name) from error
        as_given = {"name": name, "function": function, "lambda": lambda x: function(x)}  # noqa: PLW0108  # the case's own function
        return as_given[self.question["activation_as"]]

    def construct(self, made: Any, *positional: Any, **arguments: Any) -> Any:
        """Construct a layer, if this version's has these arguments."""
        if self.keras.generation == 1:
            arguments = in_keras_1(arguments)
        try:
            return made(*positional, **arguments)
        except (TypeError, ValueError) as error:  # Keras 3 raises a ValueError for an argument that it does not know
            unknown = [name for name in arguments if re.search(r"\b%s\b" % name, str(error))]
            if unknown and re.search("(unexpected|[Uu]nrecognized|not understood).*argument|argument.*not understood", str(error)):
                raise Unsupported("no argument %s of %s in this version" % (unknown[0], made.__name__)) from error
            raise


def recurrent_in(layers: Sequence[Any]) -> List[Any]:
    """The RNN layers in the layers of a case: both of a Bidirectional, the one of a TimeDistributed."""
    found: List[Any] = []
    for layer in layers:
        found += (
            [layer.forward_layer, layer.backward_layer] if hasattr(layer, "forward_layer") else [getattr(layer, "layer", layer)]
        )
    return found


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


# --- weights ---------------------------------------------------------------------------------------------------------------------


def load_weights(keras: Keras, question: Dict[str, Any], parts: Parts, arrays: Arrays) -> None:
    """Give the LSTMs, and the embedding, the weights of the case, once the layers have been called."""
    dtype = "float64" if question["dtype"] == "float64" else "float32"
    if question["mask_source"] == "embedding":
        parts.front[0].set_weights([arrays["embedding"].astype(dtype)])
    holders = parts.recurrent[0].cell.cells if question["architecture"] == "cells2" else parts.recurrent
    for number, holder in enumerate(holders):
        names = ["%d.%s" % (number, name) for name in ("kernel", "recurrent_kernel", "bias")]
        weights = [arrays[name] for name in names if name in arrays]
        if keras.generation == 1:
            set_weights_of_keras_1(keras.module.backend, holder, *weights)
        else:
            holder.set_weights([array.astype(dtype) for array in weights])


def set_weights_of_keras_1(backend: Any, layer: Any, kernel: Any, recurrent_kernel: Any, bias: Any) -> None:
    """Twelve arrays by their names, or three whose blocks are i, f, c, o."""
    if layer.consume_less == "gpu":
        layer.set_weights([kernel, recurrent_kernel, bias])
        return
    for letter, array in (("W", kernel), ("U", recurrent_kernel), ("b", bias)):
        for gate, block in zip("ifco", np.split(array, 4, axis=-1)):
            backend.set_value(getattr(layer, letter + "_" + gate), block)


# --- calls -----------------------------------------------------------------------------------------------------------------------


def strided(array: Any) -> Any:
    """The same values, not contiguous: whatever the number of axes, the last two are exchanged in memory, with gaps."""
    turned = np.swapaxes(array, -1, -2)
    spread = np.zeros((*turned.shape[:-1], 2 * turned.shape[-1]), array.dtype)
    spread[..., ::2] = turned
    return np.swapaxes(spread[..., ::2], -1, -2)


def has_mask_argument(question: Dict[str, Any]) -> bool:
    """Whether a mask is passed to the layer itself."""
    return bool(question["mask"] != "none" and question["mask_source"] == "argument")


def call_layers(
    keras: Keras, question: Dict[str, Any], parts: Parts, arrays: Sequence[Any], training: Optional[bool] = None
) -> List[Any]:
    """What the layers return, flat, of [inputs, mask where it is an argument, initial states …]; of symbols, traced or eager."""
    inputs, *states = arrays
    mask = states.pop(0) if has_mask_argument(question) else None
    for layer in parts.front:
        inputs = layer(inputs)
    further: List[Any] = []
    for position, layer in enumerate(parts.layers):
        keywords: Dict[str, Any] = {"training": training} if training is not None else {}
        if mask is not None:
            keywords["mask"] = mask
        if states:
            of_layer = states if len(parts.layers) == 1 else states[2 * position : 2 * position + 2]
            keywords["initial_state"] = nested(keras, question, of_layer)
        inputs, *returned = flat(layer(inputs, **keywords))
        further += returned
        if mask is not None and question["go_backwards"] and position + 1 < len(parts.layers):
            # Its caller's task: a layer cannot know what its mask belongs to.
            mask = keras.module.ops.flip(mask, axis=1) if keras.generation == 3 else mask[:, ::-1]
    return [inputs, *further]


def nested(keras: Keras, question: Dict[str, Any], states: Sequence[Any]) -> List[Any]:
    """States as the layer wants them: of several cells, or of a list of one, a pair each."""
    if keras.generation == 1:
        raise Unsupported("no initial_state in Keras 1")
    if keras.generation == 3 and (question["architecture"] == "cells2" or question["layer"] == "rnnlist"):
        return [list(states[k : k + 2]) for k in range(0, len(states), 2)]
    return list(states)
