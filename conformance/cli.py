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

# The place of each command, as module:name in the package of commands, and the first sentence of its help.
COMMANDS: dict[str, tuple[str, str]] = {
    "agree": (
        "agree:agree_pairwise",
        "Compare the outputs of implementations with one another, pair by pair (folders of `verify --keep`).",
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
        "List the environments for `verify --environment`, `upgrade`, `history` and `model`.",
    ),
    "explain": (
        "explain:explain_case",
        "Show the parts and sizes of a layer, or the numbers of a CASE, reference beside Keras.",
    ),
    "history": (
        "upgrade:history",
        "Run the same cases on a range of Keras versions, and show the results and their changes.",
    ),
    "list": ("listing:list_cases", "Print the ids of the documents' matrix, or of a level of the surface, one per line."),
    "model": (
        "model:model",
        "Verify every LSTM of a .keras or .h5 file with its own weights, and the whole model, in one environment or across two.",
    ),
    "record": (
        "environments:record",
        "Run all cases of a level in an environment and record the answers, for machines that cannot build it.",
    ),
    "report": (
        "report:report",
        "Make a page from reports of --json; several runs of `verify` stand side by side on one page.",
    ),
    "reproduce": (
        "reproduce:reproduce",
        "Print a case, or a known difference, as a script of under 30 lines that needs only Keras and NumPy.",
    ),
    "schema": (
        "schema:print_schema",
        "Print the JSON schema of a FORMAT that commands write; without FORMAT, list the formats.",
    ),
    "sensitivity": (
        "deviations:sensitivity",
        "Show how small an error the tolerances detect: the share of cases that reject it, and the result of the pooled tests.",
    ),
    "upgrade": ("upgrade:upgrade", "Run the same cases FROM one version TO another, judge both, and report the changes."),
    "verify": (
        "verify:verify",
        "Run the documents' matrix, or a level of the surface, on the installed Keras and judge every case.",
    ),
}


class LazyCommand(click.Command):
    """A command that is imported only when it runs or shows its help. Lists and completion need its name and summary only.

    Args:
        name: of the command.
        place: of its function, as in COMMANDS.
        summary: first sentence of its help.
    """

    def __init__(self, name: str, place: str, summary: str) -> None:
        super().__init__(name, short_help=summary)
        self._place = place

    def load(self) -> click.Command:
        """Import the command."""
        command: click.Command = resolve_name(f"{__package__}.commands.{self._place}")
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the imported command.

        Raises:
            click.UsageError: an option that takes one value is given twice. Click would silently use the last.
        """
        command = self.load()
        if not extra.get("resilient_parsing"):  # set while a shell completes a line
            from conformance.system.repetition import refuse_repetition  # noqa: PLC0415  # not needed to list commands

            refuse_repetition(command, args, click.Context(command, parent, info_name))
        return command.make_context(info_name, args, parent, **extra)


class _CommandGroup(click.Group):
    """A group of commands. An error is printed as one message, and Ctrl-C ends a command cleanly."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command. Output does not fail if the encoding lacks a character."""
        accept_every_character()
        return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise  # Click handles usage errors, exits and closed pipes
        except KeyboardInterrupt:
            _end("interrupted: what was printed before this line is all that has finished", UNFINISHED)
        except Exception as error:
            from conformance.system.error_messages import TRACEBACK, error_message  # noqa: PLC0415  # needed only after an error

            if os.environ.get(TRACEBACK):
                raise
            _end(f"error: {error_message(error, _options(ctx))}", UNUSABLE)


def _options(ctx: click.Context) -> list[str]:
    """The options of the command that runs."""
    command = ctx.command.get_command(ctx, ctx.invoked_subcommand or "") if isinstance(ctx.command, click.Group) else None
    command = command.load() if isinstance(command, LazyCommand) else command
    return [option for parameter in command.params for option in parameter.opts] if command else []


def _end(message: str, code: int) -> NoReturn:
    sys.stderr.write("".join(f"{printable(line)}\n" for line in message.splitlines()))
    sys.exit(code)


@click.group(
    cls=_CommandGroup,
    commands=[LazyCommand(name, place, summary) for name, (place, summary) in COMMANDS.items()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="keras-lstm-conformance")
def main() -> None:
    """Decide whether an LSTM is a Keras LSTM.

    Exit codes: 0 as expected, 1 differences or an unfinished run, 2 usage or environment error.
    """
