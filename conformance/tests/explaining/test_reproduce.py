"""Scripts: short, self-contained, of the case and of nothing else, and able to tell right from wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.cli import main
from conformance.explaining.reproduce import MAX_LINES, not_asserted, reproduction
from conformance.explaining.reproduction.data_lines import _MASKS
from conformance.explaining.reproduction.gradient_lines import set_in_variable
from conformance.explaining.reproduction.keras_lines import MAX_WIDTH
from conformance.explaining.reproduction.numpy_lines import _ACTIVATIONS
from lstm_ref import LSTMError, activations
from lstm_ref.derivatives import vjp

# Case id → what its script must contain.
SAYS = {
    "u3-d2-t5-b4-s0": ["LSTM(3, return_state=True)", "tf.TensorSpec((None, None, 2)", "(4, 5, 2)"],
    "u3-d2-t5-b4-seq-nostate-eager-s0": ["LSTM(3, return_sequences=True)\n", "[layer(x"],
    "u3-d2-t5-b4-seq-stateful-eager-s0": ["stateful=True", "layer.reset_state()", "if call in (0, 3):"],
    "u3-d2-t5-b4-seq-stateful-init-s0": ["stateful=True", "initial_state=[h, c]"],
    "u3-d2-t5-b4-seq-stateful-layers2-s0": ["for each in (below, layer):"],
    "u3-d2-t5-b4-seq-stateful-cells2-s0": ["for _ in range(2)]", "layer.reset_state()"],
    "u3-d2-t5-b4-seq-back-mask_right-init-s0": ["go_backwards=True", "x[:, -1 - t]", "mask[:, -1 - t, None]"],
    "u3-d2-t5-b4-seq-zeromask-mask_interior-s0": ["zero_output_for_mask=True", "layer(x, mask=mask)"],
    "u3-d2-t5-b4-seq-nobias-s0": ["use_bias=False", "((2, 12), (3, 12))"],
    "u3-d2-t5-b4-seq-act_relu-ract_hard_sigmoid-s0": ['activation="relu"', "np.maximum(g, 0)", "np.clip(z / 6 + 0.5, 0, 1)"],
    "u3-d2-t5-b4-seq-act_linear-as_function-s0": ["activation=keras.activations.linear", "keras.activations.sigmoid"],
    "u3-d2-t5-b4-seq-as_lambda-s0": ["activation=lambda z: keras.activations.tanh(z)"],
    "u3-d2-t5-b4-seq-layers2-s0": ["[*layer((lower := below(x))[0]), *lower[1:]]", "[y[1], h[1], c[1], h[0], c[0]]"],
    "u3-d2-t5-b4-seq-cells2-init-s0": ["LSTMCell(3) for _ in range(2)", "[[h[0], c[0]], [h[1], c[1]]]"],
    "u3-d2-t5-b4-seq-bidi-merge_ave-s0": ["keras.layers.Bidirectional", 'merge_mode="ave"', "(y[0] + y[1][:, ::-1]) / 2"],
    "u3-d2-t5-b4-bidi-merge_none-s0": ["merge_mode=None", "[h[0], h[1], h[0], c[0], h[1], c[1]]"],
    "u3-d2-t5-b4-seq-bidi-unequal-s0": ["backward_layer=keras.layers.LSTM(4,", "(2, 16)"],
    "u3-d2-t5-b4-seq-nostate-td-s0": ["keras.layers.TimeDistributed", "(4, 2, 5, 2)"],
    "u3-d2-t5-b4-seq-mask_left-by_masking-s0": ["keras.layers.Masking()(x)", "mask[..., None] *"],
    "u3-d2-t5-b4-mask_first-by_embedding-eager-s0": ["keras.layers.Embedding(9, 2,", "mask_zero=True", "embedding(ids)"],
    "u3-d2-t5-b4-seq-drop_inference-s0": ["dropout=0.5", "recurrent_dropout=0.25"],
    "u3-d2-t5-b4-seq-drop_recurrent-eager-s0": ["recurrent_dropout=0.25", "seed=0", "training=True", "get_recurrent_dropout_mask"],
    "u3-d2-t5-b4-seq-p_float64-s0": ['dtype="float64"', 'dtype) == "float64"', "e-15)"],
    "u3-d2-t5-b4-seq-p_mixed_bfloat16-s0": ['dtype="mixed_bfloat16"', 'dtype) == "bfloat16"', "random.choice"],
    "u3-d2-t5-b4-seq-in_int32-s0": ['"int32"'],
    "u3-d2-t5-b4-seq-strided-s0": ["[..., ::2].swapaxes(-1, -2)"],
    "u3-d2-t5-b4-seq-mask_left-by_masking-strided-s0": ["[..., ::2].swapaxes(-1, -2)", "x[~mask] = 0"],
    "u3-d2-t5-b4-seq-nostate-mask_left-via_evaluate-s0": ["np.mean((y - np.linspace(-1, 1, 60).reshape(4, 5, 3))[mask] ** 2)"],
    "u3-d2-t5-b4-seq-with_nan-s0": ["= np.nan"],
    "u3-d2-t5-b4-seq-mask_right-with_masked_inf-s0": ["= np.inf"],
    "u3-d2-t5-b4-seq-init-rnnlist-s0": ["keras.layers.RNN([keras.layers.LSTMCell(3)]", "initial_state=[[h, c]]"],
    "u3-d2-t5-b4-seq-unroll-impl1-nocudnn-s0": ["unroll=True", "implementation=1", "use_cudnn=False"],
    "u3-d2-t5-b4-seq-jit-s0": ["jit_compile=True"],
    "u3-d2-t5-b4-seq-statictime-staticbatch-s0": ["tf.TensorSpec((4, 5, 2)"],
    "u3-d2-t5-b4-seq-via_training-s0": ["training=True"],
    "u3-d2-t5-b4-seq-mask_right-via_predict_partial-s0": ["model.predict([x, mask], batch_size=3"],
    "u3-d2-t5-b4-seq-eager-via_predict-s0": ["run_eagerly=True", "jit_compile=False"],
    "u3-d2-t5-b4-nostate-via_fit-s0": ["model.fit(x", "SGD(0.0)", "np.mean((h - np.linspace(-1, 1, 12).reshape(4, 3)) ** 2)"],
    "u3-d2-t5-b4-seq-via_keras_file-s0": ['keras.models.load_model("repro.keras")'],
    "u3-d2-t5-b4-seq-via_onnx-s0": ["onnxruntime", 'format="onnx"'],
    "u3-d2-t5-b4-seq-via_openvino-s0": ["import os\n", 'openvino.Core().compile_model("repro.xml"'],
    "u3-d2-t5-b4-seq-via_gradient-s0": ["tf.gradients(", "W, U, b, x = arrays", "(4, 5, 3), complex", "[y, h, c], 1)).imag"],
    "u3-d2-t5-b4-eager-via_gradient-s0": ["tf.GradientTape() as tape", "x = tf.Variable(", "tape.gradient(loss, "],
    "u3-d2-t5-b4-seq-mask_interior-init-via_gradient-s0": ["map(keras.Variable, ", "W, U, b, h, c, x = arrays"],
    "u3-d2-t5-b4-seq-bidi-mask_left-via_gradient-s0": ["*weights, x = arrays", "mask=mask, training=True"],
    "u3-d2-t5-b4-seq-nobias-in_int32-via_gradient-s0": ["W, U = arrays", "for a in weights]"],
    "u3-d2-t5-b4-seq-p_float64-via_gradient-s0": ["2**-46, 2**-46"],
    "u3-d2-t5-b0-via_gradient-s0": ["tf.reduce_sum("],
    "u3-d2-t5-b4-seq-same_as_loop-s0": ["unroll=True", "zip(got, again, strict=True)"],
    "u3-d2-t5-b4-seq-same_as_two_calls-s0": ["x[:, :2], x[:, 2:]", "initial_state=[h, c]"],
    "u32-d28-t150-b32-seq-mask_interior-s0": ["for t in range(150)", "for r in range(32)", "/ 2 for shape"],
    "u3-d2-t5-b0-seq-s0": ["(0, 5, 2)"],
}  # fmt: skip

EQUAL = (
    "u3-d2-t5-b4-seq-init-eager-via_gradient-s0",
    "u3-d2-t5-b4-seq-layers2-mask_interior-init-via_gradient-s0",
    "u3-d2-t5-b4-seq-s0",
    "u3-d2-t5-b4-seq-stateful-eager-s0",
    "u3-d2-t5-b4-seq-back-mask_right-init-s0",
    "u3-d2-t5-b4-seq-bidi-merge_mul-mask_left-s0",
    "u3-d2-t5-b4-seq-drop_input-eager-s0",
    "u3-d2-t5-b4-seq-p_mixed_bfloat16-s0",
    "u3-d2-t5-b4-seq-via_keras_file-s0",
    "u3-d2-t5-b4-seq-same_as_loop-s0",
    "u3-d2-t5-b4-seq-nostate-mask_left-via_evaluate-s0",
)
# Bidirectional and a file make a layer again, by its name; a loss has no states; a model asks for the names of arguments.
WRONG_SHOWS = tuple(
    case_id for case_id in EQUAL if not any(word in case_id for word in ("bidi", "keras_file", "evaluate", "layers2"))
)
# What Keras 3.15.1 does otherwise on every backend, and what the script then says.
DIFFERENT = {
    "u3-d2-t5-b4-seq-mask_left-by_masking-init-s0": "AssertionError",
    "u3-d2-t5-b4-seq-back-layers2-mask_left-by_masking-s0": "AssertionError",
    "u3-d2-t5-b4-seq-stateful-cells2-init-s0": "AttributeError",
    "u3-d2-t5-b4-seq-stateful-bidi-eager-s0": "TypeError",
    "u3-d2-t5-b4-seq-drop_input-eager-impl1-s0": "InvalidArgumentError",
    "u3-d2-t2-b4-mask_first-with_masked_nan-unroll-statictime-via_gradient-s0": "AssertionError",
}

# Runs scripts one after the other, as they stand and then with an LSTM that exchanges the states it returns.
_RUNNER = """
import json, sys
def outcome(script):
    try:
        exec(compile(script, "repro.py", "exec"), {"__name__": "__main__"})
    except BaseException as error:
        return type(error).__name__
    return ""
scripts, wrong = json.load(sys.stdin)
outcomes = [outcome(script) for script in scripts]
import keras
class Wrong(keras.layers.LSTM):
    def call(self, *args, **kwargs):
        outputs, h, c = super().call(*args, **kwargs)
        return outputs, c, h
keras.layers.LSTM = Wrong
print(json.dumps([outcomes, [outcome(script) for script in wrong]]))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """(LSTM, case id) → the name of what the script raised, on TensorFlow, in one fresh process."""
    ids = (*EQUAL, *DIFFERENT)
    scripts = [reproduction(Case.from_id(case_id), "tensorflow") for case_id in ids]
    ran = subprocess.run(  # noqa: S603  # this interpreter, on scripts made here
        [sys.executable, "-c", _RUNNER],
        input=json.dumps([scripts, [scripts[ids.index(case_id)] for case_id in WRONG_SHOWS]]),
        cwd=tmp_path_factory.mktemp("scripts"),
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=True,
    )
    right, wrong = json.loads(ran.stdout.splitlines()[-1])
    return {("keras", case_id): name for case_id, name in zip(ids, right, strict=True)} | {
        ("wrong", case_id): name for case_id, name in zip(WRONG_SHOWS, wrong, strict=True)
    }


# --- the text ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case_id", SAYS)
def test_script_is_short_and_says_what_the_case_says(case_id: str) -> None:
    """Under 30 lines of 132 columns, valid Python, with the case's own words for layer, inputs and route."""
    script = reproduction(Case.from_id(case_id), "tensorflow")
    compile(script, case_id, "exec")
    lines = script.splitlines()
    assert len(lines) <= MAX_LINES < 30
    assert max(map(len, lines)) <= MAX_WIDTH
    assert ";" not in script
    assert [said for said in SAYS[case_id] if said not in script] == []


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch", "numpy", "openvino"])
def test_first_lines_say_how_to_run_it(backend: str) -> None:
    """The case, the backend; what is known besides; and another backend may be chosen from outside."""
    first, *rest = reproduction(Case.from_id("u1-d1-t1-b1-s0"), backend, about="Keras 3.15.1").splitlines()
    assert first == f"# u1-d1-t1-b1-s0: KERAS_BACKEND={backend} python repro.py   (Keras 3.15.1)"
    assert rest[:2] == ["import os", f'os.environ.setdefault("KERAS_BACKEND", "{backend}")']


def test_only_what_differs_from_keras_defaults_is_said() -> None:
    """A reader of the report sees what matters."""
    script = reproduction(Case.from_id("u3-d2-t5-b4-nostate-eager-s0"), "tensorflow")
    assert "layer = keras.layers.LSTM(3)\n" in script


def test_compilers_are_each_backend_s_own() -> None:
    """`tf.function`, `jax.jit`, and nothing where a call has no compiler."""
    case = Case.from_id("u3-d2-t5-b4-seq-s0")
    assert "got = jax.jit(layer)(x" in reproduction(case, "jax")
    assert "import tensorflow" not in reproduction(case, "numpy")
    assert "got = layer(x" in reproduction(case, "torch")


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("tensorflow", ["tf.function(lambda x: tf.gradients(", "[*(v.value for v in (*layer.trainable_variables, h, c)), x]"]),
        ("jax", ["jax.jit(jax.grad(lambda w, h, c, x: ", "layer.stateless_call(w, ", "(0, 1, 2, 3)))(weights, h, c, x)"]),
        ("torch", ["x = keras.Variable(", "torch.autograd.grad(loss, [v.value for v in (*layer.trainable_variables, h, c, x)])"]),
    ],
)
def test_gradients_are_each_backend_s_own(backend: str, said: list[str]) -> None:
    """Of a graph, of a function of weights and arrays, and of variables."""
    script = " ".join(reproduction(Case.from_id("u3-d2-t5-b4-seq-init-via_gradient-s0"), backend).split())
    assert [text for text in said if text not in script] == []


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
@pytest.mark.parametrize("flags", ["", "-eager"])
def test_gradients_of_two_layers_are_python(backend: str, flags: str) -> None:
    """The lower layer's answer is named within the loss."""
    script = reproduction(Case.from_id(f"u3-d2-t5-b4-seq-layers2-mask_interior-init{flags}-via_gradient-s0"), backend)
    assert compile(script, "repro.py", "exec")


@pytest.mark.parametrize(
    ("variable", "line"), [("keras.Variable", "x.value.data[1, 0, 1] = np.nan"), ("tf.Variable", "x[1, 0, 1].assign(np.nan)")]
)
def test_what_is_not_finite_is_set_in_a_variable(variable: str, line: str) -> None:
    """Where the inputs must be one to have a gradient."""
    assert set_in_variable("x[1, 0, 1] = np.nan", variable) == line


def test_stateless_calls_are_of_a_model_where_a_layer_s_lose_the_mask() -> None:
    """One that Masking sends along is looked for in a layer's own call."""
    script = reproduction(Case.from_id("u3-d2-t5-b4-seq-mask_right-by_masking-via_gradient-s0"), "jax")
    assert "model.stateless_call(w," in script


@pytest.mark.parametrize("backend", ["numpy", "openvino"])
def test_no_gradients_where_keras_infers_only(backend: str) -> None:
    """A refusal that says so."""
    with pytest.raises(LSTMError, match=f"{backend}: Keras infers only"):
        reproduction(Case.from_id("u3-d2-t5-b4-seq-via_gradient-s0"), backend)


@pytest.mark.parametrize(
    ("case_id", "named"),
    [
        ("u3-d2-t5-b4-seq-stateful-back-bidi-mask_left-by_embedding-init-p_float16-s0", "mask_source=embedding"),
        ("u3-d2-t5-b4-act_sparsemax-s0", "sparsemax"),
        ("u3-d2-t5-b4-drop_input-s0", "dropout"),
        ("u3-d2-t5-b4-stateful-via_stateless_call-s0", "stateless_call"),
        ("u3-d2-t5-b4-stateful-via_onnx-s0", "onnx"),
        ("u3-d2-t5-b4-stateful-via_gradient-s0", "stateful=True"),
        ("u3-d2-t5-b4-mask_right-by_embedding-via_gradient-s0", "mask_source=embedding"),
        ("u3-d2-t5-b4-drop_inference-via_gradient-s0", "dropout=inference"),
        ("u3-d2-t5-b4-via_gradient-same_as_loop-s0", "relation=loop"),
    ],
)
def test_what_does_not_fit_is_named(case_id: str, named: str) -> None:
    """Too many features for so few lines are a refusal that says which."""
    with pytest.raises(LSTMError, match=named):
        reproduction(Case.from_id(case_id.replace("stateful-back", "stateful")), "tensorflow")


@pytest.mark.parametrize(
    ("case_id", "refused"),
    [
        ("u3-d2-t5-b4-nostate-via_train_on_batch-s0", "training is not expressible in a script for numpy: Keras infers only there"),
        ("u3-d2-t5-b4-in_float32-via_onnx-s0", "onnx is not expressible in a script for numpy, which exports nothing"),
    ],
)
def test_what_a_backend_cannot_is_refused(case_id: str, refused: str) -> None:
    """A script would show a difference where the report says that there is nothing to ask."""
    with pytest.raises(LSTMError, match=refused):
        reproduction(Case.from_id(case_id), "numpy")


@pytest.mark.parametrize(("unroll", "emitted"), [("", "[y, h, c]"), ("-unroll-statictime", "np.logical_or.accumulate(mask")])
def test_conventions_of_an_unrolled_loop_are_its_own(unroll: str, emitted: str) -> None:
    """On NumPy, before the first used timestep, a loop emits the initial state and an unrolled loop zeros."""
    assert emitted in reproduction(Case.from_id(f"u3-d2-t5-b4-seq-mask_left-init{unroll}-s0"), "numpy")


@pytest.mark.parametrize(
    ("case_id", "most"),
    [("u3-d2-t5-b4-seq-s0", 1e-5), ("u3-d2-t5-b4-seq-p_float64-s0", 1e-13), ("u3-d2-t5-b4-mask_row-with_nan-s0", 1e-5)],
)
def test_limit_is_that_of_rounding(case_id: str, most: float) -> None:
    """Eight σ of the script's own numbers, of those that are finite."""
    script = reproduction(Case.from_id(case_id), "tensorflow")
    assert 0 < float(script.partition("rtol=0, atol=")[2].partition(")")[0]) < most


@pytest.mark.parametrize(
    ("case_id", "said"),
    [
        ("u3-d2-t5-b4-seq-s0", ""),
        (
            "u3-d2-t5-b4-seq-via_gradient-s0",
            (
                "the script of u3-d2-t5-b4-seq-via_gradient-s0 does not compare outputs and states, and of the gradients their "
                "slope only, as the script of u3-d2-t5-b4-seq-via_training-s0 does"
            ),
        ),
    ],
)
def test_what_a_script_does_not_compare_is_said(case_id: str, said: str) -> None:
    """In the script, and by the command."""
    case = Case.from_id(case_id)
    assert not_asserted(case, reproduction(case, "tensorflow")) == said
    assert CliRunner().invoke(main, ["reproduce", case_id]).stderr.strip() == (f"{said}." if said else "")


@pytest.mark.parametrize("rows", [1, 4, 9])
@pytest.mark.parametrize("steps", [1, 2, 5, 12])
@pytest.mark.parametrize("pattern", _MASKS)
def test_masks_are_those_of_the_stimulus(pattern: str, steps: int, rows: int) -> None:
    """The expression for any size has the suite's own pattern."""
    np = pytest.importorskip("numpy")
    case = Case.from_id(f"u1-d1-t{steps}-b{rows}-mask_{pattern}-s0")
    mask = eval(_MASKS[pattern](rows, steps), {"np": np})  # noqa: S307  # an expression of this project
    np.testing.assert_array_equal(mask, draw([case]).mask_of(case, case.calls[0]))


@pytest.mark.parametrize("name", _ACTIVATIONS)
def test_activations_are_those_of_the_reference(name: str) -> None:
    """Each line of NumPy computes what the reference computes with care."""
    np = pytest.importorskip("numpy")
    z = np.linspace(-4, 4, 33).reshape(3, 11)
    got = eval(_ACTIVATIONS[name].format(z="z"), {"np": np, "z": z})  # noqa: S307  # likewise
    np.testing.assert_allclose(got, activations.get(name)(z), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", _ACTIVATIONS)
def test_activations_have_the_derivatives_of_the_reference(name: str) -> None:
    """By a complex step in each direction, as the scripts of gradients take them; off the corners."""
    np = pytest.importorskip("numpy")
    z, steps = np.linspace(-4, 4, 34), np.eye(34)
    got = eval(_ACTIVATIONS[name].format(z="z"), {"np": np, "z": z + 1e-30j * steps}).imag * 1e30  # noqa: S307  # likewise
    np.testing.assert_allclose(got.T, vjp(name)(np.tile(z, (34, 1)), steps), rtol=1e-12, atol=1e-12)


# --- what it decides -----------------------------------------------------------------------------------------------------------


@pytest.mark.xdist_group("scripts")
@pytest.mark.parametrize("case_id", EQUAL)
def test_script_accepts_keras_where_it_is_right(case_id: str, outcomes: dict[tuple[str, str], str]) -> None:
    """Within the stated number of roundings."""
    assert outcomes["keras", case_id] == ""


@pytest.mark.xdist_group("scripts")
@pytest.mark.parametrize("case_id", DIFFERENT)
def test_script_shows_a_known_difference(case_id: str, outcomes: dict[tuple[str, str], str]) -> None:
    """Wrong numbers are an AssertionError with both sides; what raises in Keras is raised as it is."""
    assert outcomes["keras", case_id] == DIFFERENT[case_id]


@pytest.mark.xdist_group("scripts")
@pytest.mark.parametrize("case_id", WRONG_SHOWS)
def test_script_rejects_a_wrong_lstm(case_id: str, outcomes: dict[tuple[str, str], str]) -> None:
    """One that returns its states exchanged."""
    assert outcomes["wrong", case_id] == "AssertionError"


# --- the command ---------------------------------------------------------------------------------------------------------------


def test_command_prints_the_script() -> None:
    """As it stands, ready for a file."""
    result = CliRunner().invoke(main, ["reproduce", "u3-d2-t5-b4-seq-s0", "--backend", "jax"])
    assert (result.exit_code, result.stdout) == (0, reproduction(Case.from_id("u3-d2-t5-b4-seq-s0"), "jax"))


def test_chaos_is_refused() -> None:
    """A script has one tolerance for all timesteps."""
    with pytest.raises(LSTMError, match="chaotic weights are not expressible"):
        reproduction(Case.from_id("u16-d8-t100-b4-weights_chaotic-s0"), "tensorflow")


def test_command_refuses_what_is_no_case() -> None:
    """Exit code 2 and one line, like every other command."""
    result = CliRunner().invoke(main, ["reproduce", "u3"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is not a case id" in result.stderr


def run_of_script(case_id: str, keras: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`reproduce --run` where `keras` is a module of this source."""
    (folder / "keras.py").write_text(keras, encoding="utf-8")
    root = str(Path(main.callback.__code__.co_filename).parents[1])  # type: ignore[union-attr]  # a click group has one
    return subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "conformance", "reproduce", case_id, "--run"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), root])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("keras", "code"),
    [("raise SystemExit(0)", 0), ("raise AssertionError('a difference, without the seconds that loading Keras takes')", 1)],
    ids=["equal", "different"],
)
def test_command_exits_as_the_script_does(keras: str, code: int, tmp_path: Path) -> None:
    """0 without a difference, 1 with one; with Keras itself, in `test_lifetime`."""
    case_id = "u1-d1-t2-b1-seq-eager-s0"
    ran = run_of_script(case_id, keras, tmp_path)
    assert ran.returncode == code
    assert ran.stdout.startswith(reproduction(Case.from_id(case_id), "tensorflow"))


def test_script_that_cannot_run_here_is_no_difference(tmp_path: Path) -> None:
    """A package that is missing says nothing of Keras: 2, and one line with what installs it."""
    ran = run_of_script("u1-d1-t2-b1-seq-eager-s0", "import no_such_framework", tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == (
        "error: the script could not run here: ModuleNotFoundError: No module named 'no_such_framework'; "
        "install it with: pip install no_such_framework\n"
    )
