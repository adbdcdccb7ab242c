"""`report` makes pages from reports that are there already."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import click

from conformance.claims.page import page_of as claims_page
from conformance.commands import options, pages
from conformance.model_file.page import page_of as model_page
from conformance.report.html.contents import Page
from conformance.report.html.verify import page_of as verify_page
from conformance.upgrade.history_page import page_of as history_page
from conformance.upgrade.page import page_of as upgrade_page
from lstm_ref import LSTMError

# What only the JSON of a command has at its top.
_VERIFY, _UPGRADE, _MODEL = {"environment", "plan", "results", "summary"}, {"from", "to", "changes", "baseline"}, {"lstms", "path"}
_HISTORY = {"versions", "behaviours", "refused"}
# What a report may raise that is not as its command writes it.
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, StopIteration)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--html", "html_file", type=options.FILE, required=True, help="Where the page goes: one file, for any browser.")
def report(files: Sequence[Path], html_file: Path) -> None:
    """Make the page of reports that --json has written; of several runs of `verify`, one page side by side.

    FILE is what `verify`, `upgrade`, `history`, `model` or `claims` wrote with --json.
    """
    said = [_read(file) for file in files]
    named = ", ".join(map(str, files))
    try:
        page = page_of(said)
    except _MALFORMED as error:
        raise LSTMError(f"{named}: not a report as --json of this version writes it: {type(error).__name__}: {error}") from error
    if page is None:
        raise LSTMError(f"{named}: expected one report, or several of `verify`, as --json writes them")
    try:
        pages.write_page(page, html_file)
    except OSError as error:
        raise LSTMError(f"{html_file} could not be written: {error.strerror}") from error


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise LSTMError(f"{file} could not be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise LSTMError(f"{file} is no JSON: {error}; expected a report that --json has written") from error


def page_of(said: Sequence[Any]) -> Page | None:
    """The page of what was read; None where that is no report, or several that are no runs of `verify`."""
    if all(_has(each, _VERIFY) for each in said):
        return verify_page(said, pages.script_of)
    (first, *others) = said
    makers = (make for is_one, make in _PAGES if not others and is_one(first))
    return next((make(first) for make in makers), None)


def _has(said: Any, names: AbstractSet[str]) -> bool:
    return isinstance(said, Mapping) and said.keys() >= names


def _is_history(said: Any) -> bool:
    """One report for each backend."""
    return isinstance(said, Mapping) and bool(said) and all(_has(each, _HISTORY) for each in said.values())


_PAGES: tuple[tuple[Callable[[Any], bool], Callable[[Any], Page]], ...] = (
    (lambda said: isinstance(said, list) and bool(said), claims_page),
    (lambda said: _has(said, _UPGRADE), upgrade_page),
    (lambda said: _has(said, _MODEL), model_page),
    (_is_history, history_page),
)
