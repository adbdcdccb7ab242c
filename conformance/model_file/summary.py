"""What is said of a model file, as a page that fits the summary of a CI run."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.model_file.report import ModelReport, cell_of, compared_line, details_of, environment_lines, head_lines
from conformance.report.document import Block, Heading, Lines, Rows


def blocks_of(report: ModelReport) -> Iterator[Block]:
    """Header, one row per LSTM, what differs and why, and how the whole model fares."""
    yield Heading(f"{report.path}: {'✅ as expected' if report.is_expected else '❌ not as expected'}")
    yield Lines(list(head_lines(report)))
    labels = [each.label for each in report.environments]
    rows = [
        (
            lstm.path,
            "–" if lstm.weights is None else f"{lstm.weights.input_dim} → {lstm.weights.units}",
            *(cell_of(lstm, number, each).plain for each in report.environments),
        )
        for number, lstm in enumerate(report.lstms)
    ]
    yield Rows(("LSTM", "input_dim → units", *labels), rows)
    yield Lines(list(filter(None, [*details_of(report), *environment_lines(report), compared_line(report)])))
