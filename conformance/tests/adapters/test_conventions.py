"""Conventions: what each backend does by choice, and that the reference follows it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.adapters.keras.backends import BACKENDS, CONVENTIONS
from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.cases.case import Case
from conformance.cases.features import POLICIES
from conformance.cases.stimulus import draw
from conformance.reference.run import expected_calls

LOOP_EMITS_H0 = Conventions(first_masked_output="initial_state")
UNROLLED_EMITS_H0 = Conventions(first_masked_output_unrolled="initial_state")
IN_FLOAT32 = Conventions(float64="float32")


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_adapter_has_its_backends_profile(backend: str) -> None:
    """Before it is started, too."""
    assert KerasLayerAdapter(backend).conventions is CONVENTIONS[backend]


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_two_backends_do_as_is_usual(backend: str) -> None:
    """They compute float64 in float64 and emit zeros first."""
    assert CONVENTIONS[backend] == DEFAULT_CONVENTIONS


@pytest.mark.parametrize(
    ("backend", "computed", "returned"),
    [
        ("tensorflow", "float64", "float64"),
        ("torch", "float64", "float64"),
        ("jax", "float32", "float32"),
        ("numpy", "float32", "float64"),
        ("openvino", "float32", "float64"),
    ],
)
def test_float64_is_computed_and_returned_by_convention(backend: str, computed: str, returned: str) -> None:
    """JAX has no float64 unless it is told to; two others compute in float32 and say float64."""
    assert CONVENTIONS[backend].compute_dtype("float64") == computed
    assert CONVENTIONS[backend].returned_dtype("float64") == returned


@pytest.mark.parametrize("precision", sorted(set(POLICIES.values()) - {"float64"}))
@pytest.mark.parametrize("backend", CONVENTIONS)
def test_other_precisions_are_no_matter_of_convention(backend: str, precision: str) -> None:
    """Every backend computes in them, and returns them, as the policy says."""
    assert CONVENTIONS[backend].compute_dtype(precision) == CONVENTIONS[backend].returned_dtype(precision) == precision


@pytest.mark.parametrize(
    ("conventions", "from_a_loop", "from_an_unrolled_one"),
    [(DEFAULT_CONVENTIONS, False, False), (LOOP_EMITS_H0, True, False), (UNROLLED_EMITS_H0, False, True)],
)
def test_each_kind_of_loop_emits_h0_first_or_not(conventions: Conventions, from_a_loop: bool, from_an_unrolled_one: bool) -> None:
    """Which loop a case asks for decides; whether it has a mask does not."""
    looped, unrolled = Case.from_id("u2-d1-t3-b2-s0"), Case.from_id("u2-d1-t3-b2-unroll-statictime-s0")
    assert conventions.emits_initial_state(looped) is from_a_loop
    assert conventions.emits_initial_state(unrolled) is from_an_unrolled_one


@pytest.mark.parametrize(
    ("conventions", "float64", "emitted"),
    [
        (DEFAULT_CONVENTIONS, "float64", "zeros"),
        (CONVENTIONS["jax"], "float32", "the initial hidden state from a loop, zeros from an unrolled one"),
        (CONVENTIONS["openvino"], "float32 and returned as float64", "zeros"),
    ],
    ids=["usual", "jax", "openvino"],
)
def test_a_profile_says_what_it_is(conventions: Conventions, float64: str, emitted: str) -> None:
    """In one line, as reports show it."""
    assert str(conventions) == f"float64 is computed in {float64}; what is emitted before the first used timestep is {emitted}"


@pytest.mark.parametrize(("products", "name"), [("tf32", "TensorFloat-32"), ("bfloat16", "bfloat16")])
def test_a_profile_says_what_products_read(products: str, name: str) -> None:
    """Beside all else, where it is not float32 itself."""
    assert str(Conventions(products=products)) == f"{DEFAULT_CONVENTIONS}; float32 products read their operands in {name}"


def test_a_profile_is_frozen() -> None:
    """The reference follows it, and nothing changes it on the way."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT_CONVENTIONS.float64 = "float32"  # type: ignore[misc]  # that it cannot be assigned is what is tested


@pytest.mark.parametrize(
    ("conventions", "words", "emits_h0"),
    [
        (DEFAULT_CONVENTIONS, "", False),
        (LOOP_EMITS_H0, "", True),
        (LOOP_EMITS_H0, "-unroll-statictime", False),
        (UNROLLED_EMITS_H0, "-unroll-statictime", True),
    ],
)
def test_the_reference_emits_first_what_the_profile_says(conventions: Conventions, words: str, emits_h0: bool) -> None:
    """Zeros or the initial hidden state, until a timestep is used; the states do not depend on it."""
    case = Case.from_id(f"u2-d1-t3-b2-seq-mask_left-init{words}-s0")
    stimulus = draw([case])
    mask, (initial_state,) = stimulus.mask_of(case, case.calls[0]), stimulus.initial_state_of(case, case.calls[0]) or ()
    (call,), (usual,) = expected_calls(case, stimulus, conventions).calls, expected_calls(case, stimulus).calls
    assert mask is not None
    assert call.outputs is not None
    before = ~np.logical_or.accumulate(mask, axis=1)
    assert before.any()
    expected = np.broadcast_to(initial_state.hidden[:, None] if emits_h0 else 0.0, call.outputs.shape)
    np.testing.assert_array_equal(call.outputs[before], expected[before])
    np.testing.assert_array_equal(call.hidden, usual.hidden)
    np.testing.assert_array_equal(call.cell, usual.cell)


@pytest.mark.parametrize(("conventions", "ratio"), [(DEFAULT_CONVENTIONS, 1.0), (IN_FLOAT32, 2.0**29)])
def test_sigma_is_that_of_the_precision_that_is_computed_in(conventions: Conventions, ratio: float) -> None:
    """Float32 has 29 bits fewer, and its rounding errors are as many times larger, within what a few replicas tell."""
    case = Case.from_id("u2-d1-t3-b2-nobias-p_float64-s0")
    stimulus = draw([case])
    (followed,), (usual,) = expected_calls(case, stimulus, conventions).sigma, expected_calls(case, stimulus).sigma
    assert followed.hidden is not None
    assert usual.hidden is not None
    assert ratio / 8 < float(np.median(followed.hidden / usual.hidden)) < ratio * 8
