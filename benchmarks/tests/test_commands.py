"""`python -m benchmarks`: its files and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from benchmarks.__main__ import main
from benchmarks.growth import main as growth
from benchmarks.tests.documents import EXAMPLE, document, entry, random_rounds, write_document


def invoked(*arguments: object) -> Result:
    """A command, as from a shell."""
    return CliRunner().invoke(main, list(map(str, arguments)))


def slower(folder: Path) -> list[Path]:
    """Two files, of which the second is slower."""
    return [
        write_document(
            folder, document(entry("floor", random_rounds(0.01, 0)), entry("a", random_rounds(0.01 * factor, seed))), f"{seed}.json"
        )
        for seed, factor in ((1, 1.0), (2, 1.2))
    ]


def test_a_report_without_options_is_shown() -> None:
    """Goals, then the peers."""
    result = invoked("report", EXAMPLE)
    assert result.exit_code == 0, result.output
    assert "Goals" in result.stdout
    assert "openvino is not installed" in result.stdout


def test_a_report_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    """Every kind of file, and nothing in the terminal."""
    files = [
        "--markdown",
        tmp_path / "a.md",
        "--html",
        tmp_path / "a.html",
        "--trend",
        tmp_path / "a.json",
        "--plots",
        tmp_path / "p",
    ]
    result = invoked("report", EXAMPLE, *files)
    assert (result.exit_code, result.output) == (0, "")
    assert (tmp_path / "a.md").read_text(encoding="utf-8").startswith("# Benchmarks")
    assert "<svg" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["1-units-1.png", "1-units-1.svg"]


@pytest.mark.parametrize(("threshold", "code"), [("5%", 1), ("0.05", 1), ("50%", 0)])
def test_compare_exits_by_what_it_says(tmp_path: Path, threshold: str, code: int) -> None:
    """1 where something is slower by more than the threshold, else 0."""
    result = invoked("compare", *slower(tmp_path), "--threshold", threshold, "--markdown", tmp_path / "a.md")
    assert result.exit_code == code, result.output
    assert ("1 slower" in result.stdout) is bool(code)
    assert (tmp_path / "a.md").exists()


@pytest.mark.parametrize("command", [("report", "bad.json"), ("compare", EXAMPLE, "bad.json"), ("compare", "bad.json", EXAMPLE)])
def test_a_bad_file_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[object, ...]) -> None:
    """And exit code 2."""
    monkeypatch.chdir(tmp_path)
    write_document(tmp_path, "{", "bad.json")
    result = invoked(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: bad.json is not a whole JSON file")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("threshold", ["much", "-1", "nan", "inf%"])
def test_a_threshold_is_a_percentage(threshold: str) -> None:
    """Anything else is refused."""
    result = invoked("compare", EXAMPLE, EXAMPLE, "--threshold", threshold)
    assert result.exit_code == 2
    assert "write 5% or 0.05" in result.stderr


def test_a_file_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    """And exit code 2."""
    write_document(tmp_path, "", "taken")
    result = invoked("report", EXAMPLE, "--markdown", tmp_path / "taken" / "a.md")
    assert result.exit_code == 2
    assert "could not be written" in result.stderr


@pytest.mark.parametrize(
    ("command", "options", "name"),
    [
        (main, ("report", EXAMPLE, "--html", "a", "--html", "b"), "--html"),
        (main, ("compare", EXAMPLE, EXAMPLE, "--threshold", "1%", "--threshold=1%"), "--threshold"),
        (growth, ("--rounds", "1", "--rounds", "2"), "--rounds"),
    ],
)
def test_an_option_of_one_value_is_refused_twice(command: click.Command, options: tuple[object, ...], name: str) -> None:
    """Before anything is measured or written."""
    result = CliRunner().invoke(command, list(map(str, options)))
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{name} is given 2 times, and is one choice: leave all but one out" in result.stderr


def test_growth_that_cannot_be_written_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After what was measured is shown."""
    monkeypatch.setattr("benchmarks.growth.growths", lambda _: iter(()))
    write_document(tmp_path, "", "taken")
    result = CliRunner().invoke(growth, ["--json", str(tmp_path / "taken" / "a.json")])
    assert result.exit_code == 2
    assert "growth: size^k" in result.stdout
    assert result.stderr.startswith(f"error: {tmp_path / 'taken' / 'a.json'} could not be written: ")
