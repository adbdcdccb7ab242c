"""Cases of one form differ in the numbers that go in, and in nothing that a compiler sees."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.cases.forms import form_of
from conformance.matrix.grid import with_required_features

CASE = Case.from_id("u3-d2-t5-b4-seq-s0")


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 7},
        {"values": "nan"},
        {"weights": "chaotic"},
        {"contiguous": False},
        {"relation": "loop"},
        {"timesteps": 9, "batch": 1},
    ],
    ids="-".join,
)
def test_other_numbers_are_of_the_same_form(changes: dict[str, Any]) -> None:
    """And so is another length in a call whose shape is left open."""
    assert form_of(CASE.replace(**changes)) == form_of(CASE)


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({}, {"units": 4}),
        ({}, {"input_dim": 1}),
        ({}, {"mask": "right"}),
        ({"static_time": True}, {"timesteps": 9}),
        ({"unroll": True}, {"timesteps": 9}),
        ({"static_batch": True}, {"batch": 1}),
        ({"stateful": True}, {"batch": 1}),
        ({"jit_compile": True}, {"timesteps": 9}),
        ({"mask": "right", "mask_source": "embedding"}, {"batch": 1}),
        ({"route": "predict"}, {"timesteps": 9}),
        ({"route": "gradient"}, {"batch": 1}),
        ({"route": "gradient"}, {"seed": 7}),
    ],
)
def test_what_a_compiler_sees_is_another_form(given: dict[str, Any], changes: dict[str, Any]) -> None:
    """Sizes, structure, fixed shapes, and what gradients are weighed by."""
    case = with_required_features(CASE.replace(**given))
    assert form_of(case.replace(**changes)) != form_of(case)


@pytest.mark.parametrize("feature", [feature for feature in FEATURES if feature.part], ids=lambda feature: feature.name)
def test_what_is_asked_of_the_layer_is_another_form(feature: Any) -> None:
    """Every argument of the configuration and of the execution, the route among them."""
    other = next(value for value in feature.values if value != CASE.feature(feature))
    assert form_of(CASE.replace(**{feature.name: other})) != form_of(CASE)


@pytest.mark.parametrize(("one", "other"), [("right", "left"), ("left", "interior")])
def test_masks_are_numbers(one: str, other: str) -> None:
    """Which timesteps they name is no part of what is traced."""
    assert form_of(CASE.replace(mask=one)) == form_of(CASE.replace(mask=other))


@pytest.mark.parametrize("changes", [{"dropout": "input"}, {"route": "fit"}, {"route": "keras_file"}, {"route": "saved_model"}])
def test_what_keeps_something_of_a_case_has_no_form(changes: dict[str, Any]) -> None:
    """The draws of dropout, the means of training, weights in a file."""
    assert form_of(CASE.replace(**changes)) is None
