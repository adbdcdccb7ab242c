"""Output that any encoding, any width and any reader takes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

import conformance
from conformance.report.console import show_table, stdout
from conformance.system.streams import REPLACEMENTS, accept_every_character, in_encoding

ROOT = Path(conformance.__file__).parents[1]
WRONG = ("verify", "--case", "u2-d1-t1-b3-s0", "--deviation", "two_biases", "--workers", "1")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "cp850", "latin-1", "utf-8"])
@pytest.mark.parametrize("text", ["".join(REPLACEMENTS), "…→ 2.9σ", "漢字", "\udc80"])
def test_every_character_can_be_written(text: str, encoding: str) -> None:
    """In words, or as its escape; what the encoding has stays as it is."""
    said = in_encoding(text, encoding)
    assert said.encode(encoding).decode(encoding) == said
    assert said == text or encoding != "utf-8" or "\\udc80" in said


def test_characters_are_spelled_as_a_reader_expects() -> None:
    """σ by its name, arrows and signs by what they are typed with."""
    assert in_encoding("2.9σ → 3 × 4 ± 1 漢", "ascii") == "2.9sigma -> 3 x 4 +- 1 \\u6f22"
    assert in_encoding("2.9σ", "cp437") == "2.9σ"


def test_decoding_is_no_business_of_the_handler() -> None:
    """It has no text to spell."""
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", "lstm_conformance.spelled")


def test_streams_of_others_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no encoding, as a notebook's or a windowed program's, is left alone."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", None)
    accept_every_character()


def test_report_is_printed_without_the_characters_that_it_would_have() -> None:
    """Tables, progress and results, with nothing that the encoding lacks."""
    result = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "conformance", *WRONG, "--verbose"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        encoding="ascii",
        check=False,
        timeout=120,
    )
    assert result.returncode == 1
    assert "limits 8sigma per element" in result.stdout
    assert "x FAIL  u2-d1-t1-b3-s0" in result.stderr
    assert "Error" not in result.stderr


@pytest.mark.parametrize(
    ("variables", "coloured"), [({"NO_COLOR": "1"}, False), ({"FORCE_COLOR": "1"}, True), ({}, False)], ids=str
)
def test_colours_are_those_that_were_asked_for(variables: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """None in a pipe, unless they are forced."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    console = Console(file=io.StringIO(), width=80)
    console.print(Text("FAIL", style="bold red"))
    assert isinstance(console.file, io.StringIO)
    assert ("\x1b[" in console.file.getvalue()) is coloured


def printed(table: Table, width: int, encoding: str = "utf-8") -> str:
    """The table as a terminal of that width, or a pipe of that encoding, shows it."""
    written = io.BytesIO()
    file = io.TextIOWrapper(written, encoding=encoding)
    show_table(table, Console(file=file, width=width, color_system=None))
    file.flush()
    return written.getvalue().decode(encoding)


@pytest.fixture
def wide() -> Table:
    """A table that needs sixty columns."""
    table = Table(box=box.SIMPLE, title="checks")
    table.add_column("check")
    table.add_column("numbers\njudged", justify="right")
    table.add_column("", justify="right")
    table.add_row("a_check_with_a_very_long_name", Text("125,438,040", style="green"), "4.3σ")
    table.add_row("another", "", "")
    return table


@pytest.mark.parametrize("width", [20, 40])
def test_table_that_does_not_fit_is_a_line_for_each_row(wide: Table, width: int) -> None:
    """With its title, and every name and number whole; an empty cell is left out."""
    lines = [line.rstrip() for line in printed(wide, width).splitlines()]
    assert lines == ["checks", "check a_check_with_a_very_long_name: numbers judged 125,438,040, 4.3σ", "check another:", ""]


def test_rows_stand_alone_where_a_table_has_no_title(wide: Table) -> None:
    """Nothing is said in its place."""
    wide.title = None
    assert printed(wide, 20).startswith("check a_check_with_a_very_long_name: ")


def test_table_that_fits_is_a_table(wide: Table) -> None:
    """A rule below its heads, a line for each row."""
    lines = printed(wide, 80).splitlines()
    assert any("────" in line for line in lines)
    assert any(line.split() == ["a_check_with_a_very_long_name", "125,438,040", "4.3σ"] for line in lines)


def test_columns_stay_aligned_where_characters_are_spelled(wide: Table) -> None:
    """The names are part of the width."""
    lines = [line for line in printed(wide, 80, "cp1252").splitlines() if line.startswith(("|", "+"))]
    assert len({len(line) for line in lines}) == 1
    assert "4.3sigma" in "".join(lines)


# --- a reader who leaves -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise on Windows")
@pytest.mark.parametrize(("arguments", "codes"), [(WRONG, {1}), (("list",), {0, 1})], ids=["verify", "list"])
def test_reader_who_leaves_is_no_error(arguments: tuple[str, ...], codes: set[int]) -> None:
    """Nothing is said of it, and a report's exit code is what was found."""
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "conformance", *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=120,
    )
    os.close(writing)
    assert process.returncode in codes
    assert b"rror" not in process.stderr
    assert b"Traceback" not in process.stderr


def test_nothing_is_said_to_a_reader_who_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the end of the report, nor an error."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", encoding="utf-8") as left:
        monkeypatch.setattr(sys, "stdout", left)
        console = stdout()
        console.print("a line")
        assert console.quiet


# --- a terminal ----------------------------------------------------------------------------------------------------------------


def test_terminal_of_forty_columns_shows_the_whole_report() -> None:
    """Progress as a bar that moves, then the report, the table as lines; no colour where none is wanted."""
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals of this kind")
    import pty  # noqa: PLC0415  # POSIX only

    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "40", "NO_COLOR": "1"}
    process = subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "conformance", *WRONG], stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    said = b"".join(iter(lambda: _read(ours), b"")).decode()
    os.close(ours)
    assert process.wait(60) == 1
    assert "\x1b[?25l" in said
    assert "check hidden_state: judged 1, passed" in said
    assert "\x1b[31" not in said


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # its other end is closed
        return b""
