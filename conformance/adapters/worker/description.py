"""What the layer's interface looks like: signature, configuration, methods, weights, summary."""

import ast
import contextlib
import inspect
import io
import json
import re
from typing import Any, Dict, List, Sequence, Tuple

from .common import name_of
from .keras import Keras

# Functions in the module of activations that are none.
HELPERS = r"^_|serial|^get$|keras"

# kwargs.pop("implementation", 2): an argument that no signature names.
TAKEN_FROM_KWARGS = r"""kwargs\.pop\(\s*["'](\w+)["'],\s*([\w."']+)\s*\)"""


def describe(keras: Keras) -> Dict[str, Any]:
    """The interface of `keras.layers.LSTM`, of a layer of two units."""
    keras.forget()
    layers = keras.module.layers
    arguments = {name: repr(default) for name, default in signature_of(layers.LSTM).items()}
    layer = layers.LSTM(2, **({"input_shape": (3, 1)} if keras.generation < 3 else {}))
    model = sequential(keras, [layer], (3, 1))
    config = {name: json_of(value) for name, value in layer.get_config().items()}
    implementation = getattr(getattr(layer, "cell", layer), "implementation", getattr(layer, "consume_less", None))
    return {
        "arguments": arguments,
        "config": config,
        "not_serialised": sorted(set(arguments) - set(config)),
        "methods": [name for name in ("reset_state", "reset_states") if hasattr(layer, name)],
        "weights": [[name_of(weight), list(array.shape)] for weight, array in zip(layer.weights, model.get_weights())],
        "initial_bias": [array.tolist() for array in model.get_weights() if array.ndim == 1],
        "activations": activations_of(keras),
        "implementation": json_of(implementation),
        "docstring": inspect.getdoc(layers.LSTM) or "",
        "summary": summary(keras),
    }


def activations_of(keras: Keras) -> List[str]:
    """The names that `activation` may have."""
    functions = vars(keras.module.activations).items()
    return sorted(name for name, one in functions if inspect.isfunction(one) and not re.search(HELPERS, name))


def summary(keras: Keras) -> str:
    """What `model.summary()` prints of LSTM(10) on (13, 5)."""
    keras.forget()
    size = {"output_dim" if keras.generation == 1 else "units": 10}
    layer = keras.module.layers.LSTM(**dict(size, **({"input_shape": (13, 5)} if keras.generation < 3 else {})))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        sequential(keras, [layer], (13, 5)).summary()
    return printed.getvalue()


def sequential(keras: Keras, layers: List[Any], shape: Tuple[int, ...]) -> Any:
    """A built Sequential."""
    return keras.module.models.Sequential(([keras.module.Input(shape)] if keras.generation == 3 else []) + layers)


def signature_of(layer_class: Any) -> Dict[str, Any]:
    """Arguments of a layer class and of the RNN classes that it hands others on to, with their defaults, named or not."""
    found: Dict[str, Any] = {}
    lineage: Sequence[Any] = inspect.getmro(layer_class)
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


def json_of(value: Any) -> Any:
    """The value as JSON can hold it."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return str(getattr(value, "name", value))
