"""The loop of protocol 1: a greeting, then one line for each question, until the input ends."""

import importlib
import json
import os
import platform
import re
import sys
import threading
import time
import traceback
from typing import Any, Callable, Dict

import numpy as np

from . import PROTOCOL
from .answers import KerasAnswers
from .cells import BlockLSTM, RNNCell
from .common import Arrays, Unsupported, in_one_line
from .keras import module_of_keras

SYSTEMS: Dict[str, Callable[[], Any]] = {
    "keras": lambda: KerasAnswers(module_of_keras()),
    "tf-keras": lambda: KerasAnswers("tf_keras"),
    "tensorflow": lambda: KerasAnswers("tensorflow.keras"),
    "basic-lstm-cell": lambda: RNNCell("basic-lstm-cell", "compat.v1.nn.rnn_cell.BasicLSTMCell"),
    "lstm-cell": lambda: RNNCell("lstm-cell", "compat.v1.nn.rnn_cell.LSTMCell"),
    "block-lstm": lambda: BlockLSTM("block-lstm", "raw_ops.BlockLSTM"),
    "block-lstm-v2": lambda: BlockLSTM("block-lstm-v2", "raw_ops.BlockLSTMV2"),
}


def is_of_worker(error: BaseException) -> bool:
    """Whether no code but this package's, Python's and NumPy's had part in raising it, so that it says nothing of the framework.

    An attribute or an argument that is not there is what the framework lacks, wherever that shows.
    """
    if isinstance(error, AttributeError) or (isinstance(error, TypeError) and re.search(r"\(\) (got|takes|missing) ", str(error))):
        return False
    return all(is_own(frame) for frame, _ in traceback.walk_tb(error.__traceback__))


def is_own(frame: Any) -> bool:
    """Whether it runs this package, NumPy, or Python's standard library."""
    name = frame.f_globals.get("__name__", "")
    if name.partition(".")[0] == "numpy" or name.rpartition(".")[0] == __package__:
        return True
    path = frame.f_code.co_filename
    installed = re.search("(site|dist)-packages", path)
    return path.startswith("<frozen ") or (path.startswith(os.path.dirname(os.__file__)) and not installed)


def answer_of(system: Any, question: Dict[str, Any], folder: str) -> Dict[str, Any]:
    """The answer to one question; its arrays are written beside those of the question."""
    try:
        arrays: Arrays = {}
        if question.get("arrays"):
            with np.load(os.path.join(folder, question["arrays"]), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        answer, returned = system.answer(question, arrays)
        written = "%s.answer.npz" % question["id"]
        unfinished = os.path.join(folder, "unfinished." + written)
        np.savez(unfinished, **returned)
        os.replace(unfinished, os.path.join(folder, written))
        return dict(answer, id=question["id"], arrays=written)
    except (Unsupported, NotImplementedError, ImportError) as error:
        reason = str(error) if isinstance(error, Unsupported) else in_one_line(error)
        return {"id": question["id"], "unsupported": reason}
    except Exception as error:
        raised = {"id": question["id"], "error": in_one_line(error), "traceback": traceback.format_exc()}
        return dict(raised, of_worker=True) if is_of_worker(error) else raised


def end_with_parent(process: int, lasting: bool) -> None:
    """What hangs must not outlive the process it works for; on Linux it ends though it keep all threads waiting, if `lasting`.

    Args:
        process: that one; 0 if it is not known.
        lasting: whether the thread that started this process lasts as long as its own.
    """
    parent = os.getppid()
    if lasting and sys.platform == "linux":
        importlib.import_module("ctypes").CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL

    def watch() -> None:
        while os.getppid() == parent and is_running(process):
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def is_running(process: int) -> bool:
    """Whether there may be such a process; 0 is none that is known, and Windows would end it for being tested so."""
    try:
        if process and os.name != "nt":
            os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        pass
    return True


def main(job: Dict[str, Any]) -> None:
    """Say hello, then one line per question, until the input ends."""
    end_with_parent(job.get("process", 0), job.get("lasting", False))
    # What a framework prints must not be taken for an answer.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        sys.path[0:0] = job["paths"]
        try:
            system = SYSTEMS[job["system"]]()
            hello = dict(system.hello(), numpy=np.__version__, python=platform.python_version())
            greeting = {"protocol": PROTOCOL, "hello": hello}
        except Exception as error:
            system, greeting = None, {"protocol": PROTOCOL, "error": in_one_line(error), "traceback": traceback.format_exc()}
        answers.write(json.dumps(greeting) + "\n")
        answers.flush()
        for line in sys.stdin if system is not None else ():
            answers.write(json.dumps(answer_of(system, json.loads(line), job["folder"])) + "\n")
            answers.flush()
