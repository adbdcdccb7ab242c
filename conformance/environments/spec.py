"""Parses the spec of an environment: a system, its version and a backend; or the path of an existing interpreter.

>>> parse("keras==3.15.1 --backend jax")
Spec(system='keras', version='3.15.1', backend='jax', interpreter=None)
>>> str(parse("  tf-keras == 2.21.0 "))
'tf-keras==2.21.0'
>>> parse("kears==3.15.1")
Traceback (most recent call last):
    ...
conformance.environments.spec.EnvironmentSpecError: kears is no system; did you mean keras? An environment is written as ...
"""

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from packaging.version import InvalidVersion, Version

from lstm_ref import LSTMError

# Systems with versions, each with an example.
VERSIONED = {"keras": "3.15.1", "tf-keras": "2.21.0", "tensorflow": "2.15.1"}
CELLS = ("basic-lstm-cell", "lstm-cell", "block-lstm", "block-lstm-v2")
INSTALLED = "installed"
INTERPRETER = "interpreter"
BACKENDS = ("tensorflow", "jax", "torch", "openvino", "numpy", "theano")

_SYNTAX = (
    f"An environment is written as {', '.join(f'{system}=={version}' for system, version in VERSIONED.items())}, "
    f"{', '.join(CELLS)}, {INSTALLED} or the path of an interpreter; `--backend NAME` may follow"
)
_BACKEND = re.compile(r"\s+--backend(?:\s+|=)(?P<name>\S+)$")
_PARTS = re.compile(r"(?P<system>[\w.-]+)\s*(?P<relation>[=<>!~]*)\s*(?P<version>.*)")


class EnvironmentSpecError(LSTMError):
    """The text names no environment. The message states what was read and what is expected."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The spec of an environment.

    Attributes:
        system: whose LSTM runs in it.
        version: of the system; "" for a system without versions.
        backend: of Keras; "" for the recipe's default.
        interpreter: of the system "interpreter", else None.
    """

    system: str
    version: str = ""
    backend: str = ""
    interpreter: Path | None = None

    def __post_init__(self) -> None:
        systems = (*VERSIONED, *CELLS, INSTALLED, INTERPRETER)
        if self.system not in systems:
            raise EnvironmentSpecError(f"{self.system} is no system{_suggestion(self.system, systems[:-1])} {_SYNTAX}")
        if (self.system == INTERPRETER) != (self.interpreter is not None):
            raise EnvironmentSpecError(
                f"the system {INTERPRETER} has an interpreter, no other has; got {self.system} with {self.interpreter}"
            )
        if self.backend not in ("", *BACKENDS):
            raise EnvironmentSpecError(
                f"{self.backend} is no backend{_suggestion(self.backend, BACKENDS)} There are {', '.join(BACKENDS)}"
            )
        _check_version(self.system, self.version)

    def __str__(self) -> str:
        system = str(self.interpreter or self.system) + (f"=={self.version}" if self.version else "")
        return system + (f" --backend {self.backend}" if self.backend else "")


def parse(text: str) -> Spec:
    """Parse the text of a spec.

    Raises:
        EnvironmentSpecError: the text names no environment.
    """
    text = text.strip()
    option = _BACKEND.search(text)
    backend = option["name"] if option else ""
    head = text[: option.start()] if option else text
    if " --" in f" {head}":
        raise EnvironmentSpecError(f"{text} cannot be read: `--backend NAME` is the only option. {_SYNTAX}")
    if "/" in head or os.sep in head:
        try:
            # Without the space that a slash at the end has kept from `strip`: a specification is read as it is written.
            interpreter = Path(str(Path(head).expanduser().absolute()).rstrip())
        except RuntimeError as error:
            raise EnvironmentSpecError(f"{head} names the home of a user who is not here: write the whole path") from error
        return Spec(system=INTERPRETER, interpreter=interpreter, backend=backend)
    parts = _PARTS.fullmatch(head)
    if parts is None:
        raise EnvironmentSpecError(f"{head or 'An empty text'} names no environment. {_SYNTAX}")
    system, relation, version = parts["system"], parts["relation"], parts["version"]
    if system in VERSIONED and version and relation != "==":
        raise EnvironmentSpecError(f"{head} asks for no single version: write {system}=={version}")
    if system == INTERPRETER:
        raise EnvironmentSpecError(f"which {INTERPRETER}? Write its path, as in ./venv/bin/python")
    return Spec(system=system, version=version, backend=backend)


def _check_version(system: str, version: str) -> None:
    if system not in VERSIONED and version:
        raise EnvironmentSpecError(f"{system} takes no version, got {version}: its recipe says which packages it needs")
    if system in VERSIONED and not version:
        raise EnvironmentSpecError(
            f"{system} needs a version, as in {system}=={VERSIONED[system]}; the Keras of this interpreter is `{INSTALLED}`"
        )
    try:
        Version(version or "0")
    except InvalidVersion as error:
        raise EnvironmentSpecError(f"{version} is no version of {system}; expected something like {VERSIONED[system]}") from error


def _suggestion(word: str, known: tuple[str, ...]) -> str:
    """Return the end of a message about an unknown word, with a similar known word if there is one."""
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else "."
