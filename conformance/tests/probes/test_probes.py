"""Probes: real Keras passes them but for what is known, and each is rejected by a layer that is wrong in just that."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest

from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.judging.verdict import CheckResult, Verdict
from conformance.probes import PROBES, Probe, probe_of, run_probe
from conformance.probes.configuration import ARGUMENTS
from conformance.tests.support import probe_doubles as doubles
from conformance.tests.support.probe_rejections import KNOWN, doubles_of, is_tried

pytestmark = [
    pytest.mark.xdist_group("keras"),
    # What TensorFlow, Keras and NumPy say of a layer that raises, or that is wrong on purpose, is no concern of these tests.
    pytest.mark.filterwarnings("ignore"),
]

PASSING = [probe for probe in PROBES if probe.id not in KNOWN]
REJECTIONS = [
    pytest.param(probe, double, checks, id=f"{probe.id}-{double.__name__}")
    for probe in PASSING
    for double, checks in doubles_of(probe).items()
    if is_tried(probe, double)
]
REPAIRED = [pytest.param(probe_of(known), repair, id=known) for known, (_, repair) in KNOWN.items() if repair is not None]


@pytest.fixture(scope="module")
def keras(keras_adapter: KerasLayerAdapter) -> Any:
    """Keras on TensorFlow."""
    return keras_adapter.keras


def messages(checks: tuple[CheckResult, ...]) -> list[str]:
    """What failed, in words."""
    return [f"{check.check}: {check.message}" for check in checks if check.verdict is not Verdict.PASS]


@pytest.mark.parametrize("probe", PASSING, ids=lambda probe: probe.id)
def test_real_layer_is_accepted(probe: Probe, keras: Any) -> None:
    """By every probe that is not known to fail; and every check that it makes is one that some double proves able to fail."""
    result = run_probe(probe, keras)
    assert (result.verdict, result.reason, messages(result.checks)) == (Verdict.PASS, "", [])
    assert {check.check for check in result.checks} <= {check for checks in doubles_of(probe).values() for check in checks}


@pytest.mark.parametrize("probe_id", KNOWN)
def test_what_is_known_to_fail_fails(probe_id: str, keras: Any) -> None:
    """Until Keras is mended: then its entry has to go."""
    assert run_probe(probe_of(probe_id), keras).verdict in (Verdict.FAIL, Verdict.ERROR)


@pytest.mark.parametrize(("probe", "double", "checks"), REJECTIONS)
def test_wrong_layer_is_rejected(probe: Probe, double: type, checks: tuple[str, ...], keras: Any) -> None:
    """By the checks that are there for it, and with a message that says what was got and what expected."""
    result = run_probe(probe, *doubles.make(keras, double))
    failed = {check.check: check.message for check in result.checks if check.verdict is Verdict.FAIL}
    assert result.verdict is Verdict.FAIL, result.reason
    assert set(checks) <= failed.keys()
    assert all("expected" in message or "as a whole is off" in message for message in failed.values())


@pytest.mark.parametrize(("probe", "repair"), REPAIRED)
def test_mended_layer_is_accepted(probe: Probe, repair: type, keras: Any) -> None:
    """A probe that real Keras fails is one that can be passed."""
    result = run_probe(probe, *doubles.make(keras, repair))
    assert (result.verdict, result.reason, messages(result.checks)) == (Verdict.PASS, "", [])


def test_arguments_are_all_that_keras_has(keras: Any) -> None:
    """No constructor argument of the layer, of its cell or of its base classes goes unprobed."""
    named = set(keras.layers.LSTM(1).get_config()) | {"use_cudnn", "implementation"}
    assert named == ARGUMENTS.keys()


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.id)
def test_probe_can_be_sent_to_a_worker(probe: Probe) -> None:
    """Whole, or by its id."""
    assert pickle.loads(pickle.dumps(probe)).id == probe_of(probe.id).id  # noqa: S301  # what was pickled one line above


def not_here(*_: object) -> tuple[CheckResult, ...]:
    """What a backend without training says."""
    raise NotImplementedError("no training")


@pytest.mark.parametrize(("needs_training", "verdict"), [(True, Verdict.UNSUPPORTED), (False, Verdict.ERROR)])
def test_only_training_may_be_missing(needs_training: bool, verdict: Verdict, keras: Any) -> None:
    """NotImplementedError is UNSUPPORTED where a probe asks for a training step, a crash like any other elsewhere."""
    probe = replace(PROBES[0], judge=not_here, parameters={}, needs_training=needs_training)
    result = run_probe(probe, keras)
    assert (result.verdict, "no training" in result.reason) == (verdict, True)
