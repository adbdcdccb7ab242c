"""The pages that are looked at, each made as a user makes it; nothing that they show needs a framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import click
from click.testing import CliRunner

from benchmarks.__main__ import main as benchmarks
from benchmarks.tests.documents import EXAMPLE
from conformance.claims import CLAIMS, ClaimVerdict, Evidence, Finding, settle
from conformance.claims.page import page_of as claims_page
from conformance.claims.text import as_json
from conformance.cli import main
from conformance.commands.pages import write_page
from conformance.environments.recorded import FOLDER
from conformance.model_file.command import examine
from conformance.model_file.contents import contents_of
from conformance.model_file.page import page_of as model_page
from conformance.model_file.report import as_dict
from conformance.report.html.page import write
from conformance.tests.model_files import LoadsOneLSTM, one_lstm
from conformance.walkthrough.example import Example
from conformance.walkthrough.page import page

# A mistake that most of the surface does not show: of 89 cases 14 fail, one of them for a reason of its own.
MISTAKEN = ("verify", "--level", "quick", "--deviation", "mask_ignored", "--workers", "1", "--no-reduce")
OTHER = ("verify", "--level", "quick", "--deviation", "last_step_skipped", "--workers", "1", "--no-reduce", "--case", "*mask*")
MASKS = ("--case", "u3-d2-t5-b4-seq-*mask*")


def _run(command: click.Command, *arguments: str | Path) -> None:
    CliRunner().invoke(command, [*map(str, arguments)], catch_exceptions=False)


def _benchmarks(file: Path) -> None:
    """Of a run that holds every kind of verdict."""
    _run(benchmarks, "report", EXAMPLE, "--html", file)


def _verify(file: Path) -> None:
    """Of one implementation."""
    _run(main, *MISTAKEN, "--html", file)


def _side_by_side(file: Path) -> None:
    """Of two."""
    reports = [file.with_suffix(f".{number}.json") for number in (1, 2)]
    for arguments, report in zip((MISTAKEN, OTHER), reports, strict=True):
        _run(main, *arguments, "--json", report)
    _run(main, "report", *reports, "--html", file)


def _upgrade(file: Path) -> None:
    """From one recorded version to another."""
    _run(main, "upgrade", FOLDER / "keras-1.2.2.npz", FOLDER / "keras-2.2.4.npz", *MASKS, "--html", file)


def _history(file: Path) -> None:
    """Of three recorded versions."""
    versions = ",".join(str(FOLDER / f"{name}.npz") for name in ("keras-1.2.2", "keras-2.2.4", "keras-3.15.1"))
    _run(main, "history", "--versions", versions, *MASKS, "--html", file)


def _model(file: Path) -> None:
    """Of a file that is right in one environment, and not in another."""
    environments = {"right": LoadsOneLSTM(), "wrong": LoadsOneLSTM(deviation="output_tanh_missing")}
    stored = one_lstm(file.with_name("model.keras"))
    report = examine(stored, [*environments], make=environments.__getitem__, read_file=contents_of)
    write_page(model_page(as_dict(report)), file)


def _claims(file: Path) -> None:
    """Of all, settled as expected by measurements that were not taken."""
    found = (replace(claim, run=partial(_found, claim.expected)) for claim in CLAIMS)
    write_page(claims_page([as_json(settled) for settled in settle(found)]), file)


def _found(verdict: ClaimVerdict) -> Finding:
    evidence = Evidence(label="shape of the kernel", measured=(5, 40), relation="=", stated=(5, 40), agrees=True)
    return Finding(verdict=verdict, evidence=(evidence,), condition="there is one unit")


def _explain(file: Path) -> None:
    """Of three units."""
    write(file, page(Example()))


PAGES: Mapping[str, Callable[[Path], None]] = MappingProxyType(
    {make.__name__.removeprefix("_"): make for make in (_benchmarks, _verify, _side_by_side, _upgrade, _history, _model, _claims, _explain)}
)
