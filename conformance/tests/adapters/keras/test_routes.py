"""Every route to the real layer gives a Keras LSTM's answer, or says why it is not there; and each says what really ran."""

from __future__ import annotations

import importlib

import pytest

from conformance.adapters.base import UnsupportedError
from conformance.adapters.keras.backends import exporting
from conformance.adapters.keras.layer import KerasLayerAdapter, _ignored_arguments
from conformance.adapters.keras.routes import KerasSubject
from conformance.adapters.worker.keras import Keras
from conformance.adapters.worker.loops import watched_loops
from conformance.cases.case import Case
from conformance.cases.features import ROUTES
from conformance.cases.stimulus import draw
from conformance.judging.verdict import Result, Verdict
from conformance.running.runner import run

# What Keras and its exporters warn of when they write files or convert arrays is theirs, and no part of a case's result.
pytestmark = [pytest.mark.xdist_group("keras"), pytest.mark.filterwarnings("ignore")]

# Packages that TensorFlow does not bring along.
NEEDS_MORE = ("onnx", "openvino")


@pytest.fixture
def keras(keras_adapter: KerasLayerAdapter) -> Keras:
    """The Keras that the adapter has imported."""
    return Keras(keras_adapter.keras.__name__)


def result_of(case_id: str, adapter: KerasLayerAdapter) -> Result:
    """How a case comes out."""
    (result,) = run([Case.from_id(case_id)], adapter)
    return result


def said(result: Result) -> list[str]:
    """What is wrong with it: nothing, where it passed."""
    return [check.message for check in result.checks if check.message] + [result.reason] * bool(result.reason)


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in NEEDS_MORE])
def test_every_route_of_keras_itself_passes(route: str, keras_adapter: KerasLayerAdapter) -> None:
    """With given initial states, and all outputs returned; the path names the route."""
    result = result_of(Case.from_id("u3-d2-t6-b4-seq-init-s0").replace(route=route).id, keras_adapter)
    assert (result.verdict, said(result)) == (Verdict.PASS, [])
    assert result.path == f"{HOW.get(route, route)}; loop"
    assert result.not_run == ""


@pytest.mark.parametrize("route", ["functional", "predict", "keras_file", "saved_model"])
def test_a_model_of_one_input_passes(route: str, keras_adapter: KerasLayerAdapter) -> None:
    """It takes one tensor, where a model of several inputs takes a list."""
    result = result_of(f"u3-d2-t6-b4-seq-in_float32-via_{route}-s0", keras_adapter)
    assert (result.verdict, said(result)) == (Verdict.PASS, [])


HOW = {
    "call": "tf.function, dynamic time",
    "training": "tf.function, dynamic time",
    "gradient": "gradient, tf.function, dynamic time",
    "functional": "functional model",
    "saved_model": "exported SavedModel, served",
} | {route: f"{route}, then called" for route in ("from_config", "clone_model", "keras_file", "weights_file")}


@pytest.mark.parametrize("route", NEEDS_MORE)
def test_export_passes_or_names_the_package_that_is_missing(route: str, keras_adapter: KerasLayerAdapter) -> None:
    """What is not installed here is no failure of Keras, and no pass."""
    result = result_of(f"u3-d2-t6-b4-seq-init-via_{route}-s0", keras_adapter)
    missing = "this route needs a package that is not installed here: "
    assert result.verdict is Verdict.PASS or (result.verdict is Verdict.UNSUPPORTED and result.reason.startswith(missing))


@pytest.mark.parametrize(("form", "backend"), [("onnx", "openvino"), ("openvino", "numpy"), ("saved_model", "numpy")])
def test_export_that_keras_does_not_have_is_unsupported(form: str, backend: str, keras: Keras) -> None:
    """With the backends that have it."""
    case = Case.from_id(f"u3-d2-t6-b4-via_{form}-s0")
    keras.backend = backend
    with pytest.raises(UnsupportedError, match=f"{form} is exported from {', '.join(exporting(form))} only, not from {backend}"):
        KerasSubject(keras, case, draw([case]))


@pytest.mark.parametrize(
    ("case_id", "path"),
    [
        ("u3-d2-t6-b4-eager-s0", "eager; loop"),
        ("u3-d2-t6-b4-statictime-s0", "tf.function, static time; loop"),
        ("u3-d2-t6-b4-jit-s0", "tf.function, XLA, dynamic time; loop"),
        ("u3-d2-t6-b4-seq-eager-unroll-statictime-s0", "eager; unrolled loop"),
        ("u3-d2-t6-b4-eager-via_predict-s0", "predict, eager; loop"),
        ("u3-d2-t6-b4-jit-via_predict-s0", "predict, jit; loop"),
        ("u3-d2-t6-b4-rnn-s0", "tf.function, dynamic time; loop"),
        ("u3-d2-t6-b4-nostate-td-via_predict-s0", "predict; loop"),
        ("u3-d2-t6-b4-bidi-mask_right-via_keras_file-s0", "keras_file, then called; loop"),
        ("u3-d2-t6-b4-seq-mask_right-via_evaluate-s0", "evaluate; loop"),
        ("u3-d2-t6-b4-seq-layers2-drop_both-eager-s0", "eager; loop"),
        ("u3-d2-t6-b4-mask_right-by_embedding-via_clone_model-s0", "clone_model, then called; loop"),
        ("u3-d2-t6-b4-seq-mask_left-by_masking-eager-s0", "eager; loop"),
    ],
)
def test_path_says_how_the_layer_was_run(case_id: str, path: str, keras_adapter: KerasLayerAdapter) -> None:
    """Compiled or not, by which compiler, with which inner loop."""
    result = result_of(case_id, keras_adapter)
    assert (result.verdict, said(result)) == (Verdict.PASS, [])
    assert (result.path, result.not_run) == (path, "")


@pytest.mark.parametrize("route", ["from_config", "clone_model", "keras_file", "weights_file", "predict"])
@pytest.mark.parametrize("architecture", ["", "-layers2"])
def test_states_are_read_from_the_model_that_ran(architecture: str, route: str, keras_adapter: KerasLayerAdapter) -> None:
    """A model that was made again keeps states of its own, and resets them: those of the first would be zeros for ever."""
    result = result_of(f"u3-d2-t6-b4-stateful{architecture}-staticbatch-via_{route}-s0", keras_adapter)
    assert (result.verdict, said(result)) == (Verdict.PASS, [])
    assert "stored_state" in {check.check for check in result.checks}


# --- what did not run ----------------------------------------------------------------------------------------------------------


def test_compiler_that_a_route_has_not_is_said(keras_adapter: KerasLayerAdapter) -> None:
    """A call outside of a function cannot be compiled."""
    result = result_of("u3-d2-t6-b4-eager-jit-s0", keras_adapter)
    assert result.verdict is Verdict.PASS
    assert result.not_run == "jit_compile: a call of a layer has no compiler here"


@pytest.mark.parametrize(
    ("case_id", "kernels", "not_run"),
    [
        ("u3-d2-t6-b4-unroll-statictime-s0", "unrolled loop", ""),
        ("u3-d2-t6-b4-unroll-statictime-s0", "fused kernel", "unroll: the fused kernel ran"),
        ("u3-d2-t6-b4-unroll-statictime-s0", "loop", "unroll: the loop ran"),
        ("u3-d2-t6-b4-impl1-s0", "loop", ""),
        ("u3-d2-t6-b4-impl1-s0", "fused kernel", "implementation 1: the fused kernel ran"),
        (
            "u3-d2-t6-b4-unroll-impl1-statictime-s0",
            "fused kernel",
            "unroll: the fused kernel ran; implementation 1: the fused kernel ran",
        ),
        ("u3-d2-t6-b4-s0", "fused kernel", ""),
    ],
)
def test_inner_loop_that_passes_over_an_argument_is_said(case_id: str, kernels: str, not_run: str) -> None:
    """A fused kernel has neither a loop to unroll nor a product per gate."""
    assert _ignored_arguments(Case.from_id(case_id), kernels) == not_run


# --- watching ------------------------------------------------------------------------------------------------------------------


def test_watching_restores_keras_functions(keras: Keras) -> None:
    """Also where what was watched has raised."""
    backend = importlib.import_module("keras.src.backend")
    before = (backend.rnn, backend.lstm)
    with pytest.raises(TypeError), watched_loops(keras):
        backend.rnn()
    assert (backend.rnn, backend.lstm) == before
    with watched_loops(keras):
        assert backend.rnn is not before[0]


def test_loops_are_noted_once_in_the_order_in_which_they_end(keras: Keras) -> None:
    """What raised has not run."""
    layers, ops = keras.module.layers, keras.module.ops
    backend = importlib.import_module("keras.src.backend")
    with watched_loops(keras) as ran:
        layers.LSTM(2, use_cudnn=False)(ops.zeros((1, 3, 1)))
        layers.LSTM(2, use_cudnn=False, unroll=True)(ops.zeros((1, 3, 1)))
        layers.LSTM(2, use_cudnn=False)(ops.zeros((1, 3, 1)))
        with pytest.raises(TypeError):
            backend.lstm()
    assert ran == ["loop", "unrolled loop"]


def test_kernel_of_a_traced_function_is_remembered(keras_adapter: KerasLayerAdapter) -> None:
    """A function that was traced for one case runs for the next without passing through Keras again."""
    adapter = KerasLayerAdapter()
    adapter.keras = keras_adapter.keras
    cases = [Case.from_id("u3-d2-t6-b4-s0"), Case.from_id("u3-d2-t5-b4-s0")]
    stimulus = draw(cases)
    assert [adapter.observe(case, stimulus).path for case in cases] == ["tf.function, dynamic time; loop"] * 2
    assert len(adapter._built) == 1


# --- what a backend has not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotImplementedError("rnn"), "not implemented on the tensorflow backend: rnn"),
        (
            ModuleNotFoundError("No module named 'tf2onnx'"),
            "this route needs a package that is not installed here: No module named 'tf2onnx'",
        ),
    ],
)
def test_what_is_not_there_is_unsupported(
    error: Exception, reason: str, keras_adapter: KerasLayerAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that the backend has not written, or a package that an export wants: each with its reason."""

    def refuse(_: KerasSubject) -> None:
        raise error

    monkeypatch.setattr(KerasSubject, "route", refuse)
    result = result_of("u3-d2-t6-b4-via_functional-s0", keras_adapter)
    assert (result.verdict, result.reason) == (Verdict.UNSUPPORTED, reason)
