"""The command line; `lstm-conformance --help` lists its commands.

Exit codes: 0 everything as expected; 1 something differs, or the run ended before its plan; 2 wrong usage, or the implementation
cannot run here.
"""

from __future__ import annotations

import os
import sys
from pkgutil import resolve_name
from typing import Any, NoReturn

import click

from conformance.system.streams import accept_every_character, printable

UNFINISHED, UNUSABLE = 1, 2

# Where each command is, as module:name in the package of commands, and the first sentence of its help.
COMMANDS: dict[str, tuple[str, str]] = {
    "agree": (
        "agree:agree_pairwise",
        "Compare what implementations returned with one another, pair by pair (folders of `verify --keep`).",
    ),
    "claims": ("claims:claims", "Settle the documents' statements by running them, and show the evidence."),
    "deviations": (
        "deviations:deviations",
        "List the mistakes that the suite can name, and which check rejects each (the kill matrix).",
    ),
    "differences": (
        "differences:list_differences",
        "Print the known differences of released Keras versions as Markdown, each with its reproduction.",
    ),
    "environments": (
        "environments:environments",
        "List the environments that can be named to `verify --environment`, `upgrade`, `history` and `model`.",
    ),
    "explain": (
        "explain:explain_case",
        "Show what a layer is made of, with sizes; or a case's numbers, reference beside Keras, with its CASE id.",
    ),
    "history": (
        "upgrade:history",
        "Ask the same cases of a range of Keras versions, and show what each answers and where that changes.",
    ),
    "list": ("listing:list_cases", "Print the ids of the documents' matrix, or of a level of the surface, one a line."),
    "model": (
        "model:model",
        "Verify every LSTM of a .keras or .h5 file with its own weights, and the whole model, in one environment or across two.",
    ),
    "record": (
        "environments:record",
        "Ask an environment all cases of a level and keep what it answers, to be shown where it cannot be built.",
    ),
    "report": (
        "report:report",
        "Make the page of reports that --json has written; of several runs of `verify`, one page side by side.",
    ),
    "reproduce": (
        "reproduce:reproduce",
        "Print a case, or a known difference, as a script of under 30 lines that needs only Keras and NumPy.",
    ),
    "schema": (
        "schema:print_schema",
        "Print the JSON schema of what commands write for machines; without FORMAT, list the formats.",
    ),
    "sensitivity": (
        "deviations:sensitivity",
        "Show how small an error the tolerances see: the share of cases that reject it alone, and whether all do together.",
    ),
    "upgrade": ("upgrade:upgrade", "Ask the same cases FROM one version TO another, judge both, and report what changes."),
    "verify": (
        "verify:verify",
        "Run the documents' matrix, or a level of the surface, on the installed Keras and judge every case.",
    ),
}


class LazyCommand(click.Command):
    """Stands for a command in lists and completion: what needs more than its name and first sentence has it imported.

    Args:
        name: as it is called.
        place: where it is, a value of COMMANDS.
        says: its first sentence.
    """

    def __init__(self, name: str, place: str, says: str) -> None:
        super().__init__(name, short_help=says)
        self._place = place

    def load(self) -> click.Command:
        """The command itself."""
        command: click.Command = resolve_name(f"{__package__}.commands.{self._place}")
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The command's own, which then runs in this one's place.

        Raises:
            click.UsageError: an option that takes one value is given twice, of which Click would silently take the last.
        """
        command = self.load()
        if not extra.get("resilient_parsing"):  # a shell that completes a line
            from conformance.system.repetition import refuse_repetition  # noqa: PLC0415  # the list of commands needs none of it

            refuse_repetition(command, args, click.Context(command, parent, info_name))
        return command.make_context(info_name, args, parent, **extra)


class _Refusing(click.Group):
    """Commands that refuse in one message what they cannot do, wherever they are defined, and end as a user ends them."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run what the arguments say; nothing that is printed fails for want of a character."""
        accept_every_character()
        return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise  # which Click answers: usage, an end, a reader who has left
        except KeyboardInterrupt:
            _end("interrupted: what was printed before this line is all that has finished", UNFINISHED)
        except Exception as error:
            from conformance.system.error_messages import TRACEBACK, error_message  # noqa: PLC0415  # what goes well needs none of it

            if os.environ.get(TRACEBACK):
                raise
            _end(f"error: {error_message(error, _options(ctx))}", UNUSABLE)


def _options(ctx: click.Context) -> list[str]:
    """Those of the command that was called."""
    command = ctx.command.get_command(ctx, ctx.invoked_subcommand or "") if isinstance(ctx.command, click.Group) else None
    command = command.load() if isinstance(command, LazyCommand) else command
    return [option for parameter in command.params for option in parameter.opts] if command else []


def _end(said: str, code: int) -> NoReturn:
    sys.stderr.write("".join(f"{printable(line)}\n" for line in said.splitlines()))
    sys.exit(code)


@click.group(
    cls=_Refusing,
    commands=[LazyCommand(name, place, says) for name, (place, says) in COMMANDS.items()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="keras-lstm-conformance")
def main() -> None:
    """Decide whether an LSTM is a Keras LSTM.

    Exit codes: 0 as expected, 1 differences or an unfinished run, 2 usage or environment error.
    """
