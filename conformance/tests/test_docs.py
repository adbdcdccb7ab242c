"""The documentation keeps its promises: what it tells to type can be typed, and gives what stands below it.

Its Python examples are doctests. That it builds without a warning, the continuous integration script asks.
"""

from __future__ import annotations

import collections
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main as benchmarks
from conformance.cli import LazyCommand
from conformance.cli import main as lstm_conformance
from conformance.docs import conf
from conformance.docs.tables import rooms_of_contracts
from conformance.tests.support.readme import DOCS, LONG, PAGES, Block, blocks

GROUPS = {"lstm-conformance": lstm_conformance, "python -m benchmarks": benchmarks}
NAMED = re.compile(rf"[`$ ]({'|'.join(GROUPS)}) ([a-z][^`|\n]*)`?$")


def _named_commands() -> list[tuple[str, str]]:
    """The group of each command that the documentation and the README name, and what is typed behind it."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    # What stands between bars is several commands at once.
    code = re.findall(r"`[^`\n]+`|^\$ .*$", text, re.MULTILINE)
    return sorted({found for each in code for found in NAMED.findall(each)})


def _blocks_by_command() -> dict[str, list[Block]]:
    """What the documentation and the README show the output of, by command; a page may leave out some of what another shows."""
    found = collections.defaultdict(list)
    for block in blocks():
        if not LONG.search(block.command):
            found[block.command.removeprefix("uv run ")].append(block)
    return found


BLOCKS = _blocks_by_command()


@pytest.mark.parametrize(("group", "typed"), _named_commands())
def test_command_can_be_typed(group: str, typed: str) -> None:
    """The command exists, and takes these options with these values; it is not run."""
    name, *arguments = shlex.split(typed.partition(" >")[0])
    command = GROUPS[group].commands[name]
    loaded = command.load() if isinstance(command, LazyCommand) else command
    with loaded.make_context(name, arguments, resilient_parsing=not arguments) as context:
        assert isinstance(context, click.Context)


@pytest.fixture(scope="module")
def folder_of_a_user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands are typed: it holds a model file."""
    keras = importlib.import_module("keras")
    keras.utils.set_random_seed(1)
    lstm, dense = keras.layers.LSTM(4, name="lstm"), keras.layers.Dense(1, name="forecast")
    inputs = keras.Input((10, 3), name="readings")
    folder = tmp_path_factory.mktemp("user")
    keras.Model(inputs, dense(lstm(inputs))).save(folder / "my.keras")
    return folder


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras 3.15 on NumPy 2, when it saves
@pytest.mark.xdist_group("documentation")  # one folder, one TensorFlow
@pytest.mark.parametrize("command", BLOCKS)
def test_command_prints_what_is_shown(command: str, folder_of_a_user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an exit code of 1 where it finds a difference, else of 0."""
    monkeypatch.chdir(folder_of_a_user)
    program, *arguments = shlex.split(command)
    ran = CliRunner().invoke(GROUPS[program], arguments)
    assert ran.exit_code == int(bool(re.search("^FAIL ", ran.stdout, re.MULTILINE)))
    assert [complaint for block in BLOCKS[command] if (complaint := block.complaint(ran.stdout))] == []


def test_example_of_an_adapter_is_a_command() -> None:
    """It verifies an LSTM of its own as the page says, in processes of their own."""
    example = DOCS / "examples" / "plain_python.py"
    ran = subprocess.run(  # noqa: S603  # our own file
        [sys.executable, str(example), "u2-d1-t6-*"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout.splitlines()[-1].partition(" (")[0]) == (0, "8 PASS of 8 cases"), ran.stderr


@pytest.mark.parametrize(("room", "purpose", "imports"), rooms_of_contracts(), ids=lambda text: text if "/" in text else "")
def test_every_room_says_what_it_is_for_and_what_it_may_import(room: str, purpose: str, imports: str) -> None:
    """In the first two paragraphs of its docstring, which the architecture page shows."""
    assert purpose.endswith(".")
    assert re.match(r"It (may )?imports? ", imports), f"{room}: {imports}"


def test_every_room_of_the_contract_is_a_package() -> None:
    """A layer that is missing in the table of the architecture page is a door: a module beside the rooms."""
    root = DOCS.parents[1]
    packages = [*root.glob("conformance/*/__init__.py"), *root.glob("lstm_ref/*/__init__.py")]
    folders = {path.parent.relative_to(root).as_posix() for path in packages}
    assert {room for room, *_ in rooms_of_contracts()} == folders | {"benchmarks", "lstm_ref"}


def test_what_the_pages_import_is_in_the_reference() -> None:
    """Of the API: whoever copies an example finds there what else its modules have."""
    texts = [page.read_text(encoding="utf-8") for page in (*PAGES, DOCS / "examples" / "plain_python.py")]
    imported = {
        name for text in texts for name in re.findall(r"^(?:>>> )?from ((?:lstm_ref|conformance)[.\w]*) import", text, re.MULTILINE)
    }
    described = {name for text in texts for name in re.findall(r"automodule:: ([.\w]+)", text)}
    assert sorted(imported - described) == []


def test_asterisk_of_a_help_text_is_shown() -> None:
    """What sphinx-click marks itself stays marked."""
    lines = ["**Required** a pattern (*, ?)"]
    conf.escape_asterisks(None, None, lines)
    assert lines == [r"**Required** a pattern (\*, ?)"]
