"""What the commands `upgrade` and `history` do, beyond reading their options."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version
from rich.console import Console

from conformance import matrix
from conformance.adapters.environment import EnvironmentAdapter
from conformance.adapters.reference import ReferenceAdapter
from conformance.case import Case
from conformance.environments.spec import parse
from conformance.report.files import write_text
from conformance.upgrade import history_text, text
from conformance.upgrade.baseline import judge, read_baseline, write_baseline
from conformance.upgrade.document import Block, as_markdown, show
from conformance.upgrade.history import History
from conformance.upgrade.side import Implementation
from conformance.upgrade.upgrade import Upgrade
from lstm_ref import LSTMError
from lstm_ref.deviations import DEVIATIONS

# The newest patch of each minor version of Keras 3.
KERAS_3 = (
    "3.0.5", "3.1.1", "3.2.1", "3.3.3", "3.4.1", "3.5.0", "3.6.0", "3.7.0",
    "3.8.0", "3.9.2", "3.10.0", "3.11.3", "3.12.4", "3.13.2", "3.14.1", "3.15.1",
)  # fmt: skip

# The reference itself, or with a deviation, in place of an environment: proves that a change is seen.
REFERENCE = "reference"


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where a report is written beside the terminal; None for nowhere."""

    json: Path | None = None
    markdown: Path | None = None

    def write(self, said: Mapping[str, Any], page: Sequence[Block]) -> None:
        """Those that were asked for.

        Raises:
            LSTMError: one cannot be written.
        """
        texts = {self.json: partial(_as_json, said), self.markdown: partial(as_markdown, page)}
        for path, made in texts.items():
            if path is not None:
                try:
                    write_text(made(), path)
                except OSError as error:
                    raise LSTMError(f"{path} could not be written: {error.strerror}") from error


def implementation(spec: str) -> Implementation:
    """What a specification names: an environment, or the reference, `reference:NAME` with a deviation.

    Raises:
        LSTMError: it names none.
    """
    head, _, deviation = spec.strip().partition(":")
    if head != REFERENCE:
        name = str(parse(spec))
        return Implementation(name=name, make_adapter=partial(EnvironmentAdapter, name))
    if deviation and deviation not in DEVIATIONS:
        raise LSTMError(f"{deviation!r} is no deviation; `lstm-conformance deviations` lists them")
    return Implementation(name=spec.strip(), make_adapter=partial(ReferenceAdapter, deviation or None))


def cases_of(level: str, seed: int, patterns: Sequence[str]) -> list[Case]:
    """The cases of a level that patterns choose, probes left out: they look into an implementation in this process.

    Raises:
        LSTMError: there are none.
    """
    cases = [case for case in matrix.surface(level, seed) if isinstance(case, Case)]
    return matrix.select(cases, patterns)


def upgrade(made: Upgrade, files: Files, console: Console, *, baseline: Path | None, records: bool) -> bool:
    """Compare, show and write; whether nothing changed that the baseline does not expect.

    Raises:
        LSTMError, AdapterStartError, JournalError: the comparison cannot be made, or a file not be read or written.
    """
    if records and baseline is None:
        raise LSTMError("--write-baseline records the file that --baseline names: give both")
    expected = None if baseline is None or records else read_baseline(baseline)
    report = made.run()
    if records and baseline is not None:
        if not judge(report, ()).complete:
            raise LSTMError(f"{baseline} is not written: the run was not whole, or compared nothing")
        write_baseline(report, baseline)
        expected = read_baseline(baseline)
    judged = judge(report, expected)
    page = text.page(report, judged)
    show(page, console)
    as_expected = {"as_expected": judged.as_expected, "unexpected": [*map(str, judged.unexpected)], "stale": [*map(str, judged.stale)]}
    files.write({**report.as_dict(), "baseline": as_expected}, page)
    return judged.as_expected


def history(versions: Sequence[str], backend: str, cases: Sequence[Case], files: Files, console: Console) -> bool:
    """Run the versions, show and write; whether every one ran every case.

    Raises:
        LSTMError, AdapterStartError: a version is none, or a file cannot be written.
    """
    named = [implementation(_spec_of(version, backend)) for version in versions]
    report = History(named, cases).run()
    page = history_text.page(report, f"Keras on {backend}")
    show(page, console)
    files.write(report.as_dict(), page)
    return report.is_whole


def _spec_of(version: str, backend: str) -> str:
    """A version alone is one of Keras; anything else is a specification."""
    try:
        Version(version)
    except InvalidVersion:
        return version
    return f"keras=={version} --backend {backend}"


def _as_json(said: Mapping[str, Any]) -> str:
    return json.dumps(said, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
