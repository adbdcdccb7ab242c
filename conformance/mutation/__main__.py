"""`python -m conformance.mutation`: a study of mutants, and the choice of level quick."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from conformance import matrix
from conformance.adapters.keras.backends import BACKENDS
from conformance.cases.case import Case
from conformance.matrix import CaseOrProbe
from conformance.mutation.cover import Cover
from conformance.mutation.measure import ENOUGH, Baseline
from conformance.mutation.mutants import MISTAKES, load_mistakes
from conformance.mutation.page import PAGE, lines_of
from conformance.mutation.study import Row, Sample, read_study, study
from conformance.running.journal import identify
from conformance.system.sources import source_digests

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def main() -> None:
    """Mutate the installed Keras' recurrent code, and see what rejects each mutant."""


@main.command()
@click.option("--backend", type=click.Choice(list(BACKENDS)), default="numpy", show_default=True)
@click.option("--level", type=click.Choice(list(matrix.LEVELS)), default="standard", show_default=True)
@click.option("--case", "patterns", multiple=True, help="Only the cases and probes with this id or pattern (*, ?); repeatable.")
@click.option(
    "--most", default=400, show_default=True, help="Edits; half as many in situations, and the listed mistakes, are added."
)
@click.option("--share", default=1.0, show_default=True, help="The part of the mutants that runs.")
@click.option("--seed", default=0, show_default=True, help="Of the draws.")
@click.option("--mistakes", type=_FILE, default=MISTAKES, help="Another list of mistakes than the project's.")
@click.option("--workers", default=2, show_default=True)
@click.option("--enough", default=ENOUGH, show_default=True, help="Rejections that end a mutant's run.")
@click.option(
    "--least", default=0.0, show_default=True, help="Percent of mutants; if fewer are rejected, the command exits with 1."
)
@click.option("--json", "file", type=_FILE, required=True, help="For the study. FILE.jsonl has the results of an interrupted one.")
def run(*, level: str, patterns: tuple[str, ...], least: float, file: Path, **settings: Any) -> None:
    """Run the cases and probes of a level on a sample of mutants."""
    journal = file.with_suffix(".jsonl")
    sample = Sample(**{name: settings.pop(name) for name in ("most", "share", "seed", "mistakes")})
    planned = sorted(matrix.select(matrix.surface(level), patterns), key=_order)
    plan = {
        "level": level,
        "case_ids": [item.id for item in planned],
        "enough": settings["enough"],
        "mistakes": [asdict(mistake) for mistake in load_mistakes(sample.mistakes)],
    }
    installed = {"backend": settings["backend"], "keras": metadata.version("keras")}
    finished = _finished(journal, identify(installed, plan, source_digests(None)))
    for result in study(level=level, planned=planned, sample=sample, finished=finished, **settings):
        if isinstance(result, Row):
            with journal.open("a", encoding="utf-8") as rows:
                rows.write(json.dumps(asdict(result)) + "\n")
            by = result.rejected_by
            click.echo(f"{result.id}: {len(by)} of {result.asked} reject it{f', as {by[0]}' if by else ''}; {result.ended}")
        elif isinstance(result, Baseline):
            click.echo(f"{len(result.results)} cases and probes ran on Keras as it is")
        else:
            result.write(file)
            rejected = len(result.rows) - len(result.survivors)
            for row in result.survivors:
                click.echo(f"survives: {row.id}: {row.before} -> {row.after}")
            click.echo(f"{rejected} of {len(result.rows)} mutants are rejected, {rejected / len(result.rows):.1%}")
            sys.exit(0 if 100 * rejected >= least * len(result.rows) else 1)


@main.command()
@click.argument("studies", nargs=-1, type=_FILE, required=True)
def page(*, studies: tuple[Path, ...]) -> None:
    """Write the documentation's page of studies of several backends and levels."""
    PAGE.write_text("\n".join(lines_of([read_study(file) for file in studies])) + "\n", "utf-8")


@main.command()
@click.argument("studies", nargs=-1, type=_FILE, required=True)
@click.option(
    "--report",
    "reports",
    type=_FILE,
    multiple=True,
    help="Of `verify --level standard --json`; repeatable. The first has the costs.",
)
@click.option("--times", default=2, show_default=True, help="How often each mutant must be rejected, where that can be.")
@click.option("--probe-seconds", default=0.1, show_default=True, help="Probes that cost less are all chosen.")
def choose(*, studies: tuple[Path, ...], reports: tuple[Path, ...], times: int, probe_seconds: float) -> None:
    """Choose level quick by studies of level standard and by reports, and write it."""
    documents = [json.loads(report.read_text("utf-8")) for report in reports]
    read = [read_study(file) for file in studies]
    surface = {item.id: item for item in matrix.surface("standard")}
    costs = (
        {result["case_id"]: result["seconds"] + result["suite_seconds"] for result in documents[0]["results"]}
        if documents
        else read[0].seconds
    )
    cover = Cover({name: costs[name] for name in surface if name in costs})
    for each in read:
        cover.add_study(each)
    for document in documents:
        cover.add_report(document)
    cover.add_known_differences()
    cover.add_surface([item for item in surface.values() if isinstance(item, Case)])
    cheap = [name for name in cover.seconds if name.startswith("probe-") and cover.seconds[name] < probe_seconds]
    chosen = sorted(cover.choose(times, cheap), key=list(surface).index)
    matrix.levels.QUICK.write_text("".join(f"{name}\n" for name in chosen), "utf-8")
    seconds = sum(cover.seconds[name] for name in chosen)
    click.echo(f"{len(chosen)} of {len(surface)} cases and probes cover {len(cover.rows)} rows; alone they take {seconds:.0f} s")


def _finished(journal: Path, identity: Mapping[str, Any]) -> dict[str, Row]:
    """The rows that a study has written, by their mutants; its file is begun if there is none."""
    if not journal.exists():
        journal.write_text(json.dumps(identity) + "\n", "utf-8")
    first, *lines = journal.read_text("utf-8").splitlines()
    if json.loads(first) != identity:
        raise click.ClickException(f"{journal} is of another study, or of other files: delete it, or name another file with --json")
    return {row.id: row for row in (Row(**json.loads(line)) for line in lines)}


def _order(item: CaseOrProbe) -> int:
    """What rejects most for its time comes first: probes, then large sizes, then the rest as it is listed."""
    return (2 - (max(item.config.units, item.input_dim, item.batch, item.timesteps) > 9)) if isinstance(item, Case) else 0


if __name__ == "__main__":
    main()
