"""A run that can be resumed: every result is a line of a file as soon as it is there, and what the file has is not run again.

The first line says which run it is, every other is one result, all of them JSON. A line that was cut off while it was written is
written anew; any other line that cannot be read refuses the file, for it is no journal, or not only one.
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
from conformance.matrix import Planned
from conformance.report.documents import unique_keys, without_infinity
from conformance.system.refusals import could_not_be
from lstm_ref import LSTMError

_FORMAT = 4
_KEPT = (Result, CheckResult, Sample, Picture, Line)
_NOT_FINITE = ("inf", "-inf", "nan")
# What json and the types of a result object to; deep nesting and endless digits are errors of their own.
_UNREADABLE = (ValueError, RecursionError, OverflowError)


class JournalError(LSTMError):
    """The file is no journal, one of another run, or cannot be written."""


class _UnusableJournalError(LSTMError):
    """What is wrong with a file, without the next step."""


def identify(environment: Mapping[str, str], plan: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """What a run must share with a journal to go on with it: all that a report says of it, and the programs that ran.

    Args:
        environment: what is tested.
        plan: what is asked.
        files: digests of the suite's and the implementation's files, as `sources.files_of` makes them.
    """
    case_ids = hashlib.sha256("\n".join(plan["case_ids"]).encode()).hexdigest()[:16]
    said: dict[str, Any] = json.loads(json.dumps({"journal": _FORMAT, **environment, **files, **plan, "case_ids": case_ids}))
    said.pop("not_asked", None)  # follows from the selection
    return said


def resume(
    path: Path,
    identity: Mapping[str, Any],
    cases: Sequence[Planned],
    run: Callable[[Sequence[Planned]], Iterable[Result]],
    next_step: str = "name another file, or delete it to start anew",
) -> Iterator[Result]:
    """The results that the file has, then those of the other cases, each written before it is handed on.

    One that is UNRESOLVED is not written: when the run goes on, its case is asked again.

    Args:
        path: of the file, which need not be there.
        identity: of the run, as `identify` makes it.
        cases: that are planned.
        run: asks those that the file has no result of.
        next_step: what the user is told to do with a file that cannot be used.

    Raises:
        JournalError: the file cannot be used; nothing has run, and the file is as it was.
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
    """The result as JSON can hold it: infinity and NaN by their names."""
    said: dict[str, Any] = without_infinity(asdict(result))
    return said


def from_dict(said: Any) -> Result:
    """The result of `as_dict`, exactly.

    Raises:
        ValueError: it is none.
    """
    result: Result = _value(said, Result)
    return result


def _read(path: Path, identity: Mapping[str, Any], planned: set[str]) -> tuple[dict[str, Result], int]:
    """The results by case, and where the last whole line ends."""
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise JournalError(could_not_be("read", path, error)) from error
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
                raise ValueError(f"{result.case_id} is no case of this run, or is there twice")
        except _UNREADABLE as error:
            raise _UnusableJournalError(f"{path}, line {number}, is not the result of a case: {error}") from error
        results[result.case_id] = result
    return results, end


def _compare(path: Path, line: bytes, identity: Mapping[str, Any]) -> None:
    try:
        found = json.loads(line)
    except _UNREADABLE:
        found = None
    if not isinstance(found, dict) or "journal" not in found:
        raise _UnusableJournalError(f"{path} is no journal of a run")
    differing = [key for key in {**identity, **found} if found.get(key) != identity.get(key)]
    if differing:
        said = "; ".join(
            "it asks other cases" if key == "case_ids" else f"{key} {found.get(key)} there, {identity.get(key)} here"
            for key in differing
        )
        raise _UnusableJournalError(f"{path} is the journal of another run: {said}")


@contextmanager
def _appending(path: Path) -> Iterator[IO[bytes]]:
    """The file, which is closed again before the next result is waited for: whatever ends the run, its whole lines are there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            yield file
    except OSError as error:
        kept = "; the results that it has are kept" if path.exists() else ""
        raise JournalError(f"{could_not_be('written', path, error)}{kept}") from error


def _line(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, allow_nan=False).encode() + b"\n"


def _value(said: Any, kind: Any) -> Any:
    """The value of that type which JSON holds so; nothing else is taken for it."""
    if isinstance(kind, UnionType):  # with None
        if said is None:
            return None
        kind = next(each for each in get_args(kind) if each is not NoneType)
    if kind in _KEPT:
        hints = get_type_hints(kind)
        if not isinstance(said, dict) or said.keys() != hints.keys():
            raise ValueError(f"expected an object of {', '.join(hints)}")
        return kind(**{name: _value(said[name], hint) for name, hint in hints.items()})
    if kind is Verdict:
        return Verdict(said)
    if get_origin(kind) is tuple and isinstance(said, list):
        return tuple(_value(item, get_args(kind)[0]) for item in said)
    if kind is float and (type(said) in (int, float) or said in _NOT_FINITE):
        return float(said)
    if type(said) is kind:
        return said
    raise ValueError(f"expected {getattr(kind, '__name__', kind)}, got {said!r}")
