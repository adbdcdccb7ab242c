"""The documentation keeps its promises: what it tells to type can be typed, and gives what stands below it.

Its Python examples are doctests; what it includes of the README is tested there; that it builds without a warning, in the
continuous integration script.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main as benchmarks
from conformance.cli import Later
from conformance.cli import main as lstm_conformance
from conformance.docs import conf
from conformance.tests.readme import README, Block, blocks

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
GROUPS = {"lstm-conformance": lstm_conformance, "python -m benchmarks": benchmarks}
NAMED = re.compile(rf"[`$ ]({'|'.join(GROUPS)}) ([a-z][^`|\n]*)`?$")


def _named_commands() -> list[tuple[str, str]]:
    """The group of each command that the documentation and the README name, and what is typed behind it."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in [README, *PAGES])
    # What stands between bars is several commands at once.
    code = re.findall(r"`[^`\n]+`|^\$ .*$", text, re.MULTILINE)
    return sorted({found for each in code for found in NAMED.findall(each)})


def _shown() -> list[Block]:
    """What the documentation shows the output of."""
    found = [block for page in PAGES for block in blocks(page)]
    return [block for block in found if block.output and not block.output.startswith("$ ")]


@pytest.mark.parametrize(("group", "typed"), _named_commands())
def test_command_can_be_typed(group: str, typed: str) -> None:
    """The command exists, and takes these options with these values; it is not run."""
    name, *arguments = shlex.split(typed.partition(" >")[0])
    command = GROUPS[group].commands[name]
    loaded = command.load() if isinstance(command, Later) else command
    with loaded.make_context(name, arguments, resilient_parsing=not arguments) as context:
        assert isinstance(context, click.Context)


@pytest.mark.parametrize("block", _shown(), ids=lambda block: block.command)
def test_command_prints_what_is_shown(block: Block) -> None:
    """With an exit code of 0."""
    program, *arguments = shlex.split(block.command)
    ran = CliRunner().invoke(GROUPS[program], arguments)
    assert (ran.exit_code, block.complaint(ran.stdout)) == (0, "")


def test_example_of_an_adapter_is_a_command() -> None:
    """It verifies an LSTM of its own as the page says, in processes of their own."""
    example = DOCS / "examples" / "plain_python.py"
    ran = subprocess.run(  # noqa: S603  # our own file
        [sys.executable, str(example), "u2-d1-t6-*"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout.splitlines()[-1].partition(" (")[0]) == (0, "8 PASS of 8 cases"), ran.stderr


def test_what_the_pages_import_is_in_the_reference() -> None:
    """Of the API: whoever copies an example finds there what else its modules have."""
    texts = [page.read_text(encoding="utf-8") for page in (README, *PAGES, DOCS / "examples" / "plain_python.py")]
    imported = {
        name for text in texts for name in re.findall(r"^(?:>>> )?from ((?:lstm_ref|conformance)[.\w]*) import", text, re.MULTILINE)
    }
    described = {name for text in texts for name in re.findall(r"automodule:: ([.\w]+)", text)}
    assert sorted(imported - described) == []


def test_asterisk_of_a_help_text_is_shown() -> None:
    """What sphinx-click marks itself stays marked."""
    lines = ["**Required** a pattern (*, ?)"]
    conf.plain(None, None, lines)
    assert lines == [r"**Required** a pattern (\*, ?)"]
