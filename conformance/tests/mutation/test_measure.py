"""What a mutant's process sends: its end is told from silence; a study of real mutants, from the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.mutation import measure
from conformance.mutation.study import read_study

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a mutant's process is forked, which Windows cannot")

Send = Callable[[Any], None]


def never_ends(send: Send) -> None:
    """A loop."""
    measure._limit_cpu()
    send("begun")
    while True:
        pass


def dies(send: Send) -> None:
    """As by a fault in a framework's own code."""
    send("begun")
    os._exit(3)


def raises(send: Send) -> None:
    """What Python can say."""
    send("begun")
    raise ValueError("no")


def waits(send: Send) -> None:
    """For ever, without a use of the processor."""
    send("begun")
    sys.stdin = open(os.pipe()[0], encoding="utf-8")  # noqa: SIM115, PTH123  # nobody writes to it
    sys.stdin.read()


@pytest.mark.parametrize(
    ("function", "reason", "is_silent"),
    [
        (never_ends, "the process died", False),
        (dies, "the process died", False),
        (raises, "ValueError: no", False),
        (waits, "no message for 0.5 s", True),
    ],
)
def test_end_of_a_process_is_told(
    function: Callable[[Send], None], reason: str, is_silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After what it has sent. Only silence says nothing about the mutant: the machine may be busy."""
    monkeypatch.setattr(measure, "CPU_SECONDS", 0.1)
    monkeypatch.setattr(measure, "SILENCE", 0.5 if is_silent else 60.0)
    begun, ended = measure._messages(function)
    assert (begun, ended.reason, ended.is_silent) == ("begun", reason, is_silent)


STATEFUL = "u3-d2-t5-b4-seq-stateful-staticbatch-s0"


# One that the case shows, one of something else.
MISTAKES = """
[[mistake]]
id = "states-stored-exchanged"
file = "layers.rnn.rnn"
old = "tree.flatten(self.states), tree.flatten(states)\\n"
new = "tree.flatten(self.states), tree.flatten(states)[::-1]\\n"

[[mistake]]
id = "reset-of-no-half"
file = "layers.rnn.bidirectional"
old = "self.forward_layer.reset_state()"
new = "pass"
"""


def study(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Of two mistakes, by one case on TensorFlow."""
    mistakes = file.with_suffix(".toml")
    mistakes.write_text(MISTAKES)
    chosen = ("--backend", "tensorflow", "--case", STATEFUL, "--most", "0", "--mistakes", str(mistakes), "--json", str(file))
    command = [sys.executable, "-m", "conformance.mutation", "run", *chosen, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own interpreter


def test_a_study_tells_what_rejects_a_mutant_and_what_survives(tmp_path: Path) -> None:
    """By a real Keras: the exit code is that of the score; a study goes on where it ended, and one of another plan is refused."""
    file = tmp_path / "study.json"
    assert study(file, "--least", "60").returncode == 1
    assert {row.id.rpartition(":")[2]: row.rejected_by for row in read_study(file).rows} == {
        "states-stored-exchanged": [STATEFUL],
        "reset-of-no-half": [],
    }
    again = study(file, "--least", "50")
    assert (again.returncode, "reject it" in again.stdout) == (0, False)
    other = study(file, "--enough", "2")
    assert (other.returncode, "is of another study" in other.stderr) == (1, True)
