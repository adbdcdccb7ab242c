"""A case and its id: readable, stable, and read back."""

from __future__ import annotations

import pytest

from conformance.cases.case import Call, Case, Execution, Family
from conformance.matrix import documents_matrix
from lstm_ref import LSTMConfig, LSTMError
from lstm_ref.deviations import Need


def case(case_id: str) -> Case:
    """The case of that id."""
    return Case.from_id(case_id)


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("compiled", [True, False])
def test_every_id_of_the_matrix_reads_back_to_its_case(seed: int, compiled: bool) -> None:
    """An id says everything that tells the cases of the matrix apart."""
    cases = list(documents_matrix(seed, compiled=compiled))
    assert [case(one.id) for one in cases] == cases


@pytest.mark.parametrize(
    ("case_id", "expected"),
    [
        ("u1-d1-t1-b3-s0", (1, 1, 1, 3, False, False, True, 0)),
        ("u10-d5-t13-b3-seq-s0", (10, 5, 13, 3, True, False, True, 0)),
        ("u10-d5-t13-b3-stateful-s0", (10, 5, 13, 3, False, True, True, 0)),
        ("u10-d5-t100-b32-seq-stateful-s0", (10, 5, 100, 32, True, True, True, 0)),
        ("u128-d28-t28-b32-eager-s12", (128, 28, 28, 32, False, False, False, 12)),
        ("u2-d64-t150-b1-seq-stateful-eager-s3", (2, 64, 150, 1, True, True, False, 3)),
    ],
)
def test_id_is_what_it_has_always_been(case_id: str, expected: tuple[int, int, int, int, bool, bool, bool, int]) -> None:
    """Ids stand in reports and issues: these six may never mean anything else."""
    units, input_dim, timesteps, batch, return_sequences, stateful, compiled, seed = expected
    config = LSTMConfig(units=units, return_sequences=return_sequences, return_state=True, stateful=stateful)
    meant = Case(
        config=config,
        input_dim=input_dim,
        timesteps=timesteps,
        batch=batch,
        seed=seed,
        execution=Execution(compiled=compiled),
    )
    assert meant.id == case_id
    assert case(case_id) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "u10",
        "u10-d5-t13-b3",
        "u10-d5-t13-b3-s0 ",
        "u10-d5-t13-b3-s-1",
        "U10-d5-t13-b3-s0",
        "u10-d5-t13-b3-stateful-seq-s0",
        "u10-d5-t13-b3-eager-seq-s0",
        "u10-d5-t13-b3-backwards-s0",
        "u10-d5-t13.5-b3-s0",
        pytest.param(f"u10-d5-t13-b3-s{'9' * 5000}", id="more digits than Python reads"),
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    """The message repeats what was given and shows what an id looks like."""
    with pytest.raises(LSTMError) as refusal:
        case(text)
    assert str(refusal.value) == f"{text!r} is not a case id; expected one like u10-d5-t13-b3-seq-stateful-s0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("u0-d5-t13-b3-s0", "units must be a positive integer"),
        ("u10-d0-t13-b3-s0", "input_dim must be at least 1; got 0"),
        ("u10-d5-t0-b3-s0", "timesteps must be at least 1; got 0"),
    ],
)
def test_an_empty_axis_is_refused(text: str, message: str) -> None:
    """A well-formed id whose case has nothing in it names the axis."""
    with pytest.raises(LSTMError, match=message):
        case(text)


def test_a_negative_seed_is_refused() -> None:
    """It would make an id that cannot be read back."""
    with pytest.raises(LSTMError, match="seed must be at least 0; got -1"):
        next(documents_matrix(-1))


def test_a_value_that_no_feature_has_is_refused() -> None:
    """The message names the feature and its values."""
    with pytest.raises(LSTMError, match=r"mask must be one of none, right, left, .*; got 'middle'"):
        case("u2-d2-t6-b3-s0").replace(mask="middle")


def test_a_stateless_case_is_one_call() -> None:
    """It reads its timesteps once, from zeros."""
    one = case("u2-d2-t6-b3-s0")
    assert one.calls == (Call(start=0, stop=6),)
    assert one.horizon == 6


def test_a_stateful_case_is_carried_twice_and_reset_once() -> None:
    """Three calls go on from one another; after the reset, one call reads what the first two read in pieces."""
    one = case("u2-d2-t6-b3-stateful-s0")
    assert one.calls == (
        Call(start=0, stop=6),
        Call(start=6, stop=12),
        Call(start=12, stop=18),
        Call(start=0, stop=12, after_reset=True),
    )
    assert one.horizon == 18


@pytest.mark.parametrize("flags", ["", "-seq", "-stateful", "-seq-stateful-eager"])
def test_cases_of_one_size_and_seed_are_one_family(flags: str) -> None:
    """Length, batch, flags and execution change neither weights nor inputs."""
    family = case(f"u2-d5-t13-b32{flags}-s4").family
    assert family == Family(units=2, input_dim=5, seed=4)
    assert str(family) == "u2-d5"


@pytest.mark.parametrize("other", ["u1-d5-t13-b3-s4", "u2-d1-t13-b3-s4", "u2-d5-t13-b3-s5"])
def test_another_size_or_seed_is_another_family(other: str) -> None:
    """Weights depend on both sizes and on the seed."""
    assert case(other).family != case("u2-d5-t13-b3-s4").family


ALWAYS = {
    Need.BIAS, Need.WIDE_INPUTS, Need.USED_STEP, Need.LAST_STEP, Need.OUTPUTS, Need.STATES, Need.TANH, Need.SIGMOID, Need.FRACTIONS,
    Need.FLOAT32, Need.FORWARDS, Need.ONE_PART, Need.ACTIVATIONS_APART,
}  # fmt: skip


@pytest.mark.parametrize(
    ("case_id", "offered"),
    [
        ("u1-d1-t1-b1-s0", {Need.LAST_OUTPUT}),
        ("u2-d1-t1-b1-s0", {Need.LAST_OUTPUT, Need.SEVERAL_UNITS}),
        ("u1-d2-t1-b1-s0", {Need.LAST_OUTPUT, Need.SEVERAL_FEATURES}),
        ("u1-d1-t2-b1-s0", {Need.LAST_OUTPUT, Need.SEVERAL_STEPS, Need.PREVIOUS_STATE}),
        ("u1-d1-t1-b3-s0", {Need.LAST_OUTPUT, Need.SEVERAL_ROWS}),
        ("u1-d1-t1-b1-seq-s0", {Need.FULL_SEQUENCE}),
        ("u1-d1-t1-b1-stateful-s0", {Need.LAST_OUTPUT, Need.PREVIOUS_STATE, Need.CARRIED_CALL, Need.RESET}),
    ],
)
def test_a_case_offers_what_it_has(case_id: str, offered: set[Need]) -> None:
    """A deviation is tried where it can show, and nowhere else."""
    assert case(case_id).fulfilled_needs == offered | ALWAYS


def test_a_case_offers_neither_bias_nor_cast_that_it_lacks() -> None:
    """Without a bias no bias can be wrong; inputs of the compute dtype need no cast."""
    config = LSTMConfig(units=1, use_bias=False, return_state=True)
    bare = Case(config=config, input_dim=1, timesteps=1, batch=1, input_dtype="float32")
    assert bare.fulfilled_needs == {Need.LAST_OUTPUT} | ALWAYS - {Need.BIAS, Need.WIDE_INPUTS}


def test_embedded_inputs_need_no_cast() -> None:
    """An embedding returns the dtype of the policy, which is the layer's."""
    assert Need.WIDE_INPUTS in case("u1-d1-t1-b1-by_masking-s0").fulfilled_needs
    assert Need.WIDE_INPUTS not in case("u1-d1-t1-b1-by_embedding-s0").fulfilled_needs


@pytest.mark.parametrize(
    ("case_id", "offered", "withheld"),
    [
        ("u1-d1-t4-b2-mask_right-s0", {Need.HELD_STATE, Need.HELD_OUTPUT, Need.MASKED_END}, {Need.LAST_STEP, Need.LATE_START}),
        ("u1-d1-t4-b2-back-mask_right-s0", {Need.MASKED_STEP, Need.LAST_STEP}, {Need.HELD_STATE, Need.HELD_OUTPUT}),
        ("u1-d1-t4-b2-bidi-mask_right-s0", {Need.HELD_STATE, Need.LAST_STEP, Need.HALF_BACKWARDS}, {Need.BACKWARDS, Need.ONE_PART}),
        ("u1-d1-t4-b2-mask_left-init-s0", {Need.HELD_STATE}, {Need.HELD_OUTPUT, Need.LATE_START}),
        ("u1-d1-t4-b2-seq-mask_left-init-s0", {Need.LATE_START}, {Need.ZEROED_OUTPUT, Need.HELD_OUTPUT}),
        ("u1-d1-t4-b2-seq-zeromask-mask_right-s0", {Need.ZEROED_OUTPUT}, {Need.HELD_OUTPUT}),
        ("u1-d1-t4-b2-mask_interior-s0", {Need.ASYMMETRIC_MASK, Need.ROWS_MASKED_APART}, {Need.HELD_OUTPUT}),
        ("u1-d1-t4-b2-mask_all-s0", {Need.MASKED_STEP}, {Need.USED_STEP, Need.HELD_STATE, Need.ROWS_MASKED_APART}),
        ("u1-d1-t4-b0-mask_right-init-s0", set(), {Need.USED_STEP, Need.MASKED_STEP, Need.INITIAL_STATE}),
        ("u1-d1-t2-b2-mask_right-s0", {Need.USED_STEP}, {Need.SEVERAL_STEPS, Need.PREVIOUS_STATE}),
        ("u1-d1-t5-b2-seq-nostate-mask_interior-via_fit-s0", {Need.MASKED_STEP, Need.HELD_STATE}, {Need.HELD_OUTPUT}),
        ("u1-d1-t4-b2-seq-nostate-mask_right-via_fit-s0", {Need.USED_STEP}, {Need.MASKED_STEP, Need.ROWS_MASKED_APART}),
        ("u1-d1-t4-b2-seq-nostate-back-mask_right-via_fit-s0", {Need.MASKED_STEP}, {Need.LAST_STEP}),
        ("u1-d1-t4-b2-seq-nostate-bidi-mask_left-via_fit-s0", {Need.MASKED_STEP}, {Need.MASKED_SECOND, Need.ZEROED_OUTPUT}),
        ("u1-d1-t4-b2-seq-nostate-mask_left-init-via_fit-s0", {Need.MASKED_STEP}, {Need.LATE_START}),
        ("u1-d1-t4-b2-nostate-mask_right-via_fit-s0", {Need.MASKED_STEP, Need.HELD_OUTPUT}, {Need.OUTPUTS}),
        ("u1-d1-t4-b2-drop_both-s0", {Need.RECURRENT_DROPOUT, Need.MASK_PER_GATE}, {Need.MASK_SHARED, Need.INFERENCE}),
        ("u1-d1-t4-b2-drop_inference-s0", {Need.INFERENCE}, {Need.DROPOUT}),
        ("u1-d1-t4-b2-via_evaluate-s0", {Need.USED_STEP}, {Need.OUTPUTS, Need.STATES}),
    ],
)
def test_a_feature_is_offered_where_it_shows(case_id: str, offered: set[Need], withheld: set[Need]) -> None:
    """A mask hides what follows it, and what comes before it where the sequence is read from its end."""
    offers = case(case_id).fulfilled_needs
    assert offered <= offers
    assert not withheld & offers
