"""Refuses a repeated option that takes one value. Click itself would silently take the last value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click


class SingleValued(click.Command):
    """A command that refuses a repeated option, unless the option takes several values."""

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
