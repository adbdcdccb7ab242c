"""A worker's process: answers come back whole, and whatever else happens is one clear error and a new process."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from conformance.environments.process import (
    QuestionError,
    UnsupportedQuestionError,
    Worker,
    WorkerDiedError,
    WorkerError,
    worker_variables,
)
from conformance.system.infrastructure import is_external_signal

# A program that follows the protocol, but for what a question asks it to do.
PROGRAM = """
import json, os, sys, time
import numpy as np
job = json.loads(sys.argv[1])
print("a greeting", file=sys.stderr)
print(json.dumps({"protocol": 1, "hello": {"implementation": job["system"], "home": os.environ["HOME"]}}), flush=True)
for line in sys.stdin:
    question = json.loads(line)
    name, ask = "%d.answer.npz" % question["id"], question["ask"]
    if ask == "die":
        print("what it said last", file=sys.stderr, flush=True)
        os.kill(os.getpid(), question.get("signal", 0))
        os._exit(3)
    if ask == "hang":
        time.sleep(60)
    if ask == "chatter":
        print("I am thinking", flush=True)
        continue
    given = dict(np.load(os.path.join(job["folder"], question["arrays"]))) if "arrays" in question else {}
    np.savez(os.path.join(job["folder"], name), **{key: 2 * array for key, array in given.items()})
    said = {"lost": {"arrays": "../lost.npz"}, "no": {"unsupported": "no such thing"}}
    said["raise"] = {"error": "ValueError: no", "traceback": "Traceback …"}
    said["err"] = {"error": "IndexError: no axis", "of_worker": True}
    print(json.dumps({"id": question["id"], **said.get(ask, {"arrays": name, "folder": job["folder"]})}), flush=True)
"""


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """One that is asked for strange things."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    return Worker(command=[sys.executable, "-s", str(program)], system="double", time_limit=10)


def test_arrays_go_there_and_come_back(worker: Worker) -> None:
    """Of any dtype and shape, and nothing is left in the folder afterwards."""
    given = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([True, False]), "c": np.zeros((0, 2), np.int32)}
    answer = worker.request("double", given)
    assert {name: array.tolist() for name, array in answer.arrays.items()} == {
        name: (2 * array).tolist() for name, array in given.items()
    }
    assert [path.name for path in Path(answer.fields["folder"]).iterdir()] == ["stderr"]


def test_a_worker_lives_in_a_home_of_its_own(worker: Worker) -> None:
    """No settings of the user reach it, and it leaves none."""
    assert worker.hello()["home"] != os.environ.get("HOME")


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        ("die", WorkerDiedError, r"the process died \(exit code 3\) while it answered; a greeting; what it said last"),
        ("hang", WorkerError, r"no answer within 0.5 s while it answered: the process was ended"),
        ("chatter", WorkerError, "a line that is no answer"),
        ("lost", WorkerError, "arrays cannot be read"),
        ("no", UnsupportedQuestionError, "no such thing"),
        ("raise", QuestionError, "ValueError: no"),
        ("err", QuestionError, "IndexError: no axis"),
    ],
)
def test_what_goes_wrong_is_told_and_the_next_question_answered(
    worker: Worker, ask: str, error: type[Exception], said: str
) -> None:
    """By another process where the first has ended."""
    worker.hello()
    worker.time_limit = 0.5 if ask == "hang" else 10
    with pytest.raises(error, match=said):
        worker.request(ask)
    worker.time_limit = 10
    assert worker.request("double", {"a": np.ones(2)}).arrays["a"].tolist() == [2, 2]


def test_a_question_that_raised_keeps_its_traceback(worker: Worker) -> None:
    """For whoever mends it."""
    with pytest.raises(QuestionError) as caught:
        worker.request("raise")
    assert caught.value.traceback == "Traceback …"
    assert not caught.value.of_worker


def test_a_workers_own_mistake_is_known_as_such(worker: Worker) -> None:
    """It says nothing of the implementation."""
    with pytest.raises(QuestionError) as caught:
        worker.request("err")
    assert caught.value.of_worker


def test_a_worker_whose_folder_has_vanished_is_replaced(worker: Worker) -> None:
    """Whoever cleans the temporary folder takes a question from it, and no more."""
    shutil.rmtree(Path(worker.request("double").fields["folder"]))
    with pytest.raises(WorkerError, match="could not be written"):
        worker.request("double", {"a": np.ones(2)})
    assert worker.request("double", {"a": np.ones(2)}).arrays["a"].tolist() == [2, 2]


def test_no_temporary_folder_is_an_error_of_the_machine(worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the place that is missing."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "removed"))
    with pytest.raises(WorkerError, match=r"removed.* could not be made: No such file or directory"):
        worker.request("double", {"a": np.ones(2)})


# Signals that end a process, and whether they come from outside; Windows has no SIGKILL.
DEATHS = [(signal.SIGSEGV, False)]
if sys.platform != "win32":
    DEATHS.append((signal.SIGKILL, True))


@pytest.mark.parametrize(("killed_by", "from_outside"), DEATHS)
def test_a_death_says_by_which_signal(worker: Worker, killed_by: signal.Signals, from_outside: bool) -> None:
    """One that a crash does not send has come from outside."""
    worker.hello()
    with pytest.raises(WorkerDiedError, match=killed_by.name) as caught:
        worker.request("die", signal=int(killed_by))
    assert is_external_signal(caught.value.exit_code) is from_outside


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        ('{"protocol": 2, "hello": {}}', "speaks protocol 2, expected 1"),
        ('{"protocol": 1, "error": "ModuleNotFoundError: No module named keras"}', "cannot be imported: ModuleNotFoundError"),
        ("welcome", "a line that is no answer"),
        ("", "the process died"),
    ],
)
def test_a_program_that_is_no_worker_is_refused(greeting: str, said: str) -> None:
    """Before anything is asked."""
    worker = Worker(command=[sys.executable, "-c", f"if {bool(greeting)}: print({greeting!r})"], system="none")
    with pytest.raises(WorkerError, match=said):
        worker.hello()


def test_what_python_or_a_framework_reads_is_kept_from_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run does not depend on the user's settings."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("KEPT", "yes")
    variables = worker_variables(tmp_path)
    assert (variables["KEPT"], variables["HOME"]) == ("yes", str(tmp_path))
    assert not {"KERAS_BACKEND", "PYTHONPATH"} & variables.keys()


def test_stopping_ends_the_process(worker: Worker) -> None:
    """And takes its folder away."""
    folder = Path(worker.request("double").fields["folder"])
    worker.stop()
    assert not folder.exists()
    assert worker.hello()["implementation"] == "double"
