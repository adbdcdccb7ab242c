"""The page, its plots and the trend: whole in themselves, and safe with any name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from benchmarks import tables
from benchmarks.goals import FUSED
from benchmarks.plots import Plot, as_html, plots
from benchmarks.results import read
from benchmarks.tests.documents import EXAMPLE, document, entry, pair, random_rounds, write_document
from benchmarks.trend import points
from conformance.report.documents import DocumentError

HOSTILE = "_<script>alert('x')</script>$\\frac{1$ & --> \"'"


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Plot:
    """Of a sweep of two peers, one with a hostile name."""
    entries = [
        entry(peer, random_rounds(0.001 * units, units), workload=f"units-{units}", sweep="units", units=units)
        for units in (8, 32, 128)
        for peer in ("floor", HOSTILE)
    ]
    (plot,) = plots([read(write_document(tmp_path_factory.mktemp("run"), document(*entries)))])
    return plot


def test_a_page_asks_nothing_of_the_network(drawing: Plot) -> None:
    """No address in it, and a policy that would stop it; the script is that of every page."""
    runs = [read(EXAMPLE)]
    page = as_html("Benchmarks", tables.summary(runs), [drawing, *plots(runs)], tables.details(runs))
    assert "://" not in page
    assert page.count("<script") == 1
    assert not re.search(r"\b(src|href)=(?![\"'](#|data:,))|@import|url\((?!#)", page)
    assert "default-src &#39;none&#39;" in page


def test_a_page_shows_hostile_names_as_text(tmp_path: Path, drawing: Plot) -> None:
    """Of a peer, a reason, a file and in a plot."""
    runs = [read(write_document(tmp_path, document(*pair(1.0, HOSTILE), absent={HOSTILE: HOSTILE})))]
    page = as_html(HOSTILE, tables.summary(runs), [drawing], tables.details(runs))
    assert page.count("<script") == 1
    assert page.count("&lt;script&gt;") >= 5


def test_ids_of_two_plots_do_not_meet(drawing: Plot) -> None:
    """And every reference in a plot finds its target there."""
    other = Plot(name="other", title="other", figure=drawing.figure)
    ids, others = (set(re.findall(r'id="([^"]+)"', plot.inline_svg())) for plot in (drawing, other))
    assert ids
    assert not ids & others
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', drawing.inline_svg())) <= ids


def test_a_plot_is_well_formed_svg_with_its_names(drawing: Plot) -> None:
    """The legend is text; the floor's line is the thick dashed one."""
    root = ET.fromstring(drawing.svg)  # noqa: S314  # our own drawing
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"floor", HOSTILE, "units", "8", "32", "128"} <= set(texts)
    floor = next(line for line in drawing.figure.axes[0].lines if line.get_linestyle() == "--")
    assert floor.get_linewidth() > 2 * min(line.get_linewidth() for line in drawing.figure.axes[0].lines)


def test_a_plot_is_log_log_with_a_line_for_each_peer(drawing: Plot) -> None:
    """At the sizes that were timed."""
    (axes,) = drawing.figure.axes
    assert (axes.get_xscale(), axes.get_yscale(), len(axes.lines)) == ("log", "log", 2)
    assert np.array_equal(axes.lines[0].get_xdata(), [8, 32, 128])
    assert drawing.png().startswith(b"\x89PNG")


def test_the_same_run_is_drawn_to_the_same_bytes() -> None:
    """So that files can be compared."""
    first, second = ([plot.svg for plot in plots([read(EXAMPLE)])] for _ in range(2))
    assert first == second


def test_a_run_without_sweeps_has_no_plots(tmp_path: Path) -> None:
    """Nor has a sweep of one point."""
    assert list(plots([read(write_document(tmp_path, document(*pair(1.0, sweep="units"))))])) == []


def test_a_trend_has_ratios_then_medians(tmp_path: Path) -> None:
    """In the fields that github-action-benchmark reads, and names that are one series each."""
    trend = points([read(write_document(tmp_path, document(*pair(1.25))))])
    assert [(point["name"], point["unit"]) for point in trend] == [
        (f"{FUSED} / floor: text, 32×100×64→128, 1 thread", "×"),
        ("floor: text, 32×100×64→128, 1 thread", "ms"),
        (f"{FUSED}: text, 32×100×64→128, 1 thread", "ms"),
    ]
    assert [point["value"] for point in trend] == [pytest.approx(each, rel=0.02) for each in (1.25, 10.0, 12.5)]
    assert all(re.fullmatch(r"± \d+\.\d+", str(point["range"])) for point in trend)
    assert json.loads(json.dumps(trend, allow_nan=False)) == trend


def test_a_trend_leaves_out_a_range_that_is_not_known(tmp_path: Path) -> None:
    """Three rounds have none."""
    (point,) = points([read(write_document(tmp_path, document(entry("a", [1.0] * 3))))])
    assert set(point) == {"name", "unit", "value", "extra"}


def test_a_trend_takes_a_run_once(tmp_path: Path) -> None:
    """Two points of one series are refused."""
    run = read(write_document(tmp_path, document(*pair(1.25))))
    with pytest.raises(DocumentError, match="2 of the files hold"):
        points([run, run])
