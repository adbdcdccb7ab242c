"""What a shell completes, asked as it asks: the words before, and the one that is begun."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete, get_completion_class

from conformance.cli import COMMANDS, main
from conformance.known.known_differences import known_differences


def completed(*words: str) -> list[str]:
    """What the last of the words may become."""
    *before, begun = words
    shell = ShellComplete(main, {}, "lstm-conformance", "_LSTM_CONFORMANCE_COMPLETE")
    return [item.value for item in shell.get_completions(before, begun)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("verify", "--case", "u1-d1-t1-b32-se"), ["u1-d1-t1-b32-seq-s0", "u1-d1-t1-b32-seq-stateful-s0"]),
        (("list", "--seed", "7", "--case", "u2-d5-t10-b32-seq-s7"), ["u2-d5-t10-b32-seq-s7"]),
        (("verify", "--level", "quick", "--case", "u3-d2-t5-b4-seq-ba"), ["u3-d2-t5-b4-seq-back-s0"]),
        (("explain", "u128-d64-t150-b32-s0"), ["u128-d64-t150-b32-s0"]),
        (("verify", "--level", ""), ["quick", "features", "standard", "deep"]),
        (("verify", "--backend", "t"), ["tensorflow", "torch"]),
        (("verify", "--deviation", "two_b"), ["two_biases"]),
        (("verify", "--environment", "keras==3.1."), ["keras==3.1.1"]),
        (("verify", "--environment", "block"), ["block-lstm", "block-lstm-v2"]),
        (("model", "file.keras", "--to", "keras==3.5.0 --backend j"), ["keras==3.5.0 --backend jax"]),
        (("upgrade", "inst"), ["installed"]),
        (("upgrade", "installed", "reference:two_b"), ["reference:two_biases"]),
        (("upgrade", "ref"), ["reference"]),
        (("history", "--versions", "3.0.5,3.15"), ["3.0.5,3.15.1"]),
        (("history", "--versions", "3.15.1,3.15"), []),
        (("record", "tf-k"), ["tf-keras==2.21.0"]),
        (("claims", "two-"), ["two-units-double"]),
        (("claims", "two-units-double", "tw"), ["twelve-parameters"]),
        (("reproduce", known_differences()[0].id), [known_differences()[0].id]),
        (("verify", "--verb"), ["--verbose"]),
        (("", ), list(COMMANDS)),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_begun_is_completed(words: tuple[str, ...], expected: list[str]) -> None:
    """By what there is at that place, in its order."""
    assert sorted(completed(*words)) == sorted(expected)


@pytest.mark.parametrize("begun", ["./venv/", "/usr/bin/py", "~/"])
def test_paths_are_completed_by_the_shell(begun: str) -> None:
    """An environment may be an interpreter, which only the shell finds."""
    shell = ShellComplete(main, {}, "lstm-conformance", "_LSTM_CONFORMANCE_COMPLETE")
    assert [item.type for item in shell.get_completions(["verify", "--environment"], begun)] == ["file"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_is_told_how_to_ask(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script that a shell reads at its start."""
    made = get_completion_class(shell)
    assert made is not None
    monkeypatch.setattr("click.shell_completion.BashComplete._check_version", lambda *_: None)  # bash may be another, or none
    script = made(main, {}, "lstm-conformance", "_LSTM_CONFORMANCE_COMPLETE").source()
    assert f"_LSTM_CONFORMANCE_COMPLETE={shell}_complete" in script


def test_no_framework_is_loaded_to_complete() -> None:
    """A shell asks at each press of a key."""
    made = "import sys; from click.shell_completion import ShellComplete; from conformance.cli import main"
    completions = "ShellComplete(main, {}, 'lstm-conformance', '').get_completions(['verify', '--case'], 'u1-')"
    loaded = "print(*(set(sys.modules) & {'keras', 'tensorflow', 'jax', 'torch', 'h5py', 'hypothesis'}))"
    code = f"{made}; {completions}; {loaded}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own interpreter
    assert ran.stdout == "\n"
