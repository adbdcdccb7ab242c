"""Refuses a repeated option that takes one value, whose last value Click itself would silently take; ends errors in one line."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from lstm_ref import LSTMError


class SingleValued(click.Command):
    """A command that refuses a repeated option, unless it takes several values. An error is one message, with exit code 2."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the arguments as Click does, and refuse repeated options.

        Raises:
            click.UsageError: an option that takes one value is given twice.
        """
        if not extra.get("resilient_parsing"):  # True when a shell completes a line
            refuse_repetition(self, args, click.Context(self, parent, info_name))
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # Click handles closed pipes
        except (LSTMError, OSError) as error:
            from conformance.system.error_messages import error_message  # noqa: PLC0415  # needed for an error only

            click.echo(f"error: {error_message(error)}", err=True)
            ctx.exit(2)


def refuse_repetition(command: click.Command, args: Sequence[str], context: click.Context) -> None:
    """Refuse a repeated option, unless it takes several values or is a flag without an opposite.

    Raises:
        click.UsageError: an option is repeated.
    """
    _, _, parameters = command.make_parser(context).parse_args([*args])
    options = Counter(
        parameter
        for parameter in parameters
        if isinstance(parameter, click.Option) and not parameter.multiple and not parameter.count
    )
    for option, times in options.items():
        if times > 1 and (option.secondary_opts or not option.is_flag):
            from conformance.system.error_messages import repeated_option_message  # noqa: PLC0415  # needed for an error only

            raise click.UsageError(repeated_option_message("/".join([*option.opts, *option.secondary_opts]), times), context)
