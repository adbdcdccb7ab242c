"""Reduces a failing case to a smaller one that still fails: the fewest features, then the smallest sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from conformance.cases.case import Case
from conformance.cases.features import FEATURES, Feature
from lstm_ref import LSTMError

SIZES = ("timesteps", "batch", "units", "input_dim")

_SMALL_SIZES = range(1, 7)  # with 6 timesteps all patterns of masks differ

# A greedy pass tries each of the 30 features once, and there are few passes: no reduction comes near this limit.
MAX_TRIES = 400

Judge = Callable[[Case], bool]


def reduce_case(case: Case, still_differs: Judge, is_valid: Judge = lambda case: True) -> Case:  # noqa: ARG005  # every case
    """Return the smallest case that greedy steps reach.

    Features are reset to their defaults one at a time, and sizes are shrunk, as long as the case still differs. This is done twice:
    with the semantic features first, and with the features of the execution first. The smaller result is returned. No case is tried
    twice, and at most MAX_TRIES cases are tried. A case that cannot be run counts as one that does not differ.

    Args:
        case: a case that differs.
        still_differs: whether another case differs; it may raise LSTMError for a case that cannot be run.
        is_valid: whether the matrix could contain a case.
    """
    search = _Search(still_differs=still_differs, is_valid=is_valid, results={case: True})
    semantic = tuple(feature for feature in FEATURES if feature.is_semantic)
    execution = tuple(feature for feature in FEATURES if not feature.is_semantic)
    results = [
        _shrink_sizes(_reset_features(case, order, search), search) for order in ((*execution, *semantic), (*semantic, *execution))
    ]
    return min(results, key=simplicity)


@dataclass
class _Search:
    """Runs candidates and caches whether they differ."""

    still_differs: Judge
    is_valid: Judge
    results: dict[Case, bool] = field(default_factory=dict)

    def first(self, candidates: Iterable[Case]) -> Case | None:
        """Return the first candidate that differs."""
        return next((case for case in candidates if self.differs(case)), None)

    def differs(self, case: Case) -> bool:
        """Whether a case differs; each case is run at most once."""
        if case not in self.results:
            if len(self.results) > MAX_TRIES:
                return False
            try:
                self.results[case] = self.is_valid(case) and self.still_differs(case)
            except LSTMError:
                self.results[case] = False
        return self.results[case]


def _reset_features(case: Case, order: tuple[Feature, ...], search: _Search) -> Case:
    """Reset as many features as possible to their defaults."""
    while (simpler := search.first(_with_one_default(case, order))) is not None:
        case = simpler
    return case


def _with_one_default(case: Case, order: tuple[Feature, ...]) -> Iterator[Case]:
    """Yield the case with one feature at its default, together with the features that require it."""
    for feature in order:
        if feature.name in case.non_default_features:
            names = {feature.name, *(name for name, required in _REQUIRED_FEATURE.items() if required == feature.name)}
            defaults = {feature.name: feature.default for feature in FEATURES if feature.name in names}
            yield from _valid(case, **defaults)


# Features that have an effect only if another feature is not at its default.
_REQUIRED_FEATURE = {
    "mask_source": "mask",
    "zero_output_for_mask": "mask",
    "merge_mode": "architecture",
    "unequal": "architecture",
}


def _shrink_sizes(case: Case, search: _Search) -> Case:
    """Shrink the sizes as far as possible: to a few, to half, or by one."""
    while (smaller := search.first(_with_one_smaller(case))) is not None:
        case = smaller
    return case


def _with_one_smaller(case: Case) -> Iterator[Case]:
    for name in SIZES:
        size = case.config.units if name == "units" else getattr(case, name)
        for less in sorted({*_SMALL_SIZES, size // 2, size - 1}):
            if 0 < less < size:
                yield from _valid(case, **{name: less})


def _valid(case: Case, **changes: object) -> Iterator[Case]:
    try:
        yield case.replace(**changes)
    except LSTMError:
        return


def simplicity(case: Case) -> tuple[int, int, str]:
    """The sort key of the simplest case: fewest features, then smallest sizes, then the id."""
    return len(case.non_default_features), case.timesteps + case.batch + case.config.units + case.input_dim, case.id
