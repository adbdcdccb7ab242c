"""Documents read back: whole and of the right format and version, or refused with one message.

A file may come from anywhere. It is read as data; nothing of it is shown that would command a terminal.
"""

from __future__ import annotations

import errno
import json
import shlex
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from conformance.report.documents.consistency import inconsistency
from conformance.report.documents.schemas import FORMATS, schema, version
from conformance.system.error_messages import file_error_message
from conformance.system.streams import printable
from lstm_ref import LSTMError

# Of what a file says, in a message.
_SHOWN = 160
# What json and tomllib object to; deep nesting and endless digits are errors of their own.
_UNREADABLE = (ValueError, RecursionError)


class DocumentError(LSTMError):
    """A document cannot be used: which, where in it, what was expected, and how to get one that can."""


def read(path: Path, *names: str, made_by: str = "") -> dict[str, Any]:
    """A document of one of these formats.

    Args:
        path: of the file, which is JSON, or TOML where its name ends so.
        names: of the formats; none for any.
        made_by: the command that makes one; "" for that of the format.

    Raises:
        DocumentError: the file cannot be read, or is no such document.
    """
    command = made_by or _made_by(names, path)
    language = "TOML" if path.suffix == ".toml" else "JSON"
    try:
        text = path.read_bytes().decode()
        said = (
            tomllib.loads(text) if language == "TOML" else json.loads(text, parse_constant=_refuse, object_pairs_hook=unique_keys)
        )
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise DocumentError(file_error_message("read", path, error)) from error
        raise DocumentError(f"{path} cannot be read: {error.strerror}; name another file, or make one with: {command}") from error
    except _UNREADABLE as error:
        raise DocumentError(
            f"{path} is not a whole {language} file ({_plain(str(error))}); make it anew with: {command}"
        ) from error
    return check(said, path, *names, made_by=made_by)


def check(said: Any, path: Path, *names: str, made_by: str = "") -> dict[str, Any]:
    """What a file has been found to say, if it is a document of one of these formats.

    Raises:
        DocumentError: it is none.
    """
    name = said.get("format") if isinstance(said, dict) else None
    known = names or tuple(FORMATS)
    made_by = made_by or _made_by([name] if isinstance(name, str) and name in known else names, path)
    if not isinstance(name, str) or name not in known:
        other = f"of the format {_plain(repr(name))}" if name is not None else "without a format"
        raise DocumentError(f"{path} is a document {other}; expected {' or '.join(names or FORMATS)}, as made by: {made_by}")
    if (number := said.get("format_version")) != version(name):
        there = "no format_version" if number is None else f"format_version {_plain(repr(number))}"
        raise DocumentError(
            f"{path} has {there}; this suite reads {version(name)} of {name}: read it with the suite that wrote it, "
            f"or make it anew with: {made_by}"
        )
    if wrong := _objection(said, name):
        raise DocumentError(f"{path} is not as `lstm-conformance schema {name}` says: {wrong}; make it anew with: {made_by}")
    document: dict[str, Any] = said
    return document


def _made_by(names: Sequence[str], path: Path) -> str:
    """The command that makes a document of the first of these formats, which stands for all of them."""
    command = FORMATS[(names or tuple(FORMATS))[0]].replace("FILE", shlex.quote(str(path)))
    return command if len(names) == 1 else f"{command}; `lstm-conformance schema` lists the commands that make others"


def _objection(said: Any, name: str) -> str:
    """What is wrong first, and where; empty where nothing is."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # its import takes longer than most commands
    from jsonschema.exceptions import best_match  # noqa: PLC0415  # likewise

    try:
        wrong = best_match(Draft202012Validator(schema(name)).iter_errors(said))
    except RecursionError:
        return "it is nested too deep"
    return _plain(inconsistency(said)) if wrong is None else f"{_plain(wrong.json_path)}: {_plain(wrong.message)}"


def _plain(text: str) -> str:
    """In one short line, without what a terminal would obey."""
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN // 2]} … {shown[-_SHOWN // 2 :]}"


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON as a dictionary, for `object_pairs_hook`.

    Raises:
        ValueError: a key stands in it twice: readers may take either value.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
