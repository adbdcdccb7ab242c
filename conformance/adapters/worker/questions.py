"""The systems that the worker knows, and the answer to a question about one of them."""

import os
import re
import traceback
from typing import Any, Callable, Dict

import numpy as np

from .answers import KerasAnswers
from .cells import BlockLSTM, RNNCell
from .common import Arrays, Unsupported, exception_line
from .packages import module_of_keras

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


def answer_of(system: Any, folder: str, question: Dict[str, Any]) -> Dict[str, Any]:
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
        reason = str(error) if isinstance(error, Unsupported) else exception_line(error)
        return {"id": question["id"], "unsupported": reason}
    except Exception as error:
        raised = {"id": question["id"], "error": exception_line(error), "traceback": traceback.format_exc()}
        return dict(raised, of_worker=True) if is_of_worker(error) else raised
