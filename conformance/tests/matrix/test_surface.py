"""The surface: its levels, grids, covering array and random draws, and what is counted as covered."""

from __future__ import annotations

import collections
import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.cases.features import FEATURES, Feature
from conformance.cases.masks import mask_of
from conformance.cases.stimulus import draw
from conformance.known.known_differences import condition_values
from conformance.matrix import LEVELS, CaseOrProbe, allowed, surface
from conformance.matrix.coverage import Combination, coverage
from conformance.matrix.covering import FACTORS, pairs
from conformance.matrix.exclusions import EXCLUSIONS
from conformance.matrix.grid import BASE, Grid, with_required_features
from conformance.matrix.grids import GRIDS, single_features
from conformance.matrix.random_cases import random_cases
from conformance.probes import PROBES, Probe
from conformance.reference.oracle import Oracle

BASE_CASE = Case.from_id(BASE)
COUNTED = len(FEATURES) - 1  # coverage counts all but the relation
in_one_process = pytest.mark.xdist_group("levels")  # the deep level takes seconds to draw


@functools.cache
def planned(level: str) -> tuple[CaseOrProbe, ...]:
    """The level, drawn once a process."""
    return tuple(surface(level))


def cases_of(level: str) -> list[Case]:
    """The level without its probes."""
    return [case for case in planned(level) if isinstance(case, Case)]


def ids(cases: Sequence[CaseOrProbe]) -> list[str]:
    """Their ids."""
    return [case.id for case in cases]


# --- levels


@in_one_process
@pytest.mark.parametrize("level", LEVELS)
def test_every_case_of_a_level_is_allowed_and_there_once(level: str) -> None:
    """No exclusion forbids any, no id is there twice."""
    assert len(ids(planned(level))) == len(set(ids(planned(level))))
    assert [case.id for case in cases_of(level) if not allowed(case)] == []


@in_one_process
@pytest.mark.parametrize("level", LEVELS)
def test_a_level_has_what_it_contains(level: str) -> None:
    """Whoever has run a larger level needs no smaller one."""
    for contained in LEVELS[level].contains:
        assert {item.id for item in planned(contained)} < {item.id for item in planned(level)}


def test_standard_contains_every_chosen_case() -> None:
    """What quick has is chosen among standard's own cases and probes."""
    base = Case.from_id(BASE)
    assert {item.id for item in planned("quick")} <= {item.id for item in LEVELS["standard"].cases(base)} | {
        case.id for case in single_features(base)
    }


@in_one_process
@pytest.mark.parametrize(("level", "probes"), [("features", []), ("standard", PROBES), ("deep", PROBES)])
def test_probes_come_last(level: str, probes: list[Probe]) -> None:
    """All of them, or none."""
    assert [*cases_of(level), *probes] == list(planned(level))


def test_quick_has_cases_then_probes() -> None:
    """Some of both."""
    assert [item.id for item in planned("quick")][: len(cases_of("quick"))] == ids(cases_of("quick"))
    assert 0 < len(cases_of("quick")) < len(planned("quick"))


@pytest.mark.parametrize("seed", [0, 5])
def test_the_surface_is_of_its_seed(seed: int) -> None:
    """Another seed asks the same of the grids with other numbers; each case that is drawn, or covers, has numbers of its own."""
    seeds = collections.Counter(case.seed for case in surface("standard", seed) if isinstance(case, Case))
    assert min(seeds) == seed
    assert {case.seed for case in surface("features", seed) if isinstance(case, Case)} == {seed}
    assert seeds.pop(seed) > 1000
    assert len(seeds) > 100
    assert max(seeds.values()) <= 3  # one that covers, one that is drawn, and one of level quick


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_features_has_every_value_of_every_feature(feature: Feature) -> None:
    """Each value is met in some case, the defaults in most; but for those that no earlier system has answered."""
    missing = set(feature.values) - {case.feature(feature) for case in single_features(BASE_CASE)}
    assert missing == ({"inference_input", "inference_recurrent"} if feature.name == "dropout" else set())


def combined(grid: Grid, case: Case) -> set[tuple[tuple[int, Any], ...]]:
    """The combinations of values of the grid's axes in a case, of so many axes as the grid's strength."""
    values = condition_values(case.id)
    axes = [tuple(values[name] for name in (axis if isinstance(axis, tuple) else (axis,))) for axis in grid.axes]
    return set(itertools.combinations(enumerate(axes), grid.strength))


@pytest.mark.parametrize("grid", [grid for grid in GRIDS if grid.strength], ids=lambda grid: grid.name)
def test_grids_with_a_strength_cover_what_all_combinations_have(grid: Grid) -> None:
    """With fewer cases."""
    covering, full = (list(each.cases(BASE_CASE)) for each in (grid, replace(grid, strength=0)))
    everything, covered = (set().union(*(combined(grid, case) for case in cases)) for cases in (full, covering))
    assert everything == covered
    assert len(covering) < len(full)


# --- grids


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.name)
def test_each_grid_yields_cases_of_its_own(grid: Grid) -> None:
    """None is empty, none repeats itself."""
    cases = list(grid.cases(BASE_CASE))
    assert cases
    assert len(ids(cases)) == len(set(ids(cases)))


@pytest.mark.parametrize("border", [16, 32, 64, 128])
def test_large_batches_show_if_rows_are_masked_as_the_first_is_too(border: int) -> None:
    """A mask that hides in each row what it hides in the first shows nothing of that."""
    masks = (
        mask_of(case.mask, case.batch, case.timesteps)
        for case in planned("standard")
        if isinstance(case, Case) and case.batch > border and case.architecture == "lstm"
    )
    assert any((mask & ~mask[:1]).any() for mask in masks)


@pytest.mark.parametrize("unroll", [False, True])
def test_stateful_layers_are_called_under_a_mask_in_training_too(unroll: bool) -> None:
    """A state that is carried at inference alone shows there."""
    stateful = [
        case for case in planned("standard") if isinstance(case, Case) and case.architecture == "lstm" and case.config.stateful
    ]
    trained = [case for case in stateful if case.execution.route == "training" and case.execution.unroll is unroll]
    assert any(case.mask in ("left", "row", "right") for case in trained)


def test_grids_have_names_of_their_own() -> None:
    """A report can say which."""
    assert len({grid.name for grid in GRIDS}) == len(GRIDS)


def test_a_grid_crosses_its_axes_and_leaves_out_what_is_excluded() -> None:
    """Names that change together are one axis."""
    grid = Grid(
        name="two by two", axes={("architecture", "return_state"): (("lstm", True), ("td", False)), "initial_state": (False, True)}
    )
    assert ids(list(grid.cases(BASE_CASE))) == ["u3-d2-t5-b4-seq-s0", "u3-d2-t5-b4-seq-init-s0", "u3-d2-t5-b4-seq-nostate-td-s0"]


@pytest.mark.parametrize(
    ("given", "mended"),
    [
        ("", ""),
        ("-unroll", "-unroll-statictime"),
        ("-stateful", "-stateful-staticbatch"),
        ("-stateful-init", "-stateful-init-eager-staticbatch"),
        ("-init", "-init"),
        ("-td", "-nostate-td"),
        ("-via_fit", "-nostate-via_fit"),
        ("-drop_input", "-drop_input-eager"),
        ("-drop_inference", "-drop_inference"),
        ("-via_onnx", "-in_float32-via_onnx"),
        ("-mask_left-by_embedding-via_onnx", "-mask_left-by_embedding-via_onnx"),
        ("-merge_sum", "-merge_sum"),
    ],
)
def test_what_a_feature_cannot_do_without_is_added(given: str, mended: str) -> None:
    """And nothing else: what is contradictory stays excluded."""
    assert with_required_features(Case.from_id(f"u3-d2-t5-b4{given}-s0")).id == f"u3-d2-t5-b4{mended}-s0"


def test_a_relation_is_asked_only_where_it_holds() -> None:
    """One timestep cannot be cut in two."""
    assert allowed(Case.from_id("u3-d2-t5-b4-same_as_two_calls-s0"))
    assert not allowed(Case.from_id("u3-d2-t1-b4-same_as_two_calls-s0"))


# --- the covering array


def pairs_not_met() -> Iterator[dict[str, Any]]:
    """The pairs of two factors' values that no exclusion forbids by itself and no case of the array holds."""
    rows = [condition_values(case.id) for case in pairs(0)]
    for one, other in itertools.combinations(FACTORS, 2):
        met = {(row[one], row[other]) for row in rows}
        for pair in itertools.product(FACTORS[one], FACTORS[other]):
            values = {one: pair[0], other: pair[1]}
            if pair not in met and not any(exclusion.excludes(values) for exclusion in EXCLUSIONS):
                yield values


def leaves_no_value(values: dict[str, Any], factor: str) -> bool:
    """Whether each value of another factor is excluded together with these."""
    return factor not in values and all(
        any(exclusion.excludes(values | {factor: value}) for exclusion in EXCLUSIONS) for value in FACTORS[factor]
    )


def test_covering_array_holds_every_pair_that_the_exclusions_allow() -> None:
    """Of those that it does not hold, each leaves some third factor no value."""
    impossible = [values for values in pairs_not_met() if any(leaves_no_value(values, factor) for factor in FACTORS)]
    assert [values for values in pairs_not_met() if values not in impossible] == []


# Pairs of values that no case can hold, and the third factor that they leave no value.
IMPOSSIBLE: dict[tuple[str, str], tuple[str, list[tuple[Any, Any]]]] = {
    ("stateful", "route"): ("static_batch", [(True, "predict_partial")]),
    ("go_backwards", "merge_mode"): ("architecture", [(True, mode) for mode in ("sum", "ave", "mul", "none")]),
    ("go_backwards", "unequal"): ("architecture", [(True, True)]),
    ("zero_output_for_mask", "merge_mode"): ("architecture", [(True, mode) for mode in ("sum", "ave", "mul", "none")]),
    ("zero_output_for_mask", "unequal"): ("architecture", [(True, True)]),
    ("merge_mode", "activation_as"): ("architecture", [(mode, "lambda") for mode in ("sum", "ave", "mul", "none")]),
    ("unequal", "activation_as"): ("architecture", [(True, "lambda")]),
    ("input_dtype", "route"): ("mask_source", [("int32", route) for route in ("saved_model", "onnx", "openvino")]),
}


@pytest.mark.parametrize(("factors", "third", "values"), [(pair, *found) for pair, found in IMPOSSIBLE.items()])
def test_an_impossible_pair_leaves_a_third_factor_no_value(
    factors: tuple[str, str], third: str, values: list[tuple[Any, Any]]
) -> None:
    """By two exclusions together, which neither says alone."""
    assert all(leaves_no_value(dict(zip(factors, pair, strict=True)), third) for pair in values)


def test_covering_array_lacks_the_impossible_pairs_alone() -> None:
    """So they are known one by one; `coverage` counts the same of the features."""
    impossible = {tuple(zip(factors, pair, strict=True)) for factors, (_, values) in IMPOSSIBLE.items() for pair in values}
    assert {tuple(values.items()) for values in pairs_not_met()} == impossible
    counted = {pair for pair in coverage(list(pairs(0)), 2).missing if not {"jit_compile"} & dict(pair).keys()}
    assert counted == impossible


def test_covering_array_is_small() -> None:
    """Fewer than two hundred cases hold thousands of pairs, and each is allowed."""
    cases = list(pairs(0))
    assert len(cases) == len(set(ids(cases))) < 200
    assert [case.id for case in cases if not allowed(case)] == []


# --- random draws


def test_draws_are_the_same_for_ever() -> None:
    """Whatever versions are installed: a level means the same cases everywhere."""
    assert ids(random_cases(BASE_CASE, 3)) == [
        "u5-d2-t7-b3-seq-zeromask-nobias-init-strided-s0",
        "u5-d3-t4-b2-seq-nostate-act_relu-init-staticbatch-same_as_time_reversed-s1",
        "u3-d4-t6-b4-seq-nostate-by_masking-in_float32-weights_chaotic-s2",
    ]


def test_draws_are_a_function_of_their_seed() -> None:
    """The same again for the same seed, others for another."""
    again = [ids(random_cases(BASE_CASE.replace(seed=seed), 30)) for seed in (0, 0, 1)]
    assert again[0] == again[1]
    assert {case_id.rpartition("-s")[0] for case_id in again[0]} != {case_id.rpartition("-s")[0] for case_id in again[2]}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_draws_are_different_allowed_cases(seed: int) -> None:
    """As many as were asked for: in place of what is excluded or repeated, another is drawn."""
    cases = random_cases(BASE_CASE.replace(seed=seed), 60)
    assert len(set(ids(cases))) == len(cases) == 60
    assert all(map(allowed, cases))
    assert [case.seed for case in cases] == list(range(seed, seed + len(cases)))


# --- coverage


def test_coverage_counts_pairs_of_one_case() -> None:
    """One case holds one pair of each two features."""
    one = coverage([BASE_CASE], 2)
    assert (one.strength, one.covered) == (2, COUNTED * (COUNTED - 1) // 2)
    assert one.possible == one.covered + len(one.missing)


def test_coverage_counts_triples_of_one_case() -> None:
    """Likewise."""
    one = coverage([BASE_CASE], 3)
    assert one.covered == COUNTED * (COUNTED - 1) * (COUNTED - 2) // 6


def test_another_value_of_one_feature_adds_a_pair_with_each_other_feature() -> None:
    """Twice the same adds nothing."""
    one, two = ([BASE_CASE], [BASE_CASE, BASE_CASE.replace(use_bias=False), BASE_CASE])
    assert coverage(two, 2).covered - coverage(one, 2).covered == COUNTED - 1


def test_a_value_that_no_feature_lists_is_no_pair() -> None:
    """A case of such an activation counts by its other features."""
    assert coverage([BASE_CASE.replace(activation="mish")], 2).covered == (COUNTED - 1) * (COUNTED - 2) // 2


@pytest.mark.parametrize(
    ("pair", "missing"),
    [
        ((("return_sequences", True), ("use_bias", False)), True),
        ((("return_sequences", True), ("use_bias", True)), False),
        ((("stateful", True), ("static_batch", True)), True),
        ((("stateful", True), ("static_batch", False)), False),
        ((("architecture", "td"), ("initial_state", True)), False),
    ],
)
def test_what_is_missing_could_be_a_case(pair: Combination, missing: bool) -> None:
    """A pair that is met, or that an exclusion forbids, is not missing."""
    assert (pair in coverage([BASE_CASE], 2).missing) is missing


def test_no_case_covers_nothing() -> None:
    """Every possible combination is missing."""
    none = coverage([], 2)
    assert (none.covered, none.possible) == (0, len(none.missing))


def test_standard_level_holds_every_pair_but_those_of_the_compilers_grid_and_the_impossible() -> None:
    """One grid is apart: a case of its compilers takes half a minute."""
    missing = [pair for pair in coverage(cases_of("standard"), 2).missing if "jit_compile" not in dict(pair)]
    assert {tuple(dict(pair)) for pair in missing} == set(IMPOSSIBLE)


# --- what is asked has an answer


@pytest.mark.parametrize("precision", ["float32", "float64", "float16", "bfloat16"])
def test_finite_cases_have_finite_answers_that_their_precision_can_hold(precision: str) -> None:
    """No stimulus makes an unbounded activation overflow: half precision ends at 65504."""
    cases = [case for case in cases_of("standard") if case.values == "finite" and case.precision == precision]
    assert {case.id: largest(case) for case in cases if not largest(case) < 1000} == {}


def largest(case: Case) -> float:
    """The largest number that the reference returns or keeps, NaN where one is NaN."""
    stimulus = draw([case])
    calls = Oracle(precision=case.precision, dropout=stimulus.dropout_of(case)).observe(case, stimulus)
    names = ("outputs", "loss", "hidden", "cell", "stored_hidden", "stored_cell")
    arrays = [array for call in calls for name in names if (array := getattr(call, name)) is not None]
    return float(np.max(np.abs(np.concatenate([np.ravel(array) for array in arrays])), initial=0))
