"""The adapter of the real `keras.layers.LSTM`: what it reuses changes nothing, and it says what it ran on."""

from __future__ import annotations

import importlib
import os
import platform
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.adapters.base import AdapterStartError
from conformance.adapters.keras.backends import BACKENDS, CONVENTIONS
from conformance.adapters.keras.backends.backend import Backend
from conformance.adapters.keras.layer import MOST_BUILT, KerasLayerAdapter, _quiet_stderr
from conformance.adapters.observation import CallObservation, Observation
from conformance.cases.case import Case, Execution
from conformance.cases.stimulus import draw
from conformance.judging.checks import VALUES, Evidence, judge
from conformance.judging.verdict import Verdict
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT, TWO_RUNS
from lstm_ref import LSTM, LSTMConfig, from_keras

pytestmark = pytest.mark.xdist_group("keras")

PLAIN, SEQUENCE = Case.from_id("u2-d2-t6-b3-s0"), Case.from_id("u2-d2-t13-b32-seq-s0")
STATEFUL = Case.from_id("u2-d2-t6-b3-seq-stateful-s0")
STORED = ("stored_hidden", "stored_cell", "reset_hidden", "reset_cell")


@pytest.fixture
def fresh(keras_adapter: KerasLayerAdapter) -> KerasLayerAdapter:
    """An adapter that has built nothing yet, on the Keras that is loaded."""
    adapter = KerasLayerAdapter()
    adapter.keras = keras_adapter.keras
    return adapter


def observe(adapter: KerasLayerAdapter, case: Case) -> Observation:
    """What the layer returns on the case's own stimulus."""
    return adapter.observe(case, draw([case]))


def assert_equal(one: Observation, other: Observation) -> None:
    """Bit for bit, states included."""
    assert replace(one, calls=()).__dict__ == replace(other, calls=()).__dict__
    for a, b in zip(one.calls, other.calls, strict=True):
        for name in (*VALUES, *STORED):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_environment_says_what_runs(keras_adapter: KerasLayerAdapter) -> None:
    """Implementation, backend, and the version of all that decides a number; starting twice is no harm."""
    tensorflow = importlib.import_module("tensorflow")
    assert keras_adapter.start() == {
        "implementation": "keras.layers.LSTM",
        "keras": keras_adapter.keras.__version__,
        "backend": "tensorflow",
        "tensorflow": tensorflow.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "conventions": str(CONVENTIONS["tensorflow"]),
    }


@pytest.mark.parametrize("case", [PLAIN, SEQUENCE, STATEFUL], ids=lambda case: case.id)
def test_real_layer_is_accepted(case: Case, fresh: KerasLayerAdapter) -> None:
    """By every check, on the compiled path with one dynamic time axis."""
    stimulus = draw([case])
    observed = fresh.observe(case, stimulus)
    assert observed.path == "tf.function, dynamic time; loop"
    assert {result.verdict for result in judge(Evidence(case=case, stimulus=stimulus, observed=observed))} == {Verdict.PASS}


@pytest.mark.parametrize("case", [PLAIN, STATEFUL], ids=lambda case: case.id)
def test_eager_values_are_the_compiled_ones(case: Case, fresh: KerasLayerAdapter) -> None:
    """Two runs of one layer, each within 8σ of the truth; the path tells them apart."""
    eager = replace(case, execution=Execution(compiled=False))
    stimulus = draw([case])
    compiled, eagerly = fresh.observe(case, stimulus), fresh.observe(eager, stimulus)
    assert eagerly.path == "eager; loop"
    for one, other, sigma in zip(compiled.calls, eagerly.calls, expected_calls(case, stimulus).sigma, strict=True):
        for name in VALUES:
            limit = TWO_RUNS * ELEMENT_LIMIT * getattr(sigma, name)
            assert np.all(np.abs(getattr(one, name) - getattr(other, name)) <= limit)


def test_stateful_layer_shows_what_it_stores(fresh: KerasLayerAdapter) -> None:
    """After each call the returned states, after the reset zeros; copies, which later calls leave alone."""
    calls = observe(fresh, STATEFUL).calls
    for call in calls:
        np.testing.assert_array_equal(call.stored_hidden, call.hidden)
        np.testing.assert_array_equal(call.stored_cell, call.cell)
    assert [call.reset_hidden is None for call in calls] == [True, True, True, False]
    np.testing.assert_array_equal(calls[3].reset_hidden, np.zeros((3, 2)))
    np.testing.assert_array_equal(calls[3].reset_cell, np.zeros((3, 2)))


def test_stateless_layer_stores_nothing(fresh: KerasLayerAdapter) -> None:
    """There is nothing to show."""
    (call,) = observe(fresh, PLAIN).calls
    assert isinstance(call, CallObservation)
    assert [getattr(call, name) for name in STORED] == [None] * 4


def test_reused_layer_gives_what_a_fresh_one_gives(fresh: KerasLayerAdapter, keras_adapter: KerasLayerAdapter) -> None:
    """Other lengths, and a stateful layer's earlier calls, leave no trace."""
    longer = Case.from_id("u2-d2-t28-b3-seq-stateful-s0")
    stimulus = draw([longer, STATEFUL])
    first = fresh.observe(STATEFUL, stimulus)
    fresh.observe(longer, stimulus)
    again = fresh.observe(STATEFUL, stimulus)
    assert len(fresh._built) == 1
    assert_equal(first, again)
    keras_adapter._built.clear()
    assert_equal(first, keras_adapter.observe(STATEFUL, stimulus))


@pytest.mark.parametrize(
    ("other", "layers"),
    [
        ("u2-d2-t13-b3-s0", 1),
        ("u2-d2-t6-b32-s0", 1),
        ("u2-d2-t6-b3-seq-s0", 2),
        ("u2-d2-t6-b3-eager-s0", 2),
        ("u2-d2-t6-b3-stateful-s0", 2),
    ],
)
def test_layers_are_shared_where_they_are_the_same(other: str, layers: int, fresh: KerasLayerAdapter) -> None:
    """Every length and, without state, every batch size is run by one layer; another configuration by another."""
    cases = [PLAIN, Case.from_id(other)]
    stimulus = draw(cases)
    for case in cases:
        fresh.observe(case, stimulus)
    assert len(fresh._built) == layers


def test_stateful_layers_are_built_per_batch_size(fresh: KerasLayerAdapter) -> None:
    """Keras fixes a stateful layer's batch size when it is built."""
    cases = [STATEFUL, replace(STATEFUL, batch=32)]
    stimulus = draw(cases)
    assert [fresh.observe(case, stimulus).calls[0].hidden.shape for case in cases] == [(3, 2), (32, 2)]
    assert len(fresh._built) == 2


@pytest.mark.parametrize(("other", "layers"), [("u1-d2-t6-b3-s0", 2), ("u2-d1-t6-b3-s0", 2), ("u2-d2-t6-b3-s1", 1)])
def test_another_family_has_weights_of_its_own(other: str, layers: int, fresh: KerasLayerAdapter) -> None:
    """In a layer of its own size, or in the same; and back in the first family, its own again."""
    first = observe(fresh, PLAIN)
    case = Case.from_id(other)
    stimulus = draw([case])
    assert {result.verdict for result in judge(Evidence(case=case, stimulus=stimulus, observed=fresh.observe(case, stimulus)))} == {
        Verdict.PASS
    }
    assert len(fresh._built) == layers
    assert_equal(observe(fresh, PLAIN), first)


@pytest.mark.parametrize(
    ("features", "changes"),
    [
        ({"mask": "left", "initial_state": True, "weights": "chaotic"}, {"mask": "right", "weights": "drawn"}),
        ({"mask": "left", "mask_source": "embedding"}, {"mask": "interior", "seed": 1}),
        ({"stateful": True, "static_batch": True}, {"values": "nan", "seed": 1}),
        ({"mask": "left", "route": "gradient"}, {"mask": "right"}),
    ],
    ids=["mask and weights", "embedding", "states that were not finite", "gradient"],
)
def test_shared_model_gives_what_a_fresh_one_gives(
    features: dict[str, Any], changes: dict[str, Any], fresh: KerasLayerAdapter
) -> None:
    """Bit for bit, after a case of other numbers."""
    case = Case.from_id("u3-d2-t5-b4-seq-s0").replace(**features)
    first = observe(fresh, case)
    (built,) = fresh._built.values()
    fresh._built.clear()
    observe(fresh, case.replace(**changes))
    again = observe(fresh, case)
    (shared,) = fresh._built.values()
    assert shared is not built
    assert_equal(first, again)


def test_what_raised_is_not_used_again(fresh: KerasLayerAdapter) -> None:
    """The next case of the form has a model of its own."""

    def fail(_: object) -> list[Any]:
        raise RuntimeError("cannot run")

    observe(fresh, PLAIN)
    (built,) = fresh._built.values()
    built.subject.run = fail
    with pytest.raises(RuntimeError, match="cannot run"):
        observe(fresh, PLAIN)
    assert not fresh._built
    observe(fresh, PLAIN)


def test_what_was_built_is_forgotten_once_it_is_much(fresh: KerasLayerAdapter) -> None:
    """And at a case that needs a model, and a session, of its own."""
    sizes = [observe(fresh, PLAIN.replace(units=units, compiled=False)) and len(fresh._built) for units in range(1, MOST_BUILT + 2)]
    assert sizes == [*range(1, MOST_BUILT + 1), 1]
    observe(fresh, PLAIN.replace(dropout="inference", compiled=False))
    assert not fresh._built


@pytest.mark.parametrize(
    "flag", ["use_bias", "return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask"]
)
def test_every_argument_is_given(flag: str, keras_adapter: KerasLayerAdapter) -> None:
    """No default of Keras decides what is tested: the layer has each argument as the configuration has it."""
    default = LSTMConfig(3, activation="relu", recurrent_activation="hard_sigmoid")
    config = LSTMConfig(**{**asdict(default), flag: not getattr(default, flag)})
    case = Case(config=config, input_dim=2, timesteps=3, batch=2)
    (layer,) = keras_adapter._built_for(case, draw([case])).subject.parts.layers
    reference = from_keras(layer)
    assert isinstance(reference, LSTM)
    assert reference.config == config


# --- what cannot start ---------------------------------------------------------------------------------------------------------


def test_backend_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing, and the command."""
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setitem(BACKENDS, "jax", Backend(package="no_such_framework"))
    with pytest.raises(AdapterStartError) as refusal:
        KerasLayerAdapter("jax").start()
    assert str(refusal.value) == (
        "the jax backend cannot be imported (No module named 'no_such_framework'); "
        "install it with: pip install 'keras-lstm-conformance[jax]'"
    )


def test_backend_that_is_broken_is_installed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there and raises is not mended by installing what is there."""
    (tmp_path / "broken_framework.py").write_text("raise AttributeError('no\\nsuch attribute')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setitem(BACKENDS, "jax", Backend(package="broken_framework"))
    with pytest.raises(AdapterStartError) as refusal:
        KerasLayerAdapter("jax").start()
    assert str(refusal.value) == (
        "the jax backend cannot be imported (AttributeError: no such attribute); "
        "install it anew with: pip install --force-reinstall 'keras-lstm-conformance[jax]'"
    )


def test_unknown_backend_is_refused() -> None:
    """With those that there are."""
    expected = "unknown backend 'theano'; expected one of jax, numpy, openvino, tensorflow, torch"
    with pytest.raises(AdapterStartError, match=expected):
        KerasLayerAdapter("theano").start()


@pytest.mark.usefixtures("keras_adapter")
def test_keras_on_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras has one backend a process, and a report must not name another."""
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setitem(BACKENDS, "torch", Backend(package="numpy"))
    with pytest.raises(AdapterStartError, match="Keras already runs on tensorflow in this process, torch was asked for"):
        KerasLayerAdapter("torch").start()


def test_keras_2_is_refused(keras_adapter: KerasLayerAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has other defaults and another API."""
    monkeypatch.setattr(keras_adapter.keras, "__version__", "2.15.0")
    with pytest.raises(AdapterStartError, match=r"expected Keras 3 or later; got Keras 2\.15\.0"):
        KerasLayerAdapter().start()


def test_what_was_compiled_is_forgotten_from_time_to_time(fresh: KerasLayerAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many models: a framework that keeps what it compiles would grow with every one."""
    forgotten: list[str] = []
    cases = [PLAIN.replace(units=units, compiled=False) for units in range(1, 7)]
    monkeypatch.setattr("conformance.adapters.keras.layer.MOST_BUILT", 1)
    monkeypatch.setattr("conformance.adapters.keras.layer.MOST_COMPILED", 2)
    monkeypatch.setitem(BACKENDS, "tensorflow", replace(BACKENDS["tensorflow"], forget=lambda: forgotten.append("all")))
    kept = [len(forgotten) for case in cases if observe(fresh, case)]
    assert kept == [0, 0, 1, 1, 2, 2]


def test_stderr_of_a_framework_that_loads_is_held_back(capfd: pytest.CaptureFixture[str]) -> None:
    """Greetings of C++ code do not stand between a user and the report; what comes later is seen."""
    with _quiet_stderr():
        os.write(2, b"greetings\n")
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "later\n"


def fail_to_load() -> None:
    """Complain as C++ code does, then raise as an import does."""
    os.write(2, b"no such library\n")
    raise ImportError("cannot import")


def test_stderr_of_a_framework_that_does_not_load_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """It may be the only hint at what is missing."""
    with pytest.raises(ImportError, match="cannot import"), _quiet_stderr():
        fail_to_load()
    assert capfd.readouterr().err == "no such library\n"
