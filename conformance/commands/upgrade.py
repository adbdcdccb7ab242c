"""`upgrade` compares two environments, `history` a range of Keras versions."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from packaging.version import InvalidVersion, Version

from conformance import matrix
from conformance.adapters.base import AdapterStartError
from conformance.adapters.environment import EnvironmentAdapter
from conformance.adapters.reference import ReferenceAdapter
from conformance.backends import BACKENDS
from conformance.case import Case
from conformance.commands import options, pages
from conformance.environments.spec import parse
from conformance.report.console import stdout
from conformance.report.files import write_text
from conformance.upgrade import history_page, history_text, text
from conformance.upgrade import page as upgrade_page
from conformance.upgrade.baseline import Entry, judge, read_baseline, write_baseline
from conformance.upgrade.document import Block, as_markdown, show
from conformance.upgrade.history import History
from conformance.upgrade.report import UpgradeReport
from conformance.upgrade.side import Implementation
from conformance.upgrade.upgrade import Upgrade
from lstm_ref import LSTMError
from lstm_ref.deviations import combined

# The newest patch of each minor version of Keras 3.
KERAS_3 = (
    "3.0.5", "3.1.1", "3.2.1", "3.3.3", "3.4.1", "3.5.0", "3.6.0", "3.7.0",
    "3.8.0", "3.9.2", "3.10.0", "3.11.3", "3.12.4", "3.13.2", "3.14.1", "3.15.1",
)  # fmt: skip

# The reference itself, or with a deviation, in place of an environment: proves that a change is seen.
REFERENCE = "reference"


def implementation(spec: str) -> Implementation:
    """What a specification names: an environment, or the reference, `reference:NAME` with a deviation.

    Raises:
        LSTMError: it names none.
    """
    head, _, deviation = spec.strip().partition(":")
    if head != REFERENCE:
        name = str(parse(spec))
        with suppress(AdapterStartError):  # which the start of a worker says again
            EnvironmentAdapter(name).prepare(partial(click.echo, err=True))
        return Implementation(name=name, make_adapter=partial(EnvironmentAdapter, name))
    if deviation:
        combined(deviation.split("+"))
    return Implementation(name=spec.strip(), make_adapter=partial(ReferenceAdapter, deviation or None))


def cases_of(level: str, seed: int, patterns: Sequence[str]) -> list[Case]:
    """The cases of a level that patterns choose, probes left out: they look into an implementation in this process.

    Raises:
        LSTMError: there are none.
    """
    cases = [case for case in matrix.surface(level, seed) if isinstance(case, Case)]
    return matrix.select(cases, patterns)


_level = click.option(
    "--level",
    type=click.Choice(list(matrix.LEVELS)),
    default="quick",
    show_default=True,
    help="Cases of the surface that are asked.",
)
_json = click.option("--json", "json_file", type=options.FILE, help="Write the report as JSON.")
_markdown = click.option(
    "--markdown", "markdown_file", type=options.FILE, help="Write the report as Markdown, short enough for a CI summary."
)
_time_limit = click.option(
    "--time-limit", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds that one case may take."
)


@click.command()
@click.argument("before", metavar="FROM")
@click.argument("after", metavar="TO")
@_level
@options.cases
@options.seed
@click.option("--baseline", type=options.FILE, help="Changes that are expected; any other, and one that no longer shows, fails.")
@click.option("--write-baseline", "records", is_flag=True, help="Record the changes in the file of --baseline.")
@_json
@pages.option
@_markdown
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep what both returned and what finished in this folder, and go on from it if it is there.",
)
@_time_limit
@click.option("--reduce/--no-reduce", "reduces", default=True, help="Look for the smallest case, the first timestep and the gate.")
def upgrade(
    *,
    before: str,
    after: str,
    level: str,
    patterns: tuple[str, ...],
    seed: int,
    baseline: Path | None,
    records: bool,
    json_file: Path | None,
    html_file: Path | None,
    markdown_file: Path | None,
    keep: Path | None,
    time_limit: float,
    reduces: bool,
) -> None:
    """Ask the same cases FROM one version TO another, judge both, and report what changes.

    FROM and TO name environments: "keras==3.15.1 --backend jax", keras==2.2.4, tf-keras==2.21.0, tensorflow==2.15.1, installed, or
    the path of an interpreter; `reference` is the suite's own, `reference:NAME` with a mistake that `deviations` lists.

    Exit codes: 0 nothing changed that the baseline does not expect, 1 something did or the run is not whole, 2 it cannot run.
    """
    if records and baseline is None:
        raise LSTMError("--write-baseline records the file that --baseline names: give both")
    expected = None if baseline is None or records else read_baseline(baseline)
    report = Upgrade(
        before=implementation(before),
        after=implementation(after),
        cases=cases_of(level, seed, patterns),
        level=level,
        seed=seed,
        time_limit=time_limit,
        keep=keep,
        reduces=reduces,
    ).run()
    if records and baseline is not None and judge(report, ()).complete:
        expected = _recorded(report, baseline)
    judged = judge(report, expected)
    page = text.page(report, judged)
    said = {**report.as_dict(), "baseline": judged.as_dict()}
    _publish(
        page,
        (json_file, partial(_as_json, said)),
        (markdown_file, partial(as_markdown, page)),
        (html_file, lambda: pages.as_html(upgrade_page.page_of(said))),
    )
    sys.exit(0 if judged.as_expected else 1)


@click.command()
@click.option(
    "--versions",
    metavar="V,V,…",
    default=",".join(KERAS_3),
    help="Versions of Keras, in order.  [default: the newest of each minor]",
)
@click.option(
    "--backend",
    "backends",
    type=click.Choice(list(BACKENDS)),
    multiple=True,
    default=("tensorflow",),
    show_default=True,
    help="Keras backend to run on; repeatable.",
)
@_level
@options.cases
@options.seed
@_json
@pages.option
@_markdown
@_time_limit
def history(
    *,
    versions: str,
    backends: tuple[str, ...],
    level: str,
    patterns: tuple[str, ...],
    seed: int,
    json_file: Path | None,
    html_file: Path | None,
    markdown_file: Path | None,
    time_limit: float,
) -> None:
    """Ask the same cases of a range of Keras versions, and show what each answers and where that changes.

    Exit codes: 0 every version ran every case, 1 some did not, 2 it cannot run.
    """
    names = [each.strip() for each in versions.split(",")]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise LSTMError(f"{twice[0]} is there twice: name each version once")
    cases = cases_of(level, seed, patterns)
    named = {backend: [_version(name, backend) for name in names] for backend in backends}
    reports = {backend: History(implementations, cases, time_limit).run() for backend, implementations in named.items()}
    said = {backend: report.as_dict() for backend, report in reports.items()}
    shown, written = (
        [block for backend, report in reports.items() for block in history_text.page(report, f"Keras on {backend}", merged=merged)]
        for merged in (True, False)
    )
    _publish(
        shown,
        (json_file, partial(_as_json, said)),
        (markdown_file, partial(as_markdown, [*history_text.HEAD, *written])),
        (html_file, lambda: pages.as_html(history_page.page_of(said))),
    )
    sys.exit(0 if all(report.is_whole for report in reports.values()) else 1)


def _version(text: str, backend: str) -> Implementation:
    """A version alone is one of Keras; anything else is a specification."""
    try:
        spec = f"keras=={Version(text)} --backend {backend}"
    except InvalidVersion:
        spec = text
    return replace(implementation(spec), name=text)


def _recorded(report: UpgradeReport, baseline: Path) -> list[Entry]:
    try:
        write_baseline(report, baseline)
    except OSError as error:
        raise LSTMError(f"{baseline} could not be written: {error.strerror}") from error
    return read_baseline(baseline)


def _publish(page: Sequence[Block], *texts: tuple[Path | None, Callable[[], str]]) -> None:
    """To the files that were asked for, then to the terminal: whoever reads it may close the pipe before its end.

    Raises:
        LSTMError: a file could not be written; the terminal has it all.
    """
    try:
        for path, text_of in texts:
            if path is not None:
                write_text(text_of(), path)
    except OSError as error:
        raise LSTMError(f"{path} could not be written: {error.strerror}") from error
    finally:
        show(page, stdout())


def _as_json(said: Mapping[str, Any]) -> str:
    return json.dumps(said, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
