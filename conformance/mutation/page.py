"""The documentation's page of mutants: how many each level rejects on each backend, and what survives, and why."""

import tomllib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from conformance.mutation.study import Row, Study

PAGE = Path(__file__).parents[1] / "docs" / "found" / "mutants.md"
SURVIVORS = Path(__file__).with_name("survivors.toml")
KINDS = ("listed mistakes", "edits", "edits in a situation")
NO_REASON = "not looked into"


def lines_of(studies: Sequence[Study]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Mutants of Keras"
    yield ""
    yield f"Made by `python -m {__package__} page`, from studies of Keras {studies[0].keras}, seed {studies[0].seed}."
    yield ""
    yield "Rejected mutants of all that ran:"
    yield ""
    yield f"| backend | level | cases and probes | {' | '.join(KINDS)} | together |"
    yield f"|---|---|---:|{'---:|' * (len(KINDS) + 1)}"
    for study in studies:
        scores = [_score([row for row in study.rows if row.kind == kind]) for kind in KINDS]
        cells = [study.backend, study.level, f"{len(study.seconds):,}", *scores, _score(study.rows, percent=True)]
        yield f"| {' | '.join(cells)} |"
    reasons = load_reasons()
    for study in studies:
        if study.survivors:
            yield ""
            yield f"## What level {study.level} accepts on {study.backend}"
            yield ""
            yield "| mutant | before | after | why it survives |"
            yield "|---|---|---|---|"
            for row in study.survivors:
                texts = map(_code, (row.id, row.before, row.after))
                yield f"| {' | '.join(texts)} | {reason_of(row, reasons)} |"


def load_reasons() -> dict[str, str]:
    """Return the reasons that were found by reading the code: pattern of mutants' ids → reason."""
    return {
        pattern: entry["reason"]
        for entry in tomllib.loads(SURVIVORS.read_text("utf-8"))["survivor"]
        for pattern in entry["mutants"]
    }


def reason_of(row: Row, reasons: dict[str, str]) -> str:
    """Return why a mutant survives, as far as it is known."""
    return next((reason for pattern, reason in reasons.items() if row.id == pattern or fnmatch(row.id, pattern)), NO_REASON)


def _score(rows: Sequence[Row], *, percent: bool = False) -> str:
    rejected = sum(bool(row.rejected_by) for row in rows)
    return f"{rejected} of {len(rows)}" + (f" ({rejected / len(rows):.1%})" if percent and rows else "")


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""
