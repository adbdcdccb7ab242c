"""The lines of a script of gradients: the slope of a loss along a random direction, of Keras and of the equations in NumPy.

The loss is the mean square of the outputs minus 1 and of each state minus another number. Keras' slope is the sum of its gradients,
each times the direction. The slope of the equations is the imaginary part of their loss, where the imaginary parts of weights,
inputs and initial states are the direction times 1e-30 (Squire & Trapp, Using complex variables to estimate derivatives of real
functions, 1998). Nothing is subtracted, so the slope is as exact as the loss, and the limit only has to allow for Keras' roundings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from conformance.adapters.worker.gradients import DIFFERENTIATE
from conformance.cases.case import Case
from conformance.reference.tolerance import UNIT_ROUNDOFF
from lstm_ref import LSTMError

_joined = ", ".join

# Features that need more than one loss, or more lines.
_TAKES_MORE = ("stateful", "dropout", "relation", "mask_source=embedding")

# Roundings that the two slopes may differ by. Five timesteps of a few units make about 64: a dozen each, of products, sums and
# functions, and as many on the way back. In float32 and float64 all may go one way; in low precision, where each is large, twice
# their random walk is allowed.
ROUNDINGS = {"float16": 32, "bfloat16": 32, "float32": 128, "float64": 128}

_MOST_RETURNED = 6  # two outputs and four states

_MEAN = "((a - k) ** 2).{}()"


@dataclass(frozen=True, kw_only=True)
class GradientRequest:
    """The function to differentiate.

    Attributes:
        case: of the script.
        returned: an expression, the list of the arrays returned for the inputs `x`; on JAX, for the weights `w` too.
        trained: the name of the layer or model that has the weights.
        signature: shape and dtype of the inputs, for a compiler.
    """

    case: Case
    returned: str
    trained: str
    signature: tuple[tuple[int | None, ...], str]

    def loss(self, mean: str = _MEAN) -> str:
        """The loss of the arrays that Keras returns."""
        return _loss(self.case, mean, self.returned)

    def values(self, *others: str) -> str:
        """The weights and further variables, as the backend has them."""
        weights = f"{self.trained}.trainable_variables"
        return f"v.value for v in {f'(*{weights}, {_joined(others)})' if others else weights}"


def refuse_what_takes_more(case: Case, backend: str) -> None:
    """Raise LSTMError where the gradients of the case are not expressible in a few lines."""
    if backend not in DIFFERENTIATE:
        raise LSTMError(f"gradients are not expressible in a script for {backend}: Keras infers only there")
    features = [f"{name}={value}" for name, value in case.non_default_features.items()]
    costly = [feature for feature in features if feature.startswith(_TAKES_MORE)]
    if costly:
        raise LSTMError(f"gradients with {_joined(costly)} are not expressible in a script: they take more than a loss of one call")


def _loss(case: Case, mean: str, arrays: str) -> str:
    """The loss as an expression; with no rows it is a sum, since there is no mean."""
    term = mean.format("mean" if case.sequences else "sum")
    if ":=" in arrays:  # Python allows none in what a comprehension goes through
        return f"sum(map(lambda a, k: {term}, {arrays}, range(1, {_MOST_RETURNED + 1})))"
    return f"sum({term} for k, a in enumerate({arrays}, 1))"


def stateless(called: str, call: str) -> str:
    """A call of a layer or model as a function of its weights `w`."""
    values = f"w, [v.value for v in {called}.non_trainable_variables]"
    return f"{call.replace(f'{called}(', f'{called}.stateless_call({values}, ', 1)}[0]"


# --- Keras' gradients ----------------------------------------------------------------------------------------------------------


def _tensorflow(request: GradientRequest) -> tuple[tuple[str, ...], str]:
    of, mean = differentiable(request.case), "tf.reduce_{}((a - k) ** 2)"
    states, inputs = [name for name in of if name != "x"], [name for name in of if name == "x"]
    targets = _joined([f"[*({request.values(*states)})", *inputs]) + "]"
    if not request.case.execution.compiled:
        lines = ("with tf.GradientTape() as tape:", f"    loss = {request.loss(mean)}")
        return lines, f"tape.gradient(loss, {targets})"
    # A tape outside of what XLA compiles cannot look into its loops; inside, in a graph, none is needed.
    (shape, dtype), jit = request.signature, ", jit_compile=True" if request.case.execution.jit_compile else ""
    gradients = f"lambda x: tf.gradients({request.loss(mean)}, {targets})"
    return (), f'tf.function({gradients}, [tf.TensorSpec({shape}, "{dtype}")]{jit})(x)'


def _jax(request: GradientRequest) -> tuple[tuple[str, ...], str]:
    names = [name.removeprefix("*") for name in differentiable(request.case)]
    gradient = f"jax.grad(lambda {_joined(['w', *names])}: {request.loss()}, {tuple(range(1 + len(names)))})"
    gradient = f"jax.jit({gradient})" if request.case.execution.compiled else gradient
    return (), f"jax.tree.leaves({gradient}({_joined(['weights', *names])}))"


def _torch(request: GradientRequest) -> tuple[tuple[str, ...], str]:
    loss = request.loss()
    if request.case.execution.jit_compile:
        loss = re.sub(r"\b(layer|below)\(", r"torch.compile(\1)(", loss)
    return (f"loss = {loss}",), f"torch.autograd.grad(loss, [{request.values(*differentiable(request.case))}])"


# Of each backend, the lines before, and the list of gradients: of weights, initial states, inputs, in this order.
GRADIENTS: Mapping[str, Callable[[GradientRequest], tuple[tuple[str, ...], str]]] = {
    "tensorflow": _tensorflow,
    "jax": _jax,
    "torch": _torch,
}


# --- arrays --------------------------------------------------------------------------------------------------------------------


def differentiable(case: Case) -> list[str]:
    """The script's arrays that have gradients beside the weights; a star before lists of them."""
    star = "*" if len(case.layer_sizes) > 1 else ""
    states = [f"{star}h", f"{star}c"] if case.initial_state else []
    return [*states, *(["x"] if "inputs" in case.gradients_of(case.calls[0]) else [])]


def variable_of(case: Case, backend: str) -> str:
    """The class that makes the inputs a variable, where only a variable has a gradient; "" where they are an argument."""
    if "x" not in differentiable(case) or (backend == "tensorflow" and case.execution.compiled):
        return ""
    return {"tensorflow": "tf.Variable", "torch": "keras.Variable"}.get(backend, "")


def set_in_variable(line: str, variable: str) -> str:
    """The line that sets an element of the inputs, of a variable."""
    element, value = line.split(" = ")
    return f"{element}.assign({value})" if variable == "tf.Variable" else line.replace("x[", "x.value.data[", 1)


def states_line(case: Case, backend: str, line: str) -> str:
    """The line that makes the states, as variables where they must be such to have gradients."""
    if not case.initial_state or backend == "jax":
        return line
    made = line.removeprefix("h, c = ")
    if len(case.layer_sizes) == 1:
        return f"h, c = map(keras.Variable, {made})"
    return f"h, c = (list(map(keras.Variable, states)) for states in {made})"


def direction_line(case: Case) -> str:
    """The line that gives each array its direction, and the equations their names for them."""
    others, several = differentiable(case), len(case.layer_sizes) > 1
    weights = ["*weights"] if several else ["W", "U", "b"][: 3 if case.config.use_bias else 2]
    states = [f"{name[1:]}[{k}]" for name in others if name.startswith("*") for k in range(2)]
    targets = _joined([*weights, *states, *(name for name in others if not name.startswith("*"))])
    given = f"(*weights, {_joined(others)})" if others else "weights"
    made = f"[keras.ops.convert_to_numpy(a) + 1e-30j * random.uniform(-1, 1, a.shape) for a in {given}]"
    return f"{'weights' if targets == '*weights' else targets} = arrays = {made}"


def judgement_lines(case: Case, expected: str, precision: str) -> list[str]:
    """The comparison of the two slopes."""
    bits = round(math.log2(ROUNDINGS[precision] * UNIT_ROUNDOFF[precision]))
    loss = _loss(case, _MEAN, expected)
    return [
        "got = 1e30 * sum(np.vdot(a.imag, keras.ops.convert_to_numpy(g)) for a, g in zip(arrays, got, strict=True))",
        f"np.testing.assert_allclose(got, 1e30 * {loss}.imag, 2**{bits}, 2**{bits})",
    ]
