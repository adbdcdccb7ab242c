"""The loop of protocol 1: a greeting, then one line for each question, until the input ends."""

import functools
import importlib
import json
import os
import platform
import sys
import threading
import time
import traceback
from typing import Any, Dict, Tuple

from . import PROTOCOL
from .common import exception_line
from .packages import installed_backends, missing_packages


def exit_with_parent(process: int, lasting: bool) -> None:
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


def start(job: Dict[str, Any]) -> Tuple[Dict[str, Any], Any]:
    """The greeting, and the function that answers a question; None where the system cannot run."""
    try:
        # NumPy comes with a framework: where it cannot be imported, the greeting says so.
        questions, numpy = (importlib.import_module(name, __package__) for name in (".questions", "numpy"))
        system = questions.SYSTEMS[job["system"]]()
        hello = dict(system.hello(), numpy=numpy.__version__, python=platform.python_version())
        return {"protocol": PROTOCOL, "hello": hello}, functools.partial(questions.answer_of, system, job["folder"])
    except Exception as error:
        greeting: Dict[str, Any] = {"protocol": PROTOCOL, "error": exception_line(error), "traceback": traceback.format_exc()}
        if isinstance(error, ImportError):
            greeting.update(missing=missing_packages(job["system"], error), backends=installed_backends())
        return greeting, None


def main(job: Dict[str, Any]) -> None:
    """Say hello, then one line per question, until the input ends."""
    exit_with_parent(job.get("process", 0), job.get("lasting", False))
    # What a framework prints must not be taken for an answer.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        sys.path[0:0] = job["paths"]
        greeting, answer = start(job)
        answers.write(json.dumps(greeting) + "\n")
        answers.flush()
        for line in sys.stdin if answer is not None else ():
            answers.write(json.dumps(answer(json.loads(line))) + "\n")
            answers.flush()
