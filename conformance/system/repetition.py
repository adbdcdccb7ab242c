"""Commands whose options that take one value are given once: Click itself would silently take the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click


class SingleValued(click.Command):
    """A command that refuses an option which is given twice, unless it takes several values."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """As Click's.

        Raises:
            click.UsageError: an option that takes one value is given twice.
        """
        if not extra.get("resilient_parsing"):  # a shell that completes a line
            refuse_repetition(self, args, click.Context(self, parent, info_name))
        return super().make_context(info_name, args, parent, **extra)


def refuse_repetition(command: click.Command, args: Sequence[str], context: click.Context) -> None:
    """Refuse an option that is given twice, unless it takes several values, or can only say the same again.

    Raises:
        click.UsageError: one is.
    """
    _, _, given = command.make_parser(context).parse_args([*args])
    options = Counter(each for each in given if isinstance(each, click.Option) and not each.multiple and not each.count)
    for option, times in options.items():
        if times > 1 and (option.secondary_opts or not option.is_flag):
            from conformance.system.error_messages import repeated_option_message  # noqa: PLC0415  # what goes well needs none of it

            raise click.UsageError(repeated_option_message("/".join([*option.opts, *option.secondary_opts]), times), context)
