"""The documents' matrix: its axes, its size, and how cases are chosen from it."""

from __future__ import annotations

import itertools
import re

import pytest

from conformance.cases.case import Case
from conformance.matrix import cell_count, documents_matrix, select
from conformance.matrix.documents import BATCHES, INPUT_DIMS, TIMESTEPS, UNITS
from lstm_ref import LSTMError

CASES = list(documents_matrix())


def test_matrix_has_every_cell_at_both_batch_sizes() -> None:
    """6 × 6 × 8 × 2 × 2 cells, each with 3 and with 32 rows, each with an id of its own."""
    assert cell_count(CASES) == 6 * 6 * 8 * 2 * 2 == 1152
    assert len(CASES) == len({case.id for case in CASES}) == 2304


def test_axes_are_the_documents_values() -> None:
    """What the four documents name, and nothing else."""
    assert UNITS == (1, 2, 10, 32, 100, 128)
    assert INPUT_DIMS == (1, 2, 5, 10, 28, 64)
    assert TIMESTEPS == (1, 6, 10, 13, 28, 50, 100, 150)
    assert BATCHES == (3, 32)


def test_axes_are_crossed_in_full() -> None:
    """Every combination of the axes' values is a case."""
    crossed = set(itertools.product(UNITS, INPUT_DIMS, TIMESTEPS, BATCHES, (False, True), (False, True)))
    met = {
        (case.config.units, case.input_dim, case.timesteps, case.batch, case.config.return_sequences, case.config.stateful)
        for case in CASES
    }
    assert met == crossed


def test_every_case_is_a_default_lstm_that_returns_its_states() -> None:
    """Beside the crossed arguments each layer is as Keras builds it, in float32, given float64."""
    told = {
        (
            case.config.activation, case.config.recurrent_activation, case.config.use_bias, case.config.return_state,
            case.config.go_backwards, case.precision, case.input_dtype,
        )
        for case in CASES
    }  # fmt: skip
    assert told == {("tanh", "sigmoid", True, True, False, "float32", "float64")}


def test_families_are_contiguous() -> None:
    """Cases that share weights and inputs follow one another."""
    runs = [family for family, _ in itertools.groupby(CASES, key=lambda case: case.family)]
    assert len(runs) == len(set(runs)) == 36


@pytest.mark.parametrize("seed", [0, 1, 12])
def test_seed_is_every_cases_seed(seed: int) -> None:
    """A seed makes another matrix of the same cells."""
    assert {case.seed for case in documents_matrix(seed)} == {seed}


def test_eager_cases_say_so_in_their_id() -> None:
    """How a case is computed is part of its id, not of its cell."""
    eager = list(documents_matrix(compiled=False))
    assert {case.execution.compiled for case in eager} == {False}
    assert all("-eager-" in case.id for case in eager)
    assert cell_count(eager + CASES) == 1152


def ids(cases: list[Case]) -> list[str]:
    """Their ids."""
    return [case.id for case in cases]


def test_no_pattern_selects_everything() -> None:
    """In the matrix' order."""
    assert select(CASES, []) == CASES


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["u10-d5-t13-b3-s0"], ["u10-d5-t13-b3-s0"]),
        (["u10-d5-t13-b?-s0"], ["u10-d5-t13-b3-s0"]),
        (["u1*-d1-t1-b3-s0"], [f"u{units}-d1-t1-b3-s0" for units in (1, 10, 100, 128)]),
        (["u3[02]-d1-t1-b3-s0"], ["u32-d1-t1-b3-s0"]),
        (["u10-d5-t1-b32-s0", "u2-d2-t1-b3-s0"], ["u2-d2-t1-b3-s0", "u10-d5-t1-b32-s0"]),
    ],
)
def test_ids_and_patterns_select_cases_in_the_matrix_order(patterns: list[str], expected: list[str]) -> None:
    """Whatever the order of the patterns."""
    assert ids(select(CASES, patterns)) == expected


def test_overlapping_patterns_select_a_case_once() -> None:
    """A case is run once, however often it is named."""
    chosen = ids(select(CASES, ["u1-d1-*", "u1-d1-t1-*", "u1-d1-t1-b3-s0"]))
    assert len(chosen) == len(set(chosen)) == 64


@pytest.mark.parametrize(("pattern", "near"), [("u10-d5-t13-b4-s", "u10-d5-t13-b3-s0"), ("nonsense", "u1-d1-t1-b3-s0")])
def test_pattern_without_a_match_is_refused_with_near_ids(pattern: str, near: str) -> None:
    """The message repeats the pattern, offers ids like it, and says how to see all."""
    with pytest.raises(LSTMError, match=re.escape(f"no case matches {pattern!r}; ids look like: ")) as refusal:
        select(CASES, ["u1-*", pattern])
    assert near in str(refusal.value)
    assert str(refusal.value).endswith(
        "`lstm-conformance list` prints those of the documents' matrix, and with --level LEVEL those of a level"
    )
