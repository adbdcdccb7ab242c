"""Mistakes put into the real `keras.layers.LSTM`: the suite fails it, and names the mistake."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.cases.case import Case
from conformance.diagnosis.diagnosis import search
from conformance.judging.verdict import Verdict
from conformance.running.runner import run
from lstm_ref.deviations import DEVIATIONS

PLAIN, STATEFUL = Case.from_id("u2-d2-t6-b3-seq-s0"), Case.from_id("u2-d2-t6-b3-stateful-s0")


def cell_call(keras: Any, change: Callable[[Any, Any, dict[str, Any], Any], tuple[Any, Any]]) -> Callable[..., Any]:
    """An `LSTMCell.call` of our own in Keras' operations, up to the states, which `change` computes from gates and cell state."""
    ops = keras.ops

    def call(self: Any, inputs: Any, states: Any, training: bool = False) -> Any:
        del training
        z = ops.matmul(inputs, self.kernel) + ops.matmul(states[0], self.recurrent_kernel) + self.bias
        blocks = dict(zip("ifco", ops.split(z, 4, axis=-1), strict=True))
        hidden, cell = change(self, ops, blocks, states[1])
        return hidden, [hidden, cell]

    return call


def right(layer: Any, _: Any, z: dict[str, Any], c: Any) -> tuple[Any, Any]:
    """The equations: what the wrong ones differ from."""
    gate, squash = layer.recurrent_activation, layer.activation
    cell = gate(z["f"]) * c + gate(z["i"]) * squash(z["c"])
    return gate(z["o"]) * squash(cell), cell


def gates_exchanged(layer: Any, ops: Any, z: dict[str, Any], c: Any) -> tuple[Any, Any]:
    """Input and output gate have changed places."""
    return right(layer, ops, {**z, "i": z["o"], "o": z["i"]}, c)


def forget_bias_again(layer: Any, ops: Any, z: dict[str, Any], c: Any) -> tuple[Any, Any]:
    """A forget bias of 1 is added at run time too."""
    return right(layer, ops, {**z, "f": z["f"] + 1}, c)


def output_not_squashed(layer: Any, ops: Any, z: dict[str, Any], c: Any) -> tuple[Any, Any]:
    """The cell state goes out as it is."""
    _, cell = right(layer, ops, z, c)
    return layer.recurrent_activation(z["o"]) * cell, cell


def hard_gates(layer: Any, ops: Any, z: dict[str, Any], c: Any) -> tuple[Any, Any]:
    """The gates are those of Keras 2.0 to 2.2."""
    i, f, o = (ops.clip(0.2 * z[gate] + 0.5, 0, 1) for gate in "ifo")
    cell = f * c + i * layer.activation(z["c"])
    return o * layer.activation(cell), cell


def verdict_on(case: Case) -> tuple[Verdict, tuple[str, ...]]:
    """What the suite says of Keras as it stands, with layers built afresh."""
    adapter = KerasLayerAdapter()
    adapter.start()
    (result,) = run([case], adapter, partial(search, DEVIATIONS.values()))
    return result.verdict, result.explained_by


def test_cell_written_anew_is_accepted(keras_adapter: KerasLayerAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replacing the cell is not what fails the cases below."""
    keras = keras_adapter.keras
    monkeypatch.setattr(keras.layers.LSTMCell, "call", cell_call(keras, right))
    assert verdict_on(PLAIN) == (Verdict.PASS, ())


@pytest.mark.parametrize(
    ("mistake", "deviation"),
    [
        (gates_exchanged, "all_gates_ofci"),
        (forget_bias_again, "forget_bias_doubled"),
        (output_not_squashed, "output_tanh_missing"),
        (hard_gates, "hard_sigmoid_keras2"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_wrong_cell_is_named(
    mistake: Callable[..., Any], deviation: str, keras_adapter: KerasLayerAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake inside the real layer is found and called by its name."""
    keras = keras_adapter.keras
    monkeypatch.setattr(keras.layers.LSTMCell, "call", cell_call(keras, mistake))
    assert verdict_on(PLAIN) == (Verdict.FAIL, (deviation,))


def test_reset_that_does_nothing_is_named(keras_adapter: KerasLayerAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is one in how the layer keeps its state."""
    monkeypatch.setattr(keras_adapter.keras.layers.RNN, "reset_state", lambda _: None)
    assert verdict_on(STATEFUL) == (Verdict.FAIL, ("reset_ignored",))


def test_layer_that_raises_is_an_error_of_its_case(keras_adapter: KerasLayerAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash is neither a pass nor a difference."""

    def call(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no kernel for this shape")

    monkeypatch.setattr(keras_adapter.keras.layers.LSTMCell, "call", call)
    assert verdict_on(PLAIN) == (Verdict.ERROR, ())
