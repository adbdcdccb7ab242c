"""The contents of a page of results of any command."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conformance.judging.verdict import Verdict
from conformance.report.html.charts import Drawing
from conformance.report.style import SYMBOL


@dataclass(frozen=True, kw_only=True)
class Mark:
    """An outcome.

    Attributes:
        verdict: gives its colour and symbol; "" for none.
        text: its name.
    """

    verdict: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Count(Mark):
    """The number of cases with an outcome.

    Attributes:
        number: of cases.
    """

    number: int


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A grid with rows of behaviours and columns of backends or versions.

    Attributes:
        title: of the grid.
        corner: heading of the row names.
        columns: names. A grid without column names may have any number of marks in a row.
        rows: name of each row, and a mark for each column; None for an empty cell.
    """

    title: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Mark | None]]]

    @property
    def key(self) -> list[tuple[str, str]]:
        """The symbols in the grid, and the meaning of each."""
        symbols = {symbol for _, marks in self.rows for mark in marks if mark for symbol in mark.text.split()}
        return [(symbol, verdict.replace("_", " ").lower()) for verdict, symbol in SYMBOL.items() if symbol in symbols]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of text. `numeric` lists the positions of columns of numbers, from 0."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class Code:
    """A command or a script that the reader can copy."""

    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry that the reader can open.

    Attributes:
        id: of the case, the change, the LSTM or the claim; links use it.
        kind: value for the filter of the page.
        mark: outcome.
        title: of the entry.
        summary: in one line.
        lines: named lines of text.
        tables: of numbers.
        drawing: of numbers.
        code: that reproduces it.
        links: addresses of related pages, such as an issue.
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
    """Results that have something in common.

    Attributes:
        kind: value for the filter of the page.
        mark: outcome of all members.
        title: what the members have in common.
        members: id and note of each member that has no entry.
        entries: of the other members.
    """

    kind: str
    mark: Mark
    title: str
    members: Sequence[tuple[str, str]] = ()
    entries: Sequence[Entry] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of results.

    Attributes:
        title: of the page.
        outcome: whether all is as expected, with a summary.
        caveats: notes for the top of the page: cases that were not asked, did not run or are unresolved.
        facts: implementation, versions, conventions, speed.
        counts: of each outcome.
        grids: of outcomes.
        tables: of numbers.
        notes: lines below the tables.
        features: filters for ids: word of an id → its meaning.
        entries: of the differences.
        groups: of the other results.
        entries_title: heading of the entries.
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
    entries_title: str = "What differs"

    @property
    def heading(self) -> str:
        """The heading of the entries. "Nothing differs" is the heading only if all is as expected."""
        if self.entries:
            return self.entries_title
        return "Nothing differs" if self.outcome.verdict == Verdict.PASS else "Results"

    @property
    def kinds(self) -> dict[str, str]:
        """The values of the filter, each with its name."""
        parts: list[Entry | Group] = [*self.entries, *self.groups]
        return {part.kind: part.mark.text for part in parts}
