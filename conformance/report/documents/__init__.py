"""The documents that commands write for machines: their schemas, their versions, and their reader.

`<format>.schema.json` (JSON Schema 2020-12) describes each format. The fields `format` and `format_version` of a document name its
format. The version changes when a field is added, is renamed, or gets another meaning. The schemas share `parts.schema.json`.
`lstm-conformance schema FORMAT` prints a schema that is complete.

A file that is incomplete, or of another format or version, is refused with one message. A file may come from anywhere. It is read
as data only, and messages quote it without control characters of a terminal.
"""

import errno
import json
import math
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from conformance.system.error_messages import file_error_message
from conformance.system.streams import printable
from lstm_ref import LSTMError

# Each format, and the command that writes it.
FORMATS: Mapping[str, str] = {
    "verify": "lstm-conformance verify --json FILE",
    "upgrade": "lstm-conformance upgrade FROM TO --json FILE",
    "history": "lstm-conformance history --json FILE",
    "model": "lstm-conformance model MODEL --json FILE",
    "claims": "lstm-conformance claims --json FILE",
    "observations": "lstm-conformance verify --keep FOLDER",
    "baseline": "lstm-conformance upgrade FROM TO --baseline FILE --write-baseline",
}

_PARTS = "parts"

# Characters of a file that a message quotes.
_LONGEST_QUOTE = 160
# Lists of a line in a picture that have a value for each place.
_VALUES = ("expected", "got", "errors")
# Errors of `json` and `tomllib`. Deep nesting raises an error of its own.
_UNREADABLE = (ValueError, RecursionError)


@cache
def schema(name: str) -> Mapping[str, Any]:
    """The complete schema of a format. Its definitions include the shared parts, under the address that it refers to."""
    own = _read(name)
    return {**own, "$defs": {**own.get("$defs", {}), _PARTS: _read(_PARTS)}}


def version(name: str) -> int:
    """The version of a format that this suite writes and reads."""
    number: int = schema(name)["properties"]["format_version"]["const"]
    return number


def as_document(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """A document of that format for JSON."""
    document: dict[str, Any] = without_infinity({"format": name, "format_version": version(name), **content})
    return document


def without_infinity(value: Any) -> Any:
    """The value for JSON: tuples become lists, infinity and NaN become their names."""
    if isinstance(value, dict):
        return {key: without_infinity(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_infinity(item) for item in value]
    return str(float(value)) if isinstance(value, float) and not math.isfinite(value) else value


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((files(__package__) / f"{name}.schema.json").read_text(encoding="utf-8"))
    return content


class DocumentError(LSTMError):
    """A document cannot be used. The message names the place, the expected value, and the command that makes a document."""


def read(path: Path, *names: str, made_by: str = "") -> dict[str, Any]:
    """Read a document of one of these formats.

    Args:
        path: of the file: TOML if its suffix is `.toml`, else JSON.
        names: of the accepted formats; none for all.
        made_by: the command that makes the document; "" for the command of the format.

    Raises:
        DocumentError: the file cannot be read, or is not such a document.
    """
    document = load(path, made_by or _made_by(names, path), is_toml=path.suffix == ".toml")
    return check(document, path, *names, made_by=made_by)


def load(path: Path, made_by: str, *, is_toml: bool = False) -> Any:
    """The content of a JSON or TOML file.

    Args:
        path: of the file.
        made_by: the command that makes such a file.
        is_toml: whether it is TOML.

    Raises:
        DocumentError: the file cannot be read, or is not a whole file of that language.
    """
    try:
        text = path.read_bytes().decode()
        return tomllib.loads(text) if is_toml else json.loads(text, parse_constant=_refuse, object_pairs_hook=unique_keys)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise DocumentError(file_error_message("read", path, error)) from error
        raise DocumentError(f"{path} cannot be read: {error.strerror}; name another file, or make one with: {made_by}") from error
    except _UNREADABLE as error:
        language = "TOML" if is_toml else "JSON"
        raise DocumentError(
            f"{path} is not a whole {language} file ({_plain(str(error))}); make it anew with: {made_by}"
        ) from error


def check(document: Any, path: Path, *names: str, made_by: str = "") -> dict[str, Any]:
    """The content of a file, if it is a document of one of these formats.

    Raises:
        DocumentError: it is not.
    """
    name = document.get("format") if isinstance(document, dict) else None
    known = names or tuple(FORMATS)
    made_by = made_by or _made_by([name] if isinstance(name, str) and name in known else names, path)
    if not isinstance(name, str) or name not in known:
        other = f"of the format {_plain(repr(name))}" if name is not None else "without a format"
        raise DocumentError(f"{path} is a document {other}; expected {' or '.join(names or FORMATS)}, as made by: {made_by}")
    if (number := document.get("format_version")) != version(name):
        there = "no format_version" if number is None else f"format_version {_plain(repr(number))}"
        raise DocumentError(
            f"{path} has {there}; this suite reads {version(name)} of {name}: read it with the suite that wrote it, "
            f"or make it anew with: {made_by}"
        )
    difference = mismatch(document, schema(name)) or _plain(next(_inconsistencies(document), ""))
    if difference:
        raise DocumentError(f"{path} is not as `lstm-conformance schema {name}` says: {difference}; make it anew with: {made_by}")
    result: dict[str, Any] = document
    return result


def _made_by(names: Sequence[str], path: Path) -> str:
    """The command that makes a document of the first of these formats."""
    command = FORMATS[(names or tuple(FORMATS))[0]].replace("FILE", shlex.quote(str(path)))
    return command if len(names) == 1 else f"{command}; `lstm-conformance schema` lists the commands that make others"


def mismatch(document: Any, schema: Mapping[str, Any]) -> str:
    """The first mismatch with a schema, with its location; empty if there is none."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # its import takes longer than most commands
    from jsonschema.exceptions import best_match  # noqa: PLC0415  # likewise

    try:
        error = best_match(Draft202012Validator(schema).iter_errors(document))
    except RecursionError:
        return "it is nested too deep"
    return "" if error is None else f"{_plain(error.json_path)}: {_plain(error.message)}"


def _plain(text: str) -> str:
    """The text in one short line without control characters."""
    line, half = printable(" ".join(text.split())), _LONGEST_QUOTE // 2
    return line if len(line) <= _LONGEST_QUOTE else f"{line[:half]} … {line[-half:]}"


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON as a dictionary, for `object_pairs_hook`.

    Raises:
        ValueError: a key stands in it twice.
    """
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
    return content


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _inconsistencies(document: Mapping[str, Any]) -> Iterator[str]:
    """What a schema cannot express: lists that belong together have one length, and a name refers to an entry."""
    for where, picture in _pictures(document, "$"):
        sizes = {len(line[name]) for line in picture["lines"] for name in _VALUES}
        if sizes != {len(picture["places"])} or 0 in sizes or picture["worst"] not in {line["name"] for line in picture["lines"]}:
            yield f"{where}: expected lines as long as its places, one of them named as its worst"
    for backend, history in document.get("backends", {}).items():
        for kind in ("behaviours", "facts"):
            for number, row in enumerate(history[kind]):
                if len(row["cells"]) != len(history["versions"]):
                    yield f"$.backends.{backend}.{kind}[{number}].cells: expected one for each of the versions"
    for number, environment in enumerate(document.get("environments", [])):
        if len(environment["lstms"]) != len(document["lstms"]):
            yield f"$.environments[{number}].lstms: expected one for each LSTM of the file"


def _pictures(document: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        for name, value in document.items():
            if name == "picture" and value is not None:
                yield f"{where}.picture", value
            else:
                yield from _pictures(value, f"{where}.{name}")
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from _pictures(value, f"{where}[{number}]")
