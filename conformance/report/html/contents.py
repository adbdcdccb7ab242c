"""What a page of results holds, whatever command it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conformance.judging.verdict import Verdict
from conformance.report.html.charts import Drawing
from conformance.report.style import SYMBOL


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How something came out.

    Attributes:
        verdict: by whose colour and symbol it is shown; "" for none.
        text: in words.
    """

    verdict: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Count(Mark):
    """How often something came out so.

    Attributes:
        number: of cases.
    """

    number: int


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Behaviours down, backends or versions across.

    Attributes:
        title: of it.
        corner: what the rows are.
        columns: names; none of a grid that has one column only, whose rows may then have many marks.
        rows: name of each row, and a mark for each column; None where there is nothing.
    """

    title: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Mark | None]]]

    @property
    def key(self) -> list[tuple[str, str]]:
        """The symbols that its marks say, and what each stands for."""
        said = {symbol for _, marks in self.rows for mark in marks if mark for symbol in mark.text.split()}
        return [(symbol, verdict.replace("_", " ").lower()) for verdict, symbol in SYMBOL.items() if symbol in said]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text; `numeric` are the columns of numbers, by position from 0."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class Code:
    """A command or a script, to be copied."""

    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Something that a reader opens.

    Attributes:
        id: of the case, the change, the LSTM or the claim; links name it.
        kind: that the page is filtered by.
        mark: how it came out.
        title: of it.
        summary: in one line.
        lines: what is said of it, each with a name.
        tables: of its numbers.
        drawing: of its numbers.
        code: that shows it.
        links: addresses of what others say of it.
    """

    id: str
    kind: str
    mark: Mark
    title: str
    summary: str = ""
    lines: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    drawing: Drawing | None = None
    code: Sequence[Code] = ()
    links: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Group:
    """Many that have something in common.

    Attributes:
        kind: of all of them.
        mark: how they came out.
        title: what they have in common.
        members: id, and a note or none, of those that need no opening.
        entries: those that do.
    """

    kind: str
    mark: Mark
    title: str
    members: Sequence[tuple[str, str]] = ()
    entries: Sequence[Entry] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """All of it.

    Attributes:
        title: of the page.
        outcome: whether all is as expected, and what it is that matters.
        caveats: what a reader must know first: what was not asked, not run, not settled.
        facts: what ran, in which versions, by which conventions, how fast.
        counts: by how it came out.
        grids: of them.
        tables: beside them.
        notes: lines below them.
        features: what ids can be filtered by: word of an id → what it means.
        entries: what differs.
        groups: all else.
        opened: what the entries are.
    """

    title: str
    outcome: Mark
    facts: Sequence[tuple[str, str]]
    counts: Sequence[Count]
    caveats: Sequence[str] = ()
    grids: Sequence[Grid] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    features: Mapping[str, str] = field(default_factory=dict)
    entries: Sequence[Entry] = ()
    groups: Sequence[Group] = ()
    opened: str = "What differs"

    @property
    def heading(self) -> str:
        """Of the entries; without any, that nothing differs is said of a page that is as expected only."""
        if self.entries:
            return self.opened
        return "Nothing differs" if self.outcome.verdict == Verdict.PASS else "Results"

    @property
    def kinds(self) -> dict[str, str]:
        """What the page can be filtered by, and its words."""
        parts: list[Entry | Group] = [*self.entries, *self.groups]
        return {each.kind: each.mark.text for each in parts}
