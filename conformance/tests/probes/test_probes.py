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
from conformance.tests.support import probe_repairs as repairs

pytestmark = [
    pytest.mark.xdist_group("keras"),
    # What TensorFlow, Keras and NumPy say of a layer that raises, or that is wrong on purpose, is no concern of these tests.
    pytest.mark.filterwarnings("ignore"),
]

# What Keras 3.15.1 does wrong on TensorFlow → why, and a layer that does it right, where a subclass can.
KNOWN: dict[str, tuple[str, type | None]] = {
    **{
        f"probe-orthogonal-bfloat16-u{units}-s0": ("TensorFlow has no QR in bfloat16", repairs.OrthogonalInFloat32)
        for units in (1, 3, 16)
    },
    "probe-dropout-masks-input-impl1-s0": ("the four masks are broadcast as if they were one", repairs.GenericLoop),
    **{
        f"probe-{probe}-s0": ("a rate of 1 is taken for 0", repairs.DropsAll)
        for probe in (
            "dropout-rate-one-impl2",
            "dropout-rate-one-impl2-no-cudnn",
            "dropout-rate-one-impl1-no-cudnn",
            "recurrent-dropout-rate-one",
        )
    },
    "probe-reset-state-cells1-s0": ("reset_state() does not look into nested states", None),
    "probe-reset-state-cells2-s0": ("reset_state() does not look into nested states", None),
    "probe-reset-state-of-model-s0": ("a model has no reset_state()", None),
    "probe-reset-state-to-states-s0": ("reset_state() takes no states", repairs.ResetToStates),
    "probe-config-argument-use-cudnn-s0": ("use_cudnn is not in the config", repairs.CompleteConfig),
    "probe-config-argument-implementation-s0": ("implementation is not in the config", repairs.CompleteConfig),
    "probe-bidirectional-output-shape-s0": ("a Bidirectional takes its halves for equal", None),
    "probe-refused-call-state-of-one-row-s0": ("an initial state of one row is broadcast", repairs.StatesChecked),
}

# Trait → layers that are wrong, and the checks that reject them.
WEIGHTS = ("kernel", "recurrent_kernel", "bias")
DOUBLES: dict[str, dict[type, tuple[str, ...]]] = {
    "unit-forget-bias": {
        doubles.ForgetBiasFlipped: ("bias_f",),
        doubles.BiasTripled: ("bias_i", "bias_c", "bias_o"),
    },
    "orthogonal": {doubles.OrthogonalPerGate: ("orthogonal",)},
    "glorot-uniform": {doubles.KernelTooWide: ("within_limit",), doubles.KernelTooNarrow: ("reaches_limit",)},
    "initializer-given": {doubles.InitializersIgnored: WEIGHTS},
    "initializer-same-seed": {doubles.InitializersUnseeded: WEIGHTS[:2]},
    "initializer-no-seed": {doubles.InitializersIgnored: WEIGHTS[:2]},
    "regularizer": {doubles.PenaltiesDoubled: ("losses",), doubles.Unregularised: ("number_of_losses",)},
    "no-regularizer": {doubles.AlwaysRegularised: ("losses",)},
    "activity-regularizer": {doubles.PenaltiesDoubled: ("losses",), doubles.Unregularised: ("number_of_losses",)},
    "weights-regularizer-in-loss": {doubles.PenaltiesDoubled: ("loss",)},
    "activity-regularizer-in-loss": {doubles.PenaltiesDoubled: ("loss",)},
    "constraint": {doubles.Unconstrained: WEIGHTS},
    "not-trainable": {doubles.AlwaysTrainable: ("trainable_weights", *WEIGHTS), doubles.CutOff: ("step",)},
    "steps": {
        doubles.StatesConstant: WEIGHTS,
        doubles.Unregularised: WEIGHTS,
        doubles.PenaltiesDoubled: WEIGHTS,
    },
    "dropout-masks": {
        doubles.Unscaled: ("scale",),
        doubles.MaskPerTimestep: ("constant",),
        doubles.SameForAllRows: ("rows",),
        doubles.SameInAllCalls: ("calls",),
        doubles.KeptTooOften: ("keep_rate",),
        doubles.MaskPerGate: ("gates",),
        doubles.OneMaskForAll: ("gates",),
    },
    "dropout-at-inference": {doubles.AlwaysInTraining: ("outputs",)},
    "dropout-training-steps": {doubles.SameInAllCalls: ("calls",)},
    "dropout-seed": {doubles.Unseeded: ("same",), doubles.AlwaysSeeded: ("different",)},
    "dropout-seed-in-config": {doubles.forgetting("seed"): ("config", "outputs")},
    "dropout-rate-zero": {doubles.AtLeastHalf: ("outputs",)},
    "stateful-other-batch": {doubles.Forgiving: ("refused",), doubles.Unspecific: ("refused",)},
    "stateful-dynamic-batch": {doubles.Forgiving: ("refused",), doubles.Unspecific: ("refused",)},
    "reset-before-build": {doubles.ResetLeavesTrace: ("outputs",)},
    "reset-state": {
        doubles.NeverReset: ("zeros", "outputs"),
        doubles.ResetLeavesTrace: ("outputs",),
        doubles.NeverCarried: ("carried",),
    },
    "config-round-trip": {doubles.NeverTheSameConfig: ("config",)},
    "activation-accepted": {
        doubles.OtherActivations: ("activation", "recurrent_activation"),
        doubles.NotANumber: ("activation_outputs", "recurrent_activation_outputs"),
    },
    "refused-call": {doubles.Forgiving: ("refused",)},
    "refused-argument": {doubles.Forgiving: ("refused",)},
}


def doubles_of(probe: Probe) -> dict[type, tuple[str, ...]]:
    """The layers that the probe must reject."""
    if probe.trait == "config-argument":
        name = probe.parameters["name"]
        computes = name.endswith(("activation", "initializer", "regularizer", "constraint"))
        namesakes = {doubles.namesake(name): ("rebuilt",)} if computes else {}
        return {doubles.forgetting(name): ("config", "rebuilt"), **namesakes}
    chosen = DOUBLES[probe.trait]
    if probe.trait == "steps":
        # Ten steps begin with one, which shows what is wrong with penalties; of these, one is rejected by ten steps too.
        of_penalties = [doubles.PenaltiesDoubled, *([doubles.Unregularised] if probe.parameters["steps"] == 1 else [])]
        return {double: chosen[double] for double in (of_penalties if probe.parameters["penalised"] else [doubles.StatesConstant])}
    if probe.trait == "dropout-masks":
        other = doubles.MaskPerGate if probe.parameters["masks"] == 4 else doubles.OneMaskForAll
        return {double: checks for double, checks in chosen.items() if double is not other}
    return chosen


def is_tried(probe: Probe, double: type) -> bool:
    """Every double on every probe, but for dropout's masks, which are read alike in all of many ways: one each, and all on two."""
    return probe.trait != "dropout-masks" or double is doubles.Unscaled or probe.label in ("input", "recurrent")


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
    result = run_probe(probe, keras, doubles.make(keras, double))
    failed = {check.check: check.message for check in result.checks if check.verdict is Verdict.FAIL}
    assert result.verdict is Verdict.FAIL, result.reason
    assert set(checks) <= failed.keys()
    assert all("expected" in message or "as a whole is off" in message for message in failed.values())


@pytest.mark.parametrize(("probe", "repair"), REPAIRED)
def test_mended_layer_is_accepted(probe: Probe, repair: type, keras: Any) -> None:
    """A probe that real Keras fails is one that can be passed."""
    result = run_probe(probe, keras, doubles.make(keras, repair))
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
