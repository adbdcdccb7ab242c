"""The journal of a run: a file that makes the run resumable.

Each line is JSON. The first line identifies the run, every other line is one result, written as soon as the case has finished.
A resumed run skips the cases that have a line. An incomplete last line is dropped. Any other unreadable line makes the journal
unusable.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import NoneType, UnionType
from typing import IO, Any, get_args, get_origin, get_type_hints

from conformance.judging.verdict import CheckResult, Line, Picture, Result, Sample, Verdict
from conformance.matrix import CaseOrProbe
from conformance.report.documents import unique_keys, without_infinity
from conformance.system.error_messages import file_error_message
from lstm_ref import LSTMError

_FORMAT = 4
_DATACLASSES = (Result, CheckResult, Sample, Picture, Line)
_NOT_FINITE = ("inf", "-inf", "nan")
# Errors of `json` and of the types of a result. Deep nesting and very long numbers raise errors of their own.
_UNREADABLE = (ValueError, RecursionError, OverflowError)


class JournalError(LSTMError):
    """The file is not a journal, belongs to another run, or cannot be written."""


class _UnusableJournalError(LSTMError):
    """Why a file cannot be used, without the next step."""


def identify(environment: Mapping[str, str], plan: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """The identity of a run. A run resumes from a journal only if their identities are equal.

    Args:
        environment: of the implementation.
        plan: fields of the run's plan.
        files: digests of the suite's and the implementation's files, as `sources.source_digests` makes them.
    """
    case_ids = hashlib.sha256("\n".join(plan["case_ids"]).encode()).hexdigest()[:16]
    identity: dict[str, Any] = json.loads(json.dumps({"journal": _FORMAT, **environment, **files, **plan, "case_ids": case_ids}))
    identity.pop("not_asked", None)  # follows from the selection
    return identity


def resume(
    path: Path,
    identity: Mapping[str, Any],
    cases: Sequence[CaseOrProbe],
    run: Callable[[Sequence[CaseOrProbe]], Iterable[Result]],
    next_step: str = "name another file, or delete it to start anew",
) -> Iterator[Result]:
    """Yield the results in the file, then the results of the other cases. Each new result is written before it is yielded.

    An UNRESOLVED result is not written, so a resumed run runs its case again.

    Args:
        path: of the file; a new file is created if it does not exist.
        identity: of the run, as `identify` makes it.
        cases: of the plan.
        run: runs the cases that have no result in the file.
        next_step: advice for the user if the file cannot be used.

    Raises:
        JournalError: the file cannot be used. Nothing has run, and the file is unchanged.
    """
    try:
        results, end = _read(path, identity, {case.id for case in cases})
    except _UnusableJournalError as error:
        raise JournalError(f"{error}; {next_step}") from error
    yield from results.values()
    with _appending(path) as file:
        file.truncate(end)
        file.write(b"" if end else _line(identity))
    for result in run([case for case in cases if case.id not in results]):
        if result.verdict is not Verdict.UNRESOLVED:
            with _appending(path) as file:
                file.write(_line(as_dict(result)))
        yield result


def as_dict(result: Result) -> dict[str, Any]:
    """The result for JSON. Infinity and NaN are written as their names."""
    document: dict[str, Any] = without_infinity(asdict(result))
    return document


def from_dict(document: Any) -> Result:
    """The inverse of `as_dict`.

    Raises:
        ValueError: the document is not a result.
    """
    result: Result = _value(document, Result)
    return result


def _read(path: Path, identity: Mapping[str, Any], planned: set[str]) -> tuple[dict[str, Result], int]:
    """The results by case id, and the position after the last complete line."""
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise JournalError(file_error_message("read", path, error)) from error
    end = content.rfind(b"\n") + 1
    if not end and _line(identity).startswith(content):
        return {}, 0
    first, *lines = content[:end].splitlines() or [b""]
    _compare(path, first, identity)
    results: dict[str, Result] = {}
    for number, line in enumerate(lines, start=2):
        try:
            result = from_dict(json.loads(line, object_pairs_hook=unique_keys))
            if result.case_id not in planned or result.case_id in results:
                raise ValueError(f"{result.case_id} is not a case of this run, or stands there twice")
        except _UNREADABLE as error:
            raise _UnusableJournalError(f"{path}, line {number}, is not the result of a case: {error}") from error
        results[result.case_id] = result
    return results, end


def _compare(path: Path, line: bytes, identity: Mapping[str, Any]) -> None:
    try:
        written = json.loads(line)
    except _UNREADABLE:
        written = None
    if not isinstance(written, dict) or "journal" not in written:
        raise _UnusableJournalError(f"{path} is not the journal of a run")
    differing = [key for key in {**identity, **written} if written.get(key) != identity.get(key)]
    if differing:
        details = "; ".join(
            "it has other cases" if key == "case_ids" else f"{key} {written.get(key)} there, {identity.get(key)} here"
            for key in differing
        )
        raise _UnusableJournalError(f"{path} is the journal of another run: {details}")


@contextmanager
def _appending(path: Path) -> Iterator[IO[bytes]]:
    """The file, open for one write. It is closed at once, so that no complete line is lost when the run is killed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            yield file
    except OSError as error:
        note = "; the results that it has are kept" if path.exists() else ""
        raise JournalError(f"{file_error_message('written', path, error)}{note}") from error


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, allow_nan=False).encode() + b"\n"


def _value(value: Any, kind: Any) -> Any:
    """The value as that type. A JSON value of another type is refused."""
    if isinstance(kind, UnionType):  # with None
        if value is None:
            return None
        kind = next(member for member in get_args(kind) if member is not NoneType)
    if kind in _DATACLASSES:
        hints = get_type_hints(kind)
        if not isinstance(value, dict) or value.keys() != hints.keys():
            raise ValueError(f"expected an object of {', '.join(hints)}")
        return kind(**{name: _value(value[name], hint) for name, hint in hints.items()})
    if kind is Verdict:
        return Verdict(value)
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_value(item, get_args(kind)[0]) for item in value)
    if kind is float and (type(value) in (int, float) or value in _NOT_FINITE):
        return float(value)
    if type(value) is kind:
        return value
    raise ValueError(f"expected {getattr(kind, '__name__', kind)}, got {value!r}")
