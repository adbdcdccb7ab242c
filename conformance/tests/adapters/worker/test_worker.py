"""The worker on the Keras that is installed, asked in this process: what it answers is judged as any observation is."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.adapters.base import UnsupportedError
from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.adapters.observation import Observation
from conformance.adapters.protocol import Answer, AnswerError, observation_of, question_of
from conformance.adapters.worker.answers import KerasAnswers
from conformance.adapters.worker.common import Unsupported, flat
from conformance.adapters.worker.layer import in_keras_1, strided
from conformance.adapters.worker.loop import main
from conformance.adapters.worker.model_file import Recorder
from conformance.adapters.worker.models import load_model
from conformance.adapters.worker.questions import is_of_worker
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.environments.process import WORKER
from conformance.judging.verdict import Verdict
from conformance.running.runner import run

# What a framework says of how it is used here is no concern of these tests.
pytestmark = [pytest.mark.xdist_group("keras"), pytest.mark.filterwarnings("ignore")]

CASES = [
    "u3-d2-t5-b4-seq-s0",
    "u3-d2-t5-b4-seq-nostate-eager-s0",
    "u3-d2-t5-b4-seq-stateful-staticbatch-s0",
    "u3-d2-t5-b4-seq-back-layers2-mask_left-s0",
    "u3-d2-t5-b4-seq-back-cells2-init-eager-s0",
    "u3-d2-t5-b4-seq-bidi-unequal-s0",
    "u3-d2-t5-b4-seq-bidi-merge_none-mask_left-by_masking-s0",
    "u3-d2-t5-b4-seq-nostate-td-eager-s0",
    "u1-d1-t1-b1-nostate-td-strided-s11",
    "u3-d2-t5-b4-seq-zeromask-mask_left-by_embedding-eager-s0",
    "u3-d2-t5-b4-seq-eager-rnn-impl1-s0",
    "u3-d2-t5-b4-seq-act_relu-ract_hard_sigmoid-strided-eager-as_lambda-s0",
    "u3-d2-t5-b4-seq-p_mixed_bfloat16-eager-s0",
    "u3-d2-t5-b4-seq-in_int32-unroll-nocudnn-statictime-s0",
    "u3-d2-t5-b4-seq-drop_inference-jit-s0",
    "u3-d2-t5-b4-nostate-via_train_on_batch-s0",
    "u3-d2-t5-b4-nostate-eager-via_fit-s0",
    "u3-d2-t5-b4-seq-eager-via_predict_partial-s0",
    "u3-d2-t5-b4-seq-via_keras_file-s0",
    "u3-d2-t5-b4-seq-via_weights_file-s0",
    "u3-d2-t5-b4-seq-bidi-via_clone_model-s0",
    "u3-d2-t5-b4-seq-bidi-merge_none-mask_left-init-eager-via_gradient-s0",
    "u3-d2-t5-b4-seq-layers2-via_gradient-s0",
]


@pytest.fixture(scope="module")
def answers(keras_adapter: KerasLayerAdapter) -> KerasAnswers:
    """The worker's, on the Keras that has been imported."""
    assert keras_adapter.keras
    return KerasAnswers("keras")


@dataclass
class InThisProcess:
    """Asks the worker's functions."""

    answers: KerasAnswers
    keras: None = None

    @property
    def conventions(self) -> Any:
        """Those of TensorFlow."""
        return KerasLayerAdapter().conventions

    def start(self) -> Mapping[str, str]:
        """It has started."""
        return {}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """By the protocol, without its lines."""
        question, arrays = question_of(case, stimulus)
        question = json.loads(json.dumps(question))
        try:
            said, answered = self.answers.answer({**question, "ask": "lstm"}, arrays)
        except Unsupported as error:
            raise UnsupportedError(str(error)) from error
        return observation_of(case, Answer(fields=json.loads(json.dumps(said)), arrays=answered))


@pytest.mark.parametrize("shape", [(2, 3), (4, 3, 2), (4, 2, 5, 3), (1, 2, 1, 1)], ids=str)
def test_strided_values_are_the_same_and_not_contiguous(shape: tuple[int, ...]) -> None:
    """Of ids, of sequences, and of what TimeDistributed reads."""
    array = np.arange(float(np.prod(shape))).reshape(shape)
    spread = strided(array)
    np.testing.assert_array_equal(spread, array)
    assert spread.dtype == array.dtype
    assert spread.size == 1 or not spread.flags.c_contiguous


def test_a_mistake_of_the_worker_is_told_from_what_keras_raises(answers: KerasAnswers, keras_adapter: KerasLayerAdapter) -> None:
    """By whose code has raised; what an object of the framework lacks is the framework's, wherever that shows."""
    of_worker = {
        "the worker's own": lambda: strided(np.zeros(3)),
        "a file that is not there": lambda: load_model(answers.keras, "no.keras"),
        "an argument that is not there": lambda: keras_adapter.keras.layers.LSTM(3, none=1),
        "an attribute that is not there": lambda: flat(keras_adapter.keras.nothing),
    }
    assert {name: is_of_worker(raised(attempt)) for name, attempt in of_worker.items()} == {
        "the worker's own": True,
        "a file that is not there": False,
        "an argument that is not there": False,
        "an attribute that is not there": False,
    }


def raised(attempt: Callable[[], object]) -> Exception:
    """What it raises, without the frames of this file."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # whatever it is
        attempt()
    after = caught.tb.tb_next
    return caught.value.with_traceback(after.tb_next if after else None)


@pytest.mark.parametrize("case_id", CASES)
def test_what_the_worker_answers_passes_every_check(answers: KerasAnswers, case_id: str) -> None:
    """On every architecture, source of masks, loop and family of routes that the protocol knows."""
    (result,) = run([Case.from_id(case_id)], InThisProcess(answers))
    complaints = [result.reason, *(check.message for check in result.checks)]
    assert (result.verdict, [said for said in complaints if said]) == (Verdict.PASS, [])


@pytest.mark.parametrize(
    ("case_id", "reason"),
    [
        ("u3-d2-t5-b4-seq-drop_both-eager-s0", "draws masks that this protocol does not read"),
        ("u3-d2-t5-b4-seq-via_stateless_call-s0", "the route stateless_call is no part of this protocol"),
    ],
)
def test_what_the_protocol_does_not_ask_is_unsupported(answers: KerasAnswers, case_id: str, reason: str) -> None:
    """With its reason."""
    (result,) = run([Case.from_id(case_id)], InThisProcess(answers))
    assert result.verdict is Verdict.UNSUPPORTED
    assert reason in result.reason


def test_the_layers_interface_is_described(answers: KerasAnswers) -> None:
    """Its defaults, what its configuration lacks, its weights and its summary."""
    described, arrays = answers.describe({}, {})
    assert not arrays
    assert described["arguments"]["recurrent_activation"] == "'sigmoid'"
    assert "use_cudnn" in described["not_serialised"]
    assert described["weights"] == [["kernel", [1, 8]], ["recurrent_kernel", [2, 8]], ["bias", [8]]]
    assert described["initial_bias"] == [[0, 0, 1, 1, 0, 0, 0, 0]]
    assert "640" in described["summary"]


def test_the_worker_says_where_the_files_of_keras_are(answers: KerasAnswers, keras_adapter: KerasLayerAdapter) -> None:
    """The folder that this process has them from, too: what is edited there is another program."""
    said, arrays = answers.answer({"ask": "source"}, {})
    assert (Path(said["folder"]), arrays) == (keras_adapter.source(), {})
    assert (keras_adapter.source() / "src" / "layers" / "rnn" / "lstm.py").is_file()


def test_the_worker_reads_lines_and_writes_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a framework prints is no answer, and an error is one."""
    question = json.dumps({"id": 1, "ask": "nothing"}) + "\n"
    read, write = os.pipe()
    kept = os.dup(1), os.dup(2)
    os.dup2(write, 1)
    monkeypatch.setattr("sys.stdin", io.StringIO(question))
    try:
        main({"system": "keras", "paths": [], "folder": str(tmp_path)})
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
    os.close(write)
    with os.fdopen(read) as lines:
        hello, answer = map(json.loads, lines.read().splitlines())
    assert hello["hello"]["implementation"] == "keras.layers.LSTM"
    assert answer == {"id": 1, "unsupported": "no such question: nothing"}


@pytest.mark.parametrize("module", sorted(WORKER.parent.glob("*.py")), ids=lambda path: path.name)
def test_the_worker_is_written_for_old_interpreters(module: Path) -> None:
    """Python 3.6's grammar; nothing of this project but its own modules, and nothing newer of the standard library."""
    tree = ast.parse(module.read_text(encoding="utf-8"), feature_version=(3, 6))
    absolute = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0]
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in absolute}
    assert not {name for name in imported if name.startswith(("conformance", "lstm_ref", "__future__", "dataclasses"))}
    assert {node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} <= {0, 1}


def test_the_worker_is_started_by_its_path_and_meets_no_other_module_of_the_suite(tmp_path: Path) -> None:
    """Copied alone to another place, beside a module by the name of a framework; what it cannot run, it says in its greeting."""
    copy = shutil.copytree(WORKER.parent, tmp_path / "elsewhere")
    (tmp_path / "keras.py").write_text("raise SystemExit('the module beside it')")
    job = json.dumps({"system": "keras", "paths": [str(tmp_path / "none")], "folder": str(tmp_path)})
    command = [sys.executable, "-s", "-B", str(copy / WORKER.name), job]
    blocked = {**os.environ, "PYTHONPATH": "", "KERAS_BACKEND": "none"}
    greeting = subprocess.run(command, input="", capture_output=True, text=True, check=True, env=blocked).stdout  # noqa: S603  # ours
    assert json.loads(greeting)["protocol"] == 1
    assert "Unable to import backend : none" in json.loads(greeting)["error"]


@pytest.mark.parametrize("lacking", ["calls", "parameter_count", "weight_shapes", "path"])
def test_an_answer_that_lacks_something_is_no_observation(lacking: str) -> None:
    """What it lacks is named."""
    said = {"calls": [], "parameter_count": 0, "weight_shapes": [], "path": ""}
    del said[lacking]
    with pytest.raises(AnswerError, match=f"does not follow the protocol: KeyError: '{lacking}'"):
        observation_of(Case.from_id(CASES[0]), Answer(fields=said, arrays={}))


def test_keras_1_is_asked_in_its_own_words() -> None:
    """Its arguments have other names, and `implementation` is consume_less."""
    asked = in_keras_1({"units": 3, "implementation": 1, "recurrent_activation": "sigmoid", "use_bias": True})
    assert asked == {"output_dim": 3, "consume_less": "mem", "inner_activation": "sigmoid"}


# --- a model file's LSTMs ------------------------------------------------------------------------------------------------------


def test_cell_of_another_class_is_not_recorded(answers: KerasAnswers, keras_adapter: KerasLayerAdapter) -> None:
    """A subclass may have equations of its own, whatever its name; Keras' own are known by being its classes."""
    layers = keras_adapter.keras.layers
    mine = type("LSTMCell", (layers.LSTMCell,), {})
    recorder = Recorder(answers.keras)
    assert [len(recorder.cells_of(layer)) for layer in (layers.LSTM(2), layers.RNN(layers.LSTMCell(2)))] == [1, 1]
    assert len(recorder.cells_of(layers.RNN([layers.LSTMCell(2), layers.LSTMCell(3)]))) == 2
    assert [recorder.cells_of(layer) for layer in (layers.RNN(mine(2)), layers.RNN([layers.LSTMCell(2), mine(2)]))] == [[], []]
    assert recorder.cells_of(layers.Dense(2)) == []
