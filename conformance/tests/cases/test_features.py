"""Features and ids: each value has a word of its own, and a case and its id say the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.cases.case import Case, Execution
from conformance.cases.features import FEATURES, POLICIES, Feature
from conformance.matrix.covering import pairs
from lstm_ref import LSTMConfig, LSTMError, activations

BARE = Case.from_id("u2-d3-t5-b4-s0")
SPOKEN = [(feature, value, word) for feature in FEATURES for value, word in feature.words.items() if word]
BY_NAME = {feature.name: feature for feature in FEATURES}
SIZES = st.fixed_dictionaries(
    {
        "units": st.integers(1, 300),
        "input_dim": st.integers(1, 300),
        "timesteps": st.integers(1, 3000),
        "batch": st.integers(0, 300),
        "seed": st.integers(0, 10**6),
    }
)
VALUES = st.fixed_dictionaries({}, optional={feature.name: st.sampled_from(feature.values) for feature in FEATURES})


def test_words_are_unique_over_all_features() -> None:
    """A word says which feature it belongs to."""
    words = [word for _, _, word in SPOKEN]
    assert len(words) == len(set(words))


def test_names_are_unique() -> None:
    """A feature is asked for by its name."""
    assert len(BY_NAME) == len(FEATURES)


@pytest.mark.parametrize(("feature", "value", "word"), SPOKEN, ids=[word for _, _, word in SPOKEN])
def test_a_word_in_an_id_gives_its_value_and_nothing_else(feature: Feature, value: Any, word: str) -> None:
    """Each word alone is read as the one departure that it says, and said again."""
    case = Case.from_id(f"u2-d3-t5-b4-{word}-s0")
    assert case.non_default_features == {feature.name: value}
    assert case.id == f"u2-d3-t5-b4-{word}-s0"


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_says_its_default_by_silence(feature: Feature) -> None:
    """Its first value has no word, every other has one."""
    assert feature.default == feature.values[0]
    assert [bool(feature.word_of(value)) for value in feature.values] == [False] + [True] * (len(feature.values) - 1)
    assert BARE.feature(feature) == feature.default


@settings(max_examples=300)
@given(SIZES, VALUES)
def test_every_combination_reads_back_from_its_id(sizes: dict[str, int], values: dict[str, Any]) -> None:
    """Whether the suite allows the combination or not."""
    case = BARE.replace(**sizes, **values)
    assert Case.from_id(case.id) == case
    assert case.non_default_features == {name: value for name, value in values.items() if value != BY_NAME[name].default}


def test_every_id_of_the_covering_array_is_said_as_the_case_says_it() -> None:
    """What is checked in is what is made."""
    assert [Case.from_id(case.id) for case in pairs(3)] == list(pairs(3))


@pytest.mark.parametrize("name", activations.ACTIVATIONS)
@pytest.mark.parametrize(("feature", "prefix"), [("activation", "act"), ("recurrent_activation", "ract")])
def test_any_activation_of_the_reference_has_a_word(feature: str, prefix: str, name: str) -> None:
    """Also those that the feature does not list."""
    case = BARE.replace(**{feature: name})
    assert Case.from_id(case.id) == case
    assert case.non_default_features.get(feature, name) == name
    assert (f"-{prefix}_{name}-" in case.id) == (feature in case.non_default_features)


@pytest.mark.parametrize(
    "words",
    [
        "sequences", "seq-seq", "nostate-seq", "back-nostate", "mask_left-bidi", "via_predict-eager", "same_as_loop-via_predict",
        "mask_left-mask_right", "mask_none", "mask_middle", "merge_concat", "via_call", "via_export", "p_float32", "p_int8",
        "in_float64", "drop_none", "impl2", "impl3", "lstm", "same_as_", "same_as_none", "act_", "ract_tanh-act_relu", "Seq",
    ],
)  # fmt: skip
def test_a_word_that_is_unknown_or_out_of_order_is_refused(words: str) -> None:
    """A case has one id: words come in the order of the features, once each, and a default has none."""
    with pytest.raises(LSTMError, match="is not a case id"):
        Case.from_id(f"u2-d3-t5-b4-{words}-s0")


def test_an_activation_that_the_reference_does_not_know_is_refused() -> None:
    """Its word is well formed; its name is not."""
    with pytest.raises(LSTMError, match="sigmiod"):
        Case.from_id("u2-d3-t5-b4-act_sigmiod-s0")


@pytest.mark.parametrize("feature", [one for one in FEATURES if one.part != "config"], ids=lambda feature: feature.name)
def test_a_value_that_a_feature_does_not_list_is_refused(feature: Feature) -> None:
    """The message says which values there are."""
    with pytest.raises(LSTMError, match=f"^{feature.name} must be one of .*; got 'nonsense'$"):
        BARE.replace(**{feature.name: "nonsense"})


def test_having_changes_what_it_is_told_and_nothing_else() -> None:
    """Sizes, and features of configuration, execution and the case itself, in one go."""
    changed = BARE.replace(units=7, batch=1, seed=9, return_sequences=True, route="predict", mask="left")
    assert changed == Case(
        config=LSTMConfig(units=7, return_state=True, return_sequences=True),
        input_dim=3,
        timesteps=5,
        batch=1,
        seed=9,
        execution=Execution(route="predict"),
        mask="left",
    )
    assert BARE.id == "u2-d3-t5-b4-s0"


def test_having_nothing_is_the_same_case() -> None:
    """No change, no other case."""
    assert BARE.replace() == BARE


def test_having_refuses_what_no_case_has() -> None:
    """A misspelt feature changes nothing silently."""
    with pytest.raises(TypeError, match="masks"):
        BARE.replace(masks="left")


@pytest.mark.parametrize(
    ("words", "sizes"),
    [
        ("", ((2, 3),)),
        ("-layers2", ((2, 3), (2, 2))),
        ("-cells2", ((2, 3), (2, 2))),
        ("-bidi", ((2, 3), (2, 3))),
        ("-bidi-unequal", ((2, 3), (3, 3))),
        ("-nostate-td", ((2, 3),)),
    ],
)
def test_each_lstm_of_an_architecture_has_its_sizes(words: str, sizes: tuple[tuple[int, int], ...]) -> None:
    """The second of two reads what the first emits; both directions read the inputs."""
    assert Case.from_id(f"u2-d3-t5-b4{words}-s0").layer_sizes == sizes


@pytest.mark.parametrize(
    ("words", "width"),
    [("", 2), ("-layers2", 2), ("-bidi", 4), ("-bidi-merge_sum", 2), ("-bidi-merge_none", 4), ("-bidi-merge_none-unequal", 5)],
)
def test_outputs_are_as_wide_as_their_halves_together(words: str, width: int) -> None:
    """Where a Bidirectional keeps both; one half else."""
    assert Case.from_id(f"u2-d3-t5-b4{words}-s0").outputs_width == width


@pytest.mark.parametrize(
    ("words", "returns_loss", "in_training"),
    [
        ("", False, False),
        ("-via_predict", False, False),
        ("-via_evaluate", True, False),
        ("-via_train_on_batch", True, True),
        ("-via_fit", True, True),
        ("-via_training", False, True),
        ("-drop_inference", False, False),
        ("-drop_input", False, True),
        ("-drop_recurrent", False, True),
        ("-drop_both", False, True),
    ],
)
def test_route_and_dropout_say_what_is_seen_and_whether_training_is_on(words: str, returns_loss: bool, in_training: bool) -> None:
    """A loss stands in place of the outputs; dropout acts in training alone."""
    case = Case.from_id(f"u2-d3-t5-b4{words}-s0")
    assert (case.returns_loss, case.in_training) == (returns_loss, in_training)


@pytest.mark.parametrize(
    ("words", "rates", "masks"),
    [
        ("", (0.0, 0.0), 1),
        ("-drop_inference", (0.5, 0.25), 4),
        ("-drop_input", (0.5, 0.0), 1),
        ("-drop_input-impl1", (0.5, 0.0), 4),
        ("-drop_recurrent", (0.0, 0.25), 4),
        ("-drop_both-eager", (0.5, 0.25), 4),
    ],
)
def test_dropout_has_rates_and_masks(words: str, rates: tuple[float, float], masks: int) -> None:
    """One mask for all gates, unless implementation 1 runs, which recurrent dropout enforces."""
    case = Case.from_id(f"u2-d3-t5-b4{words}-s0")
    assert (case.dropout_rates, case.dropout_masks) == (rates, masks)


@pytest.mark.parametrize(("policy", "precision"), POLICIES.items())
def test_a_policy_computes_in_its_precision(policy: str, precision: str) -> None:
    """A mixed policy is named for what it computes in."""
    assert BARE.replace(dtype=policy).precision == precision


@pytest.mark.parametrize(
    ("words", "plain", "group"),
    [
        ("", True, "u2-d3"),
        ("-seq-stateful-eager", True, "u2-d3"),
        ("-unroll-statictime", True, "via call"),
        ("-seq-via_predict", False, "via predict"),
        ("-mask_left", False, "via call"),
        ("-nobias-via_fit", False, "via fit"),
    ],
)
def test_a_case_is_counted_by_family_in_the_documents_matrix_and_by_route_elsewhere(words: str, plain: bool, group: str) -> None:
    """Only what executes alike shares the documents' run and its place in a report."""
    case = Case.from_id(f"u2-d3-t5-b4{words}-s0")
    assert (case.is_plain, case.group) == (plain, group)


@pytest.mark.parametrize(("name", "semantic"), [("mask", True), ("activation", True), ("route", False), ("unroll", False)])
def test_only_features_of_the_execution_leave_the_answer(name: str, semantic: bool) -> None:
    """They say how, the others what."""
    assert BY_NAME[name].is_semantic is semantic
