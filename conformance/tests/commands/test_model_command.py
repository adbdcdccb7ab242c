"""From a model file to a verdict: environments that are right, wrong, refuse to load, or differ from one another."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from conformance.cli import main
from conformance.environments.process import QuestionError, UnsupportedQuestionError, WorkerError
from conformance.judging.verdict import Result, Verdict
from conformance.known.known_differences import known_differences
from conformance.model_file.command import examine
from conformance.model_file.contents import contents_of
from conformance.model_file.errors import ModelFileError
from conformance.model_file.loading import exception_message, reason_and_remedy
from conformance.model_file.page import page_of
from conformance.model_file.report import ModelReport, as_dict
from conformance.model_file.text import page
from conformance.model_file.verification import Verification, known_cause, questions_of, verify
from conformance.report.document import show
from conformance.report.verbosity import Verbosity
from conformance.running.progress import Progress
from conformance.tests.support.doubles import Mistaken
from conformance.tests.support.model_files import (
    LoadsOneLSTM,
    Node,
    lstm_node,
    model_node,
    node,
    one_lstm,
    read,
    weights_of,
    write_h5,
    write_keras,
)
from lstm_ref import LSTMError, LSTMWeights


def printed_report(report: ModelReport, verbosity: Verbosity = Verbosity.NORMAL) -> str:
    """What the terminal shows."""
    console = Console(width=200, record=True)
    with console.capture() as printed:
        show(page(as_dict(report), verbosity), console)
    return printed.get()


def examined(path: Path, *environments: dict[str, Any]) -> ModelReport:
    """The report of environments that run the reference, or what they are told to."""
    known = {f"env{k}": environment for k, environment in enumerate(environments)}

    def make(spec: str) -> LoadsOneLSTM:
        return LoadsOneLSTM(**known[spec])

    return examine(path, list(known), make=make, read_file=contents_of)


def test_a_model_that_is_right_in_both(tmp_path: Path) -> None:
    """Every LSTM passes, its call passes, the predictions are equal."""
    report = examined(one_lstm(tmp_path / "model.keras"), {}, {})
    assert report.is_expected
    assert [one.verdict for each in report.environments for one in each.verifications] == [Verdict.PASS] * 2
    assert "predictions of both: bit for bit the same" in printed_report(report)


@pytest.mark.parametrize("verbosity", Verbosity)
def test_a_name_commands_no_terminal(verbosity: Verbosity, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A layer's name may hold anything; it colours nothing, rings nothing, and forges no line of the report or of its progress."""
    forged = "1 PASS of 1 LSTM in 1 environment: as expected"
    name = f"\x1b[32m\n{forged}\x07[bold]\r"
    path = one_lstm(tmp_path / "model.keras", name=name)
    with Progress({}, verbosity=verbosity) as progress:
        report = examine(
            path,
            ["wrong"],
            make=lambda _: LoadsOneLSTM(deviation="output_tanh_missing"),
            read_file=contents_of,
            expect=progress.expect,
            finished=progress.finished,
        )
    printed = printed_report(report, verbosity) + "".join(capsys.readouterr())
    assert [each for each in printed if not each.isprintable() and each != "\n"] == []
    assert forged not in [line.strip() for line in printed.splitlines()]
    assert "\ufffd[32m\ufffd1 PASS of" in printed


def test_an_environment_that_differs_is_explained(tmp_path: Path) -> None:
    """By the deviation, in the LSTM, in its call, and in the prediction."""
    report = examined(one_lstm(tmp_path / "model.keras"), {}, {"deviation": "output_tanh_missing"})
    right, wrong = report.environments
    assert (right.is_expected, wrong.is_expected, report.is_expected, report.agreement) == (True, False, False, Verdict.FAIL)
    assert wrong.verifications[0].explained_by[0] == "output_tanh_missing"
    assert wrong.prediction is not None
    assert wrong.prediction.calls[0].check.verdict is Verdict.FAIL
    assert "explained: it matches the reference if" in printed_report(report)


def test_two_mistakes_of_one_lstm_are_both_explained(tmp_path: Path) -> None:
    """One in the cases with a mask on the right, one in that with an initial state; one picture is drawn."""
    (lstm,) = read(one_lstm(tmp_path / "model.keras"))
    adapter = Mistaken((("mask", "right", "output_tanh_missing"), ("initial_state", True, "all_gates_ifoc")))
    verified = verify(lstm, 0, adapter, {"implementation": "mistaken"})
    assert set(verified.explained_by[:2]) == {"output_tanh_missing", "all_gates_ifoc"}
    assert [result.verdict for result in verified.results] == [Verdict.PASS, Verdict.PASS, Verdict.FAIL, Verdict.FAIL]
    assert sum(result.picture is not None for result in verified.results) == 1


@pytest.mark.parametrize(
    ("second", "lines"),
    [
        ({}, ["predictions of both", "2 PASS of 1 LSTM in 2 environments: as expected"]),
        (
            {"deviation": "output_tanh_missing"},
            [
                "TO: model/lstm: ",
                "TO: the model predicts",
                "predictions of both",
                "1 PASS, 1 FAIL of 1 LSTM in 2 environments: not as",
            ],
        ),
    ],
    ids=["right", "wrong"],
)
def test_quiet_report_has_what_is_not_as_expected(tmp_path: Path, second: dict[str, str | None], lines: list[str]) -> None:
    """No table, no versions; the last line is the verdict."""
    printed = printed_report(examined(one_lstm(tmp_path / "model.keras"), {}, second), Verbosity.QUIET).splitlines()
    printed = [line for line in printed if not line.startswith(" ")]
    assert [line.startswith(start) for line, start in zip(printed, lines, strict=True)] == [True] * len(lines), printed


def test_who_watches_is_told_of_each_lstm_and_of_the_model(tmp_path: Path) -> None:
    """Under the environment, as soon as it is known; how many there will be first."""
    file = io.StringIO()
    with Progress({}, unit="LSTMs", verbosity=Verbosity.VERBOSE, console=Console(file=file, width=200)) as progress:
        path = one_lstm(tmp_path / "model.keras")
        examine(
            path, ["env"], make=lambda _: LoadsOneLSTM(), read_file=contents_of, expect=progress.expect, finished=progress.finished
        )
    first, second, last = file.getvalue().splitlines()
    assert first.startswith("✓ PASS  model/lstm  ")
    assert second.startswith("✓ PASS  the whole model  ")
    assert last.startswith("2 of 2 LSTMs: IN finished; 2 PASS; ")


def test_the_other_hard_sigmoid_is_explained(tmp_path: Path) -> None:
    """A file of Keras 2 in an environment of Keras 3, whose function of that name is another."""
    inputs = node("InputLayer", "read", batch_shape=[None, 5, 3], dtype="float32")
    config = model_node(inputs, lstm_node(recurrent_activation="hard_sigmoid"))
    path = write_keras(tmp_path / "model.keras", config, {"layers/lstm/cell": weights_of()}, "2.15.0")
    (verification,) = examined(path, {}).environments[0].verifications
    assert verification.verdict is Verdict.FAIL
    assert verification.explained_by[0].startswith("it computes Keras 3's hard_sigmoid")


def test_a_file_that_does_not_load_is_a_finding(tmp_path: Path) -> None:
    """With what was raised, the reason and the mend; its LSTMs are verified."""
    refusal = "ValueError: Unrecognized keyword arguments passed to LSTM: {'time_major': False}"
    report = examined(one_lstm(tmp_path / "model.keras"), {"refusal": refusal})
    (environment,) = report.environments
    assert (environment.loaded, environment.is_expected, environment.verifications[0].verdict) == (False, False, Verdict.PASS)
    text = printed_report(report)
    assert refusal in text
    assert "reason: Keras 3's LSTM has no argument time_major" in text
    assert "mend: remove time_major" in text


def test_a_model_that_loads_and_raises_is_a_finding(tmp_path: Path) -> None:
    """It says so in one line."""
    report = examined(one_lstm(tmp_path / "model.keras"), {"failure": "InvalidArgumentError: no"})
    assert not report.is_expected
    assert "the model does not predict: InvalidArgumentError: no" in printed_report(report)


@pytest.mark.parametrize(
    ("failure", "failing", "own", "expected_text"),
    [
        (
            "no",
            QuestionError,
            False,
            ["does not predict: no", "its call raises on (3, 5, 3) of random numbers", "--inputs FILE.npz"],
        ),
        (
            "no",
            QuestionError,
            True,
            ["does not predict: no", "its call raises on (4, 5, 3) of ", "own.npy", "name it with --to SPEC"],
        ),
        ("no answer within 60 s", WorkerError, False, ["gave no answer: no answer within 60 s", "how far it came", "--time-limit"]),
        ("the process died (exit code -9)", WorkerError, False, ["gave no answer: the process died", "mend: run it again"]),
        ("no such thing", UnsupportedQuestionError, False, ["something that its call needs is not there", "mend: install it in"]),
    ],
    ids=["drawn", "own", "late", "died", "unsupported"],
)
def test_a_model_without_a_prediction_says_what_happened(
    tmp_path: Path, failure: str, failing: type[LSTMError], expected_text: list[str], *, own: bool
) -> None:
    """Nothing is blamed on the inputs that is not theirs, and no next step is one that was taken."""
    np.save(tmp_path / "own.npy", np.ones((4, 5, 3), np.float32))
    report = examine(
        one_lstm(tmp_path / "model.keras"),
        ["env"],
        tmp_path / "own.npy" if own else None,
        make=lambda _: LoadsOneLSTM(failure=failure, failing=failing),
        read_file=contents_of,
    )
    text = printed_report(report)
    assert [words for words in expected_text if words not in text] == []


def test_cause_that_is_a_known_difference_is_named() -> None:
    """One that the model's own LSTM has shown in its own cases; what raises otherwise is another cause."""
    entry = next(one for one in known_differences() if one.id == "list-of-one-cell-crashes")
    result = Result(case_id=entry.evidence, group="", verdict=Verdict.KNOWN_DIFFERENCE, known=entry.id)
    verifications = [Verification(path="model/rnn", results=(result,))]
    assert known_cause("IndexError: list index out of range", verifications, {}) == entry
    assert known_cause("OSError: No space left on device", verifications, {}) is None
    assert known_cause("IndexError: list index out of range", [], {}) is None


def test_the_step_that_a_known_cause_offers_works() -> None:
    """It prints a script."""
    result = CliRunner().invoke(main, ["reproduce", "list-of-one-cell-crashes"], catch_exceptions=False)
    assert (result.exit_code, "import keras" in result.stdout) == (0, True)


def test_stack_of_one_cell_is_asked_as_one(tmp_path: Path) -> None:
    """Keras runs it otherwise than the cell by itself, and the suite knows how."""
    cells = node("StackedRNNCells", "cells", cells=[node("LSTMCell", units=2, dtype="float32")])
    config = model_node(node("InputLayer", "read", batch_shape=[None, 5, 3]), node("RNN", "rnn", cell=cells))
    (lstm,) = read(write_keras(tmp_path / "model.keras", config, {"layers/rnn/cell/cells/lstm_cell": weights_of()}))
    assert {case.execution.layer for case, _ in questions_of(lstm, 0)} == {"rnnlist"}


def test_known_difference_of_released_keras_is_no_failure(tmp_path: Path) -> None:
    """The cases beside the layer's own ask for masks, which an unrolled loop of Keras is known to get wrong."""
    path = one_lstm(tmp_path / "model.keras", unroll=True, zero_output_for_mask=True, return_sequences=True)
    (lstm,) = read(path)
    keras = {"keras": "3.15.1", "backend": "numpy", "implementation": "keras.layers.LSTM"}
    adapter = LoadsOneLSTM(deviation="zero_output_ignored")
    assert verify(lstm, 0, adapter, keras).verdict is Verdict.KNOWN_DIFFERENCE
    assert "unrolled-loop-misplaces-zero-outputs: " in verify(lstm, 0, adapter, keras).message
    assert verify(lstm, 0, adapter, {**keras, "backend": "torch"}).verdict is Verdict.FAIL


def test_nan_weights_fail_without_being_run(tmp_path: Path) -> None:
    """The report names the first."""
    arrays = {name: array.copy() for name, array in weights_of().arrays.items()}
    arrays["bias"][2] = np.nan
    report = examined(one_lstm(tmp_path / "model.keras", LSTMWeights(**arrays)), {})
    assert (report.is_expected, report.environments[0].verifications[0].verdict) == (False, Verdict.FAIL)
    assert "model/lstm: bias[2] is NaN" in printed_report(report)


def test_a_model_with_code_is_not_loaded(tmp_path: Path) -> None:
    """Its LSTM is verified all the same."""
    inputs = node("InputLayer", "read", batch_shape=[None, 5, 3], dtype="float32")
    config = model_node(inputs, node("Lambda", "code", function="…"), lstm_node())
    report = examined(write_keras(tmp_path / "model.keras", config, {"layers/lstm/cell": weights_of()}), {"failure": "loaded"})
    assert report.is_expected
    assert (
        "the file was loaded nowhere, so the whole model was not run: a Lambda layer runs Python code of the user's own"
        in printed_report(report)
    )


def test_a_report_is_json(tmp_path: Path) -> None:
    """With each LSTM's verdict in each environment."""
    held = json.loads(json.dumps(as_dict(examined(one_lstm(tmp_path / "model.keras"), {})), allow_nan=False))
    assert page_of(held).entries == []
    assert held["environments"][0]["lstms"][0]["verdict"] == "PASS"
    assert held["lstms"][0]["path"] == "model/lstm"


@pytest.mark.parametrize(
    ("environment", "outcome", "cell"),
    [
        ({"moved": 0.5}, "IN: 1 of 1 recorded calls differ", "FAIL"),
        ({"eager": 0.5}, "IN: an eager call differs from what the model predicts", "PASS"),
        ({"refusal": "ValueError: no"}, "IN: the model does not load", "PASS"),
        ({"failure": "ValueError: no"}, "IN: the model does not predict", "PASS"),
    ],
)
def test_page_says_what_is_not_as_expected(environment: dict[str, Any], outcome: str, cell: str, tmp_path: Path) -> None:
    """Though each LSTM by itself is right: above all else, and in the LSTM's field as the terminal has it."""
    page = page_of(json.loads(json.dumps(as_dict(examined(one_lstm(tmp_path / "model.keras"), environment)))))
    assert (page.outcome.text, page.heading) == (outcome, "Results")
    assert [mark and mark.verdict for mark in page.grids[0].rows[0][1]] == [cell]


def test_page_says_that_predictions_differ(tmp_path: Path) -> None:
    """Of two environments, after what differs in each."""
    report = examined(one_lstm(tmp_path / "model.keras"), {}, {"deviation": "output_tanh_missing"})
    expected_text = "TO: 1 of 1 LSTMs differ; TO: 1 of 1 recorded calls differ; the predictions of both differ"
    assert page_of(as_dict(report)).outcome.text == expected_text


def test_page_does_not_speak_for_what_was_not_verified(tmp_path: Path) -> None:
    """An LSTM whose activation is the user's own, beside one that is right."""
    inputs = node("InputLayer", "read", batch_shape=[None, 5, 3], dtype="float32")
    lstms = lstm_node("a", return_sequences=True), lstm_node("b", activation="mine")
    stored = {"layers/lstm/cell": weights_of(), "layers/lstm_1/cell": weights_of(2, 2)}
    config = model_node(inputs, *lstms, node("Lambda", "code", function="…"))
    page = page_of(as_dict(examined(write_keras(tmp_path / "model.keras", config, stored), {})))
    assert page.outcome.text == "Every LSTM that can be verified is one of Keras', with its own weights"


def test_a_model_without_an_lstm_is_refused(tmp_path: Path) -> None:
    """Nothing to verify is no success."""
    path = write_keras(tmp_path / "model.keras", model_node(node("Dense", "dense")), {})
    with pytest.raises(ModelFileError, match="has no LSTM"):
        examined(path, {})


def test_nothing_verified_is_no_success(tmp_path: Path) -> None:
    """An LSTM whose activation is the user's own."""
    assert not examined(one_lstm(tmp_path / "model.keras", activation="mine"), {}).is_expected


def test_the_command_line_refuses_in_one_line(tmp_path: Path) -> None:
    """Exit code 2, and no traceback."""
    result = CliRunner().invoke(main, ["model", str(tmp_path / "none.keras")], catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1


# --- stimuli ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [2.0**-12, 1.0, 2.0**12])
def test_inputs_suit_the_weights(tmp_path: Path, scale: float) -> None:
    """The kernel's product with them is of the size of 1, as far as 2^8 goes."""
    weights = weights_of()
    scaled = LSTMWeights(scale * weights.kernel, weights.recurrent_kernel, weights.bias)
    (lstm,) = read(one_lstm(tmp_path / "model.keras", scaled))
    case, stimulus = next(questions_of(lstm, 0))
    size = float(np.abs(stimulus.inputs @ stimulus.weights_of(case)[0].kernel).mean())
    assert 2.0**-6 < size < 2.0**7


def test_half_of_a_bidirectional_is_asked_by_its_own_arguments(tmp_path: Path) -> None:
    """What its Bidirectional sets in it, an early Keras has no argument for."""
    inputs = node("InputLayer", "read", batch_shape=[None, 5, 3], dtype="float32")
    both = node("Bidirectional", "both", layer=lstm_node("ahead", return_sequences=True))
    stored = {f"layers/bidirectional/{half}_layer/cell": weights_of() for half in ("forward", "backward")}
    lstms = read(write_keras(tmp_path / "model.keras", model_node(inputs, both), stored))
    assert [lstm.layer.config is not None and lstm.layer.config.zero_output_for_mask for lstm in lstms] == [True, True]
    configs = [case.config for lstm in lstms for case, _ in questions_of(lstm, 0)]
    assert {config.zero_output_for_mask for config in configs} == {False}


def test_each_layer_is_asked_in_several_ways(tmp_path: Path) -> None:
    """As it is configured, with all that it can return, masked, from a state."""
    (lstm,) = read(one_lstm(tmp_path / "model.keras", go_backwards=True, unroll=True))
    ids = [case.id for case, _ in questions_of(lstm, 4)]
    assert ids == [
        "u2-d3-t9-b3-nostate-back-unroll-s4",
        "u2-d3-t9-b3-seq-back-unroll-s4",
        "u2-d3-t9-b3-seq-back-mask_right-unroll-s4",
        "u2-d3-t9-b3-seq-back-mask_interior-init-unroll-s4",
    ]


# --- loading ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("… Unrecognized keyword arguments: ['batch_shape']", "Keras 2's InputLayer"),
        (
            "Could not locate class 'Functional'. Make sure … @keras.saving.register_keras_serializable()",
            "modules of different names",
        ),
        ("Could not deserialize class 'Functional' because its parent module", "modules of different names"),
        ("Could not interpret initializer identifier: {'module': 'keras.initializers', 'class_name': 'Orthogonal'", "Orthogonal"),
        ("TypeError: Could not locate class 'LSTM'. Make sure custom classes", "Keras 3 does not find LSTM without"),
        ("Layer 'lstm_cell' expected 3 variables, but received 0 variables during loading", "a Bidirectional was made from"),
        (
            "Unrecognized keyword arguments passed to Dense: {'quantization_config': None}",
            "the Keras that wrote the file has an argument quantization_config",
        ),
        ("Unrecognized keyword arguments passed to LSTM: {'peephole': True}", "Keras' LSTM has no argument peephole"),
        ("got an unexpected keyword argument 'unroll'", "LSTM has no argument unroll"),
        ("Unknown layer: 'Attention2'. Please ensure", "this Keras has no layer Attention2, which the file names"),
        ("Unknown activation function: mine", "this Keras has no activation function mine, which the file names"),
        ("Could not interpret activation function identifier: x", "an activation that this Keras has not"),
        ('Layer "lstm_2" expects 1 input(s), but it received 3 input tensors.', "does not read those of lstm_2 there"),
        ("expected ndim=3, found ndim=4. Full shape received: (None, None, 7, 3)", "for a shape without the batch"),
        ("something else", "it is none of the causes that are known here; the file was written by Keras 3.15.1"),
    ],
)
def test_a_reason_for_what_keras_raised(tmp_path: Path, message: str, reason: str) -> None:
    """From the message, else from the arguments that this Keras has and the message names; nothing else is blamed."""
    inputs = node("InputLayer", "read", batch_shape=[None, 5, 3], dtype="float32")
    both = node("Bidirectional", "both", layer=lstm_node(unroll=False))
    file = contents_of(write_keras(tmp_path / "model.keras", model_node(inputs, both), {}))
    assert reason in reason_and_remedy(message, file, LoadsOneLSTM().describe(), {"keras": "3.5.0"})[0]


def test_a_cause_is_blamed_on_a_class_that_the_file_has(tmp_path: Path) -> None:
    """Weights are missing for other reasons where there is no Bidirectional."""
    message = "Layer 'lstm_cell' expected 3 variables, but received 0 variables during loading"
    reason, _ = reason_and_remedy(message, contents_of(one_lstm(tmp_path / "model.keras")), {}, {"keras": "3.5.0"})
    assert reason.startswith("it is none of the causes that are known here")


@pytest.mark.parametrize(
    ("version", "here", "mend"),
    [
        ("3.15.1", "3.15.1", "build the model in its own code in this version"),
        ("", "3.15.1", "build the model in its own code in this version"),
        ("3.5.0", "3.15.1", "model.keras --from keras==3.5.0"),
        ("2.21.0", "3.15.1", "model.keras --from tf-keras==2.21.0"),
        ("2.10.0", "3.15.1", "build the model in its own code in this version"),
    ],
)
def test_unknown_cause_has_a_next_step_that_there_is(tmp_path: Path, version: str, here: str, mend: str) -> None:
    """The version that wrote the file, where it is another and there is an environment of it."""
    inputs = node("InputLayer", "read", batch_shape=[None, 5, 3], dtype="float32")
    path = write_keras(tmp_path / "model.keras", model_node(inputs, lstm_node()), {"layers/lstm/cell": weights_of()}, version)
    assert mend in reason_and_remedy("something else", contents_of(path), {}, {"keras": here})[1]


@pytest.mark.parametrize(
    ("name", "message", "mend"),
    [
        ("model.h5", "OSError: Unable to synchronously open file (file signature not found)", "copy it to model.keras"),
        ("model.bin", "ValueError: File format not supported: filepath=model.bin", "copy it to model.keras"),
        ("model", "ValueError: File format not supported: filepath=model", "copy it to model.keras"),
    ],
)
def test_file_under_another_kinds_name_is_called_so(tmp_path: Path, name: str, message: str, mend: str) -> None:
    """Keras 3 opens by the suffix, and the suite by the content."""
    reason, step = reason_and_remedy(message, contents_of(one_lstm(tmp_path / name)), {}, {"keras": "3.15.1"})
    assert reason.startswith("it holds a .keras archive and its name ")
    assert step == mend


def test_hdf5_under_the_name_of_an_archive_is_called_so(tmp_path: Path) -> None:
    """As Keras 2 saves whatever the suffix."""
    arrays = {f"cell/{name}": array for name, array in weights_of().arrays.items()}
    path = write_h5(tmp_path / "model.keras", model_node(lstm_node()), {"lstm": arrays})
    message = "ValueError: File not found: filepath=model.keras. Please ensure the file is an accessible `.keras` zip file."
    advice = reason_and_remedy(message, contents_of(path), {}, {"keras": "3.15.1"})
    assert advice == ("it holds HDF5 and its name ends in .keras: this Keras goes by the name", "copy it to model.h5")


def test_a_message_is_quoted_without_the_configuration() -> None:
    """Keras quotes all of it."""
    long = "TypeError: Error when deserializing class 'InputLayer' using config={'a': 1}. Exception encountered: no 'b'"
    assert exception_message(long) == "no 'b'"
    assert len(exception_message("x" * 1000)) < 310


# --- safety ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (node("Lambda", "code"), "a Lambda layer runs Python code"),
        (node("TorchModuleWrapper", "torch"), "not among the classes"),
        (node("TFSMLayer", "saved", filepath="/elsewhere"), "not among the classes"),
        (node("TFOpLambda", "op", function="io.write_file"), "not among the classes"),
        (node("Dense", "dense", module="os"), "none of Keras' own"),
        ({**node("Dense", "dense"), "registered_name": "my>Dense"}, "the class 'my>Dense' is none of Keras' own"),
        ({**node("Dense", "dense"), "module": None}, "the class 'Dense (module null)' is none of Keras' own"),
        (lstm_node(activation={"value": ["4wEAAAA=", None, None]}), "the Python bytecode of a lambda"),
        (node("StringLookup", "words", vocabulary="/etc/passwd"), "reads its vocabulary from another file"),
        (
            node("Activation", "a", activation={"module": "builtins", "class_name": "function", "config": "eval"}),
            "of the function 'eval' the file has the name alone",
        ),
        (
            node("Activation", "a", activation={"module": "builtins", "class_name": "function", "config": "gelu_tanh"}),
            "of the function 'gelu_tanh' the file has the name alone, and none of Keras' activations has it",
        ),
        ({"class_name": "__lambda__", "config": {"value": "…"}}, "Python bytecode"),
    ],
)
def test_what_may_do_more_than_compute_is_not_loaded(tmp_path: Path, layer: Node, reason: str) -> None:
    """Wherever in the configuration it stands."""
    config = model_node(model_node(layer, name="inner"), lstm_node())
    (found,) = contents_of(write_keras(tmp_path / "model.keras", config, {"layers/lstm/cell": weights_of()})).not_loadable
    assert reason in found


def test_what_computes_is_loaded(tmp_path: Path) -> None:
    """Lookups with their words in the file, too."""
    config = model_node(node("StringLookup", "words", vocabulary=["a"]), lstm_node(), compile_config={"class_name": "Mine"})
    assert contents_of(write_keras(tmp_path / "model.keras", config, {})).not_loadable == ()
