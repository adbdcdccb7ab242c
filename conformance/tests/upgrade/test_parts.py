"""Parts of an upgrade: facts of the API, gates, references, pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np
import pytest
from packaging.version import Version
from rich.console import Console

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.judging.verdict import Result, Verdict
from conformance.report.document import Block, Heading, Lines, Rows, Script, show
from conformance.report.markdown import as_markdown
from conformance.upgrade.change import Change, Kind
from conformance.upgrade.facts import changed_facts
from conformance.upgrade.gates import DifferingTimestep, gates_by_deviation, gates_by_states
from conformance.upgrade.references import CONVENTIONS, UPSTREAM, Upstream, upstream_of
from lstm_ref.cell import Gates
from lstm_ref.deviations import DEVIATIONS

# --- facts ---------------------------------------------------------------------------------------------------------------------

OLD = {
    "arguments": {"units": "required", "recurrent_activation": "'hard_sigmoid'", "implementation": "1"},
    "config": {"units": 2, "implementation": 1},
    "not_serialised": [],
    "methods": ["reset_states"],
    "summary": "640.0",
    "weights": [["kernel", [5, 40]]],
}
NEW = {
    "arguments": {"units": "required", "recurrent_activation": "'sigmoid'", "use_cudnn": "'auto'"},
    "config": {"units": 2},
    "not_serialised": ["use_cudnn"],
    "methods": ["reset_state", "reset_states"],
    "summary": "640 (2.50 KB)",
    "weights": [["kernel", [5, 40]]],
}


def test_changed_facts_are_named() -> None:
    """Defaults, arguments, keys of the configuration, what it lacks, methods and the summary; what is the same is left out."""
    changed = {fact.subject: (fact.before, fact.after) for fact in changed_facts(OLD, NEW)}
    assert changed == {
        "argument recurrent_activation": ("'hard_sigmoid'", "'sigmoid'"),
        "argument use_cudnn": ("not there", "'auto'"),
        "argument use_cudnn in the configuration": ("not there", "not serialised"),
        "method reset_state": ("not there", "there"),
        "summary of a model": ("640.0", "640 (2.50 KB)"),
        "argument implementation": ("1", "not there"),
        "configuration key implementation": ("there", "not there"),
    }


@pytest.mark.parametrize(("before", "after"), [({}, NEW), (OLD, {})])
def test_nothing_is_said_where_a_side_says_nothing(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """An unknown API has not lost everything."""
    assert changed_facts(before, after) == []


def test_changed_fact_names_its_change_upstream() -> None:
    """Between a version that has it and one that has not."""
    environments = {"keras": "3.1.1"}, {"keras": "3.2.0"}
    (fact,) = [fact for fact in changed_facts(OLD, NEW, environments) if fact.subject == "argument use_cudnn"]
    assert fact.upstream == ("https://github.com/keras-team/keras/commit/b451d660a2",)


# --- references ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deviation", CONVENTIONS)
def test_convention_is_a_deviation_with_a_reason(deviation: str) -> None:
    """The file names none that is not there."""
    assert deviation in DEVIATIONS
    assert CONVENTIONS[deviation].endswith(".")


@pytest.mark.parametrize("upstream", UPSTREAM, ids=lambda upstream: upstream.address.rpartition("/")[2])
def test_upstream_reference_speaks_of_cases_that_can_be(upstream: Upstream) -> None:
    """Features and values that there are, in Keras' own repository."""
    values = {feature.name: feature.values for feature in FEATURES}
    assert upstream.address.startswith("https://github.com/keras-team/keras/")
    assert upstream.when or upstream.fact
    assert all(set(allowed) <= set(values[name]) for name, allowed in upstream.when.items())


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ({"keras": "3.9.2", "backend": "numpy"}, {"keras": "3.10.0", "backend": "numpy"}, True),
        ({"keras": "3.10.0", "backend": "numpy"}, {"keras": "3.9.2", "backend": "numpy"}, True),
        ({"keras": "3.10.0", "backend": "numpy"}, {"keras": "3.15.1", "backend": "numpy"}, False),
        ({"keras": "3.9.2", "backend": "torch"}, {"keras": "3.10.0", "backend": "torch"}, False),
        ({"keras": "3.9.2", "backend": "numpy"}, {"implementation": "lstm_ref"}, False),
        ({"keras": "2.2.4", "backend": "numpy"}, {"keras": "3.15.1", "backend": "numpy"}, False),
    ],
    ids=["up", "down", "both have it", "another backend", "no Keras", "another history"],
)
def test_change_names_what_lies_between_two_versions(before: Mapping[str, str], after: Mapping[str, str], *, named: bool) -> None:
    """Where one of them has it and the other has not, on a backend where it shows."""
    result = Result(case_id="u3-d2-t5-b4-seq-cells2-s0", group="", verdict=Verdict.PASS)
    change = upstream_of(Change(kind=Kind.NO_LONGER_CRASHES, before=result, after=result), before, after)
    assert (change.upstream == ("https://github.com/keras-team/keras/pull/21224",)) is named


def test_upstream_versions_are_versions() -> None:
    """Each of Keras 3."""
    assert all(Version("3.0") <= upstream.since < Version("4") for upstream in UPSTREAM)


# --- gates ---------------------------------------------------------------------------------------------------------------------

PARTING = DifferingTimestep(case=Case.from_id("u3-d2-t2-b4-s0"), timestep=1)


@pytest.mark.parametrize(
    ("before", "after", "gates"),
    [
        ("", "hard_sigmoid_keras2", "i, f and o"),
        ("candidate_off_by_1e-5", "", "c"),
        ("forget_bias_doubled", "forget_bias_missing", "f"),
        ("", "all_gates_icfo", "f and c"),
        ("", "output_tanh_missing", ""),
    ],
)
def test_deviation_says_which_gates_differ(before: str, after: str, gates: str) -> None:
    """Those that it makes other ones, from the same state; none where it is what is made of them that differs."""
    assert gates_by_deviation(PARTING, before, after)[0] == gates


@pytest.mark.parametrize("gate", ["i", "f", "candidate", "o"])
def test_states_say_which_gate_may_differ(gate: str) -> None:
    """The output gate for sure, since it acts on h only; of the three that make c, the one that does is among those named."""
    lstm, before = PARTING.reference, PARTING.state
    gates = lstm.gates(PARTING.inputs, before)
    changed: Gates = gates._replace(**{gate: 0.9 * getattr(gates, gate)})
    cell = changed.f * before.cell + changed.i * changed.candidate
    named, _ = gates_by_states(PARTING, hidden=changed.o * np.tanh(cell), cell=cell)
    assert gate[0] in named
    assert (named == "o") is (gate == "o")


def test_states_rule_out_a_gate_beyond_its_range() -> None:
    """From a state of zeros, no forget gate makes another c."""
    first = DifferingTimestep(case=Case.from_id("u3-d2-t1-b4-s0"), timestep=0)
    gates = first.reference.gates(first.inputs, first.state)
    cell = 0.9 * gates.i * gates.candidate
    assert gates_by_states(first, hidden=gates.o * np.tanh(cell), cell=cell)[0] == "i or c"


def test_two_gates_at_once_are_told_from_one() -> None:
    """Where c and h given c are other ones, no gate alone explains it."""
    gates, cell = PARTING.reference.gates(PARTING.inputs, PARTING.state), np.full((4, 3), 0.3)
    assert gates_by_states(PARTING, hidden=0.5 * gates.o * np.tanh(cell), cell=cell)[1].startswith("more than one gate")


@pytest.mark.parametrize("word", ["back-", "init-", "back-init-"])
def test_timestep_starts_from_the_state_that_the_reference_has_there(word: str) -> None:
    """Read backwards, or from an initial state: a step from there ends where the run of one timestep more ends."""
    case = Case.from_id(f"u3-d2-t4-b4-{word}s0")
    steps = [DifferingTimestep(case=case, timestep=timestep) for timestep in (1, 2)]
    after = steps[0].reference.step(steps[0].inputs, steps[0].state)
    np.testing.assert_array_equal(after.hidden, steps[1].state.hidden)


# --- pages ---------------------------------------------------------------------------------------------------------------------

PAGE: list[Block] = [Heading("a_b"), Lines(["one | two"]), Rows(("x", "y"), [("1|2", "a\nb")]), Script("code", "print()\n")]


def test_page_as_markdown_shows_what_it_says() -> None:
    """What Markdown would read as its own is escaped; a cell has no line break."""
    assert as_markdown(PAGE) == (
        "\n## a\\_b\n\none \\| two  \n\n| x | y |\n| --- | --- |\n| 1\\|2 | a b |\n\n"
        "<details><summary>code</summary>\n\n```python\nprint()\n```\n\n</details>\n\n"
    )


def test_page_in_a_pipe_is_plain() -> None:
    """No markup is taken from what it says."""
    console = Console(file=StringIO(), width=60)
    show([*PAGE, Lines(["[red]"], "bold")], console)
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines()[:3] == ["", "a_b", "one | two"]
    assert "[red]" in console.file.getvalue()


def test_explanation_of_the_later_side_comes_first() -> None:
    """What is wrong now matters more than what was."""
    was = Result(case_id="u1-d1-t1-b1-s0", group="", verdict=Verdict.FAIL, explained_by=("mask_ignored",))
    change = Change(kind=Kind.OTHERWISE_WRONG, before=was, after=replace(was, explained_by=("mask_inverted",)))
    assert change.explained_by == "mask_inverted"
