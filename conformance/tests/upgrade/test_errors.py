"""The errors by which a wrong answer is known again: rounding leaves them, another answer does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from conformance.adapters.base import Adapter
from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.judging.verdict import Result, Verdict
from conformance.reference.adapter import FusedAdapter, ReferenceAdapter
from conformance.reference.run import expected_calls
from conformance.upgrade.errors import MeasuredErrors, measure_errors
from lstm_ref.arrays import Array
from lstm_ref.deviations import DEVIATIONS

PLAIN = Case.from_id("u3-d2-t5-b4-seq-s0")
# Cases, and the mistakes of answering another in their place.
MISTAKES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "mask ignored": ("u3-d2-t5-b4-seq-mask_left-s0", {"mask": "none"}),
    "read forwards": ("u3-d2-t5-b4-seq-back-s0", {"go_backwards": False}),
    "without bias": ("u10-d5-t28-b32-seq-s0", {"use_bias": False}),
    "another gate function": ("u3-d2-t5-b4-seq-s3", {"recurrent_activation": "hard_sigmoid"}),
    "no bound": ("u3-d2-t5-b4-seq-s4", {"activation": "relu"}),
    "chaotic": ("u3-d2-t5-b4-seq-weights_chaotic-s0", {"recurrent_activation": "hard_sigmoid"}),
    "in float64": ("u3-d2-t5-b4-seq-p_float64-s0", {"use_bias": False}),
}


def arrays_of(adapter: Adapter, asked: Case, answered: Case | None = None) -> dict[str, Array]:
    """What an implementation returns to one case in place of another, as a folder keeps it."""
    observed = adapter.observe(answered or asked, draw([asked]))
    return {
        f"{number}_{name}": np.asarray(array, np.float64)
        for number, call in enumerate(observed.calls)
        for name, array in call.computed.items()
    }


def errors_of(case: Case, arrays: Mapping[str, Array]) -> dict[str, MeasuredErrors]:
    """Of an answer that is judged wrong."""
    return measure_errors(Result(case_id=case.id, group=case.group, verdict=Verdict.FAIL), arrays, DEFAULT_CONVENTIONS)


def same(one: Mapping[str, MeasuredErrors], other: Mapping[str, MeasuredErrors]) -> bool:
    """Whether errors are those that were written of other ones, either way."""
    return all(one[name].matches(other[name].rounded) and other[name].matches(one[name].rounded) for name in one)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_same_mistake_in_another_arithmetic_has_the_same_errors(mistake: str) -> None:
    """float32 at every operation, and float64 rounded at the end: as far apart as two processors."""
    case_id, changes = MISTAKES[mistake]
    asked, answered = Case.from_id(case_id), Case.from_id(case_id).replace(**changes)
    found = [errors_of(asked, arrays_of(adapter, asked, answered)) for adapter in (FusedAdapter(), ReferenceAdapter())]
    assert found[0]["outputs"].fails
    assert found[0]["outputs"].errors != found[1]["outputs"].errors
    assert same(*found)


@pytest.mark.parametrize(
    "deviation", sorted(name for name, each in DEVIATIONS.items() if not each.hides and each.needs <= PLAIN.fulfilled_needs)
)
def test_mistake_is_known_again_within_the_rounding_of_two_runs(deviation: str) -> None:
    """Every element moved by as much as two right runs may differ, in either direction."""
    case = PLAIN.replace(seed=7)
    arrays = arrays_of(ReferenceAdapter(deviation), case)
    sigma = {f"0_{name}": each for name, each in expected_calls(case, draw([case])).sigma[0].computed.items()}
    signs = np.random.default_rng(0).choice([-1.0, 1.0], 4 * 5 * 3)
    moved = {name: array + 8 * signs[: array.size].reshape(array.shape) * sigma[name].max() for name, array in arrays.items()}
    assert same(errors_of(case, arrays), errors_of(case, moved))


CHANGES: Mapping[str, Callable[[Array, Array], Array]] = {
    "larger by a tenth": lambda right, error: right + 1.1 * error,
    "far larger": lambda right, error: right + 57 * error,
    "of the other sign": lambda right, error: right - error,
    "of other rows": lambda right, error: right + error[::-1],
    "of the next unit": lambda right, error: right + np.roll(error, 1, axis=-1),
    "not finite at one place": lambda right, error: np.where(
        np.arange(right.size).reshape(right.shape) == 7, np.nan, right + error
    ),
    "gone": lambda right, error: right + 0 * error,
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_errors_of_the_same_case_are_other_ones(change: str) -> None:
    """By their size, their sign or their place."""
    right, wrong = (arrays_of(ReferenceAdapter(name), PLAIN) for name in (None, "candidate_off_by_1e-3"))
    other = {name: CHANGES[change](right[name], wrong[name] - right[name]) for name in wrong}
    assert not same(errors_of(PLAIN, wrong), errors_of(PLAIN, other))


def test_what_is_written_has_the_digits_that_rounding_leaves() -> None:
    """In float32 of numbers about 1, some six."""
    (largest,) = {
        errors_of(PLAIN, arrays_of(ReferenceAdapter("mask_ignored+output_tanh_missing"), PLAIN))["outputs"].rounded.largest
    }
    assert 0 < len(repr(largest).partition(".")[2]) <= 7


def test_right_answer_has_no_errors() -> None:
    """Nor has one that did not come."""
    arrays = arrays_of(ReferenceAdapter(), PLAIN)
    assert measure_errors(Result(case_id=PLAIN.id, group="", verdict=Verdict.PASS), arrays, DEFAULT_CONVENTIONS) == {}
    assert not any(each.fails for each in errors_of(PLAIN, arrays).values())
