"""What the tests of probes expect: which probes real Keras fails, and which wrong layers each probe rejects, by which checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from conformance.probes import Probe
from conformance.probes.composite_refusals import COMPOSITE_FAULTS
from conformance.probes.refusals import FAULTS, Fault
from conformance.tests.support import probe_default_doubles as of_defaults
from conformance.tests.support import probe_doubles as doubles
from conformance.tests.support import probe_part_doubles as parts
from conformance.tests.support import probe_refusal_doubles as refusals
from conformance.tests.support import probe_repairs as repairs
from conformance.tests.support import probe_weight_doubles as of_weights
from conformance.tests.support import probe_wrapper_doubles as wrappers

# What Keras 3.15.1 does wrong on TensorFlow → why, and a layer that does it right, where a subclass can.
KNOWN: dict[str, tuple[str, type[doubles.LayerDouble] | None]] = {
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
    "probe-config-argument-of-cell-implementation-s0": ("implementation is not in the config", None),
    "probe-config-argument-implementation-s0": ("implementation is not in the config", repairs.CompleteConfig),
    "probe-bidirectional-output-shape-s0": ("a Bidirectional takes its halves for equal", None),
    **{
        f"probe-activation-namesake-{label}-s0": ("a function is written to the config by its name", None)
        for label in ("bidi-call", "bidi-predict", "lstm-config", "rnn-config")
    },
    **{
        f"probe-variables-unchanged-{label}-dropout-s0": ("masks are drawn at inference, and not used", None)
        for label in ("lstm", "rnn", "cells2", "bidi", "td", "lstm-stateful", "lstm-predict", "bidi-predict")
    },
    **{
        f"probe-says-shapes-{name}-float16-layer-s0": ("a wrapper says that all its outputs have its own dtype", None)
        for name in ("bidi", "td")
    },
    **{
        f"probe-time-distributed-slices-t{timesteps}-open-s0": ("an open number of timesteps is taken for the batch size", None)
        for timesteps in (1, 17, 33, 65)
    },
    "probe-says-masks-bidi-seq-state-s0": ("a Bidirectional says one mask for all that it returns", None),
    **refusals.KNOWN_REFUSALS,
}

# Trait → layers that are wrong, and the checks that reject them.
WEIGHTS = ("kernel", "recurrent_kernel", "bias")
DOUBLES: dict[str, dict[type[doubles.LayerDouble], tuple[str, ...]]] = {
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
    "activity-regularizer": {
        doubles.PenaltiesDoubled: ("losses",),
        doubles.of("RNN", doubles.PenaltiesDoubled): ("losses",),
        doubles.Unregularised: ("number_of_losses",),
        doubles.of("RNN", doubles.Unregularised): ("number_of_losses",),
        parts.HalvesAlike: ("losses",),
    },
    "weights-regularizer-in-loss": {doubles.PenaltiesDoubled: ("loss",)},
    "activity-regularizer-in-loss": {doubles.PenaltiesDoubled: ("loss",)},
    "constraint": {doubles.Unconstrained: WEIGHTS},
    "constraint-of-weight": {doubles.Unconstrained: WEIGHTS, parts.ConstraintsShared: WEIGHTS[1:]},
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
    "dropout-at-inference": {doubles.AlwaysInTraining: ("outputs",), doubles.CellAlwaysInTraining: ("outputs",)},
    "dropout-training-steps": {doubles.SameInAllCalls: ("calls",)},
    "dropout-seed": {doubles.Unseeded: ("same",), doubles.AlwaysSeeded: ("different",)},
    "dropout-seed-in-config": {doubles.forgetting("seed"): ("config", "outputs")},
    "dropout-rate-zero": {doubles.AtLeastHalf: ("outputs",)},
    "stateful-other-batch": {refusals.Forgiving: ("refused",), refusals.Unspecific: ("refused",)},
    "stateful-dynamic-batch": {refusals.Forgiving: ("refused",), refusals.Unspecific: ("refused",)},
    "reset-before-build": {doubles.ResetLeavesTrace: ("outputs",)},
    "reset-state": {
        doubles.NeverReset: ("zeros", "outputs"),
        doubles.ResetLeavesTrace: ("outputs",),
        doubles.NeverCarried: ("carried",),
    },
    "bidirectional-states": {
        parts.StartsBackwardFromZeros: ("returned",),
        parts.HalvesAlike: ("returned",),
        doubles.of("Bidirectional", parts.ReturnsLess): ("number",),
    },
    "bidirectional-reset": {
        doubles.NeverCarried: ("carried",),
        parts.NeverResetForward: ("reset",),
        parts.NeverResetBackward: ("reset",),
        parts.ResetsWhole: ("reset",),
    },
    "stacked-cells": {
        parts.ReadsFirstInput: ("returned",),
        doubles.of("RNN", parts.StatesExchanged): ("returned",),
        doubles.of("RNN", parts.ReturnsLess): ("number",),
    },
    "stacked-cells-dropout": {
        doubles.Unscaled: ("scale",),
        doubles.MaskPerTimestep: ("constant",),
        parts.OneMaskForFeatures: ("features",),
        doubles.SameForAllRows: ("rows",),
    },
    "activation-namesake": {parts.BuiltInsByName: ("outputs",)},
    "variables-unchanged": {parts.CallMovesBias: ("variables",), parts.ConfigMovesBias: ("variables",)},
    "reset-states": {
        doubles.NeverReset: ("zeros", "outputs"),
        doubles.ResetLeavesTrace: ("outputs",),
        doubles.NeverCarried: ("carried",),
    },
    "argument-defaults": {of_defaults.OtherDefaults: ("default_layer",), of_defaults.OtherDefaultsOfCell: ("default_cell",)},
    "activation-none": {of_defaults.NoneIsDefault: ("outputs",)},
    "initial-states": {of_defaults.StartsFromIntegers: ("dtypes", "zeros")},
    "state-variables": {of_defaults.TrainsStates: ("dtypes", "trainable")},
    "custom-cell": {of_defaults.StartsFromOnes: ("outputs", "rebuilt"), of_defaults.NameLost: ("name",)},
    "rate-beyond": {of_defaults.AlwaysHalf: ("stored",)},
    "custom-cell-stack": {of_defaults.CellsLost: ("cells",)},
    "bidirectional-halves": {of_defaults.HalvesExchanged: ("names", "states", "config")},
    "masking-near-value": {of_defaults.MasksNear: ("outputs", "mask")},
    "config-round-trip": {doubles.NeverTheSameConfig: ("config", "stored"), of_defaults.ConfigDependent: ("stored",)},
    "activation-accepted": {
        doubles.OtherActivations: ("activation", "recurrent_activation"),
        doubles.NotANumber: ("activation_outputs", "recurrent_activation_outputs"),
    },
}


def _is_of_rnn(probe: Probe) -> bool:
    return probe.parameters.get("architecture") in ("rnn", "cells2")


def _sends_otherwise(base: str, probe: Probe) -> bool:
    """Whether another class than this sends on the mask behind a chain, or none."""
    last: str = probe.parameters["chain"][-1]
    return last == "last" or base != SENDING[last]


def _reads_otherwise(base: str, probe: Probe) -> bool:
    """Whether another class than this reads the masked sequence."""
    first: str = probe.parameters["chain"][0]
    return (base == "RNN") != (first == "cells2")


def _is_of_another(base: str, probe: Probe) -> bool:
    """Whether the whole of a probe is of another class than this."""
    return base != CLASS_OF[probe.parameters["architecture"]]


def _keeps_otherwise(base: str, return_sequences: bool, probe: Probe) -> bool:
    """Whether the whole of a probe is of another class, or returns its last output where a sequence is asked, or the reverse."""
    return _is_of_another(base, probe) or probe.parameters["return_sequences"] is not return_sequences


def _trains_otherwise(base: str, frozen: bool, probe: Probe) -> bool:
    """Whether the whole of a probe is of another class, or something is frozen where nothing is asked to be, or the reverse."""
    return _is_of_another(base, probe) or (probe.parameters["frozen"] in ("layer", "part")) is not frozen


def _has_other_cells(base: str, probe: Probe) -> bool:
    """Whether the cells of a probe are made by another class: by RNN, or by an LSTM."""
    return (base == "RNN") is not _is_of_rnn(probe)


def _is_refused_otherwise(base: str, is_named: bool, probe: Probe) -> bool:
    """Whether another class than this has to refuse the fault, or no words are asked of the message."""
    fault = REFUSED[probe.trait][probe.parameters["label"]]
    return fault.of != base or (is_named and not fault.naming)


def _is_mixed(probe: Probe) -> bool:
    return bool(probe.parameters["policy"].startswith("mixed"))


def _is_stored_otherwise(base: str, probe: Probe) -> bool:
    """Whether another class than this stores states, or none does, or they are in float32 anyway."""
    return _is_mixed(probe) or probe.parameters["architecture"] == "td" or _has_other_cells(base, probe)


def _is_native(probe: Probe) -> bool:
    return probe.label.endswith("native")


# Last link of a chain → the class of Keras that sends on the mask.
SENDING = {
    "lstm": "LSTM",
    "zeroing": "LSTM",
    "last": "LSTM",
    "bidi": "Bidirectional",
    "cells2": "RNN",
    "dense": "Dense",
    "td": "TimeDistributed",
}
_LOSING = {doubles.of(base, parts.MaskLost): base for base in sorted({*SENDING.values()})}
_IGNORING = {doubles.of(base, parts.MaskIgnored): base for base in ("LSTM", "RNN")}
DOUBLES["masked-downstream"] = {
    **dict.fromkeys(_LOSING, ("mask",)),
    **dict.fromkeys(_IGNORING, ("outputs", "loss", "metric")),
    parts.MaskSentOn: ("mask",),
}

# Architecture → the class of Keras of the whole.
CLASS_OF = {"lstm": "LSTM", "rnn": "RNN", "cells2": "RNN", "bidi": "Bidirectional", "td": "TimeDistributed"}
_SAYING, _RETURNING, _KEEPING, _SENDING_ON = (
    {doubles.of(base, double): base for base in sorted({*CLASS_OF.values()})}
    for double in (parts.SaysMoreUnits, parts.ReturnsIntegers, parts.MaskLost, parts.MaskSentOn)
)
DOUBLES["says-shapes"] = {
    **dict.fromkeys(_SAYING, ("symbolic", "open", "shape", "open_shape")),
    **dict.fromkeys(_RETURNING, ("call",)),
}
_UNSUPPORTING = {doubles.of(base, of_defaults.MasksUnsupported): base for base in sorted({*CLASS_OF.values()})}
DOUBLES["says-masks"] = {
    **dict.fromkeys([*_KEEPING, *_SENDING_ON], ("compute_mask", "carried")),
    **dict.fromkeys(_UNSUPPORTING, ("supports_masking",)),
}

_LISTING, _TRAINED, _UNTRAINED, _FREEZING, _HIDING = (
    {doubles.of(base, double): base for base in sorted({*CLASS_OF.values()})}
    for double in (
        of_weights.WeightsRepeated,
        of_weights.AlwaysTrained,
        of_weights.NeverTrained,
        of_weights.FrozenWhenLoaded,
        of_weights.HidesVariable,
    )
)
_LOADING, _SAVING = (
    {doubles.of(base, double): base for base in ("LSTM", "RNN")} for double in (of_weights.LoadsNothing, of_weights.SavesMore)
)
REFUSED: dict[str, Mapping[str, Fault]] = {**FAULTS, **COMPOSITE_FAULTS}
_REFUSING = sorted({fault.of for faults in REFUSED.values() for fault in faults.values()})
_FORGIVING, _UNSPECIFIC = (
    {doubles.of(base, double): base for base in _REFUSING} for double in (refusals.Forgiving, refusals.Unspecific)
)
DOUBLES |= dict.fromkeys(REFUSED, dict.fromkeys([*_FORGIVING, *_UNSPECIFIC], ("refused",)))
DOUBLES["unroll-traced-open"] = {refusals.TracesAnything: ("refused",)}
DOUBLES["weights-dtype"] = dict.fromkeys(
    [
        of_weights.KernelInFloat32,
        of_weights.KernelInComputeDtype,
        *(_STATES := {doubles.of(base, of_weights.StatesInFloat32): base for base in ("LSTM", "RNN")}),
    ],
    ("dtypes",),
)
DOUBLES["weights-listed"] = dict.fromkeys(_LISTING, ("weights", "paths", "different", "values"))
DOUBLES["weights-trained"] = dict.fromkeys([*_TRAINED, *_UNTRAINED], ("trainable", "variables", "fixed"))
DOUBLES["saved-variables"] = {
    **dict.fromkeys(_LOADING, ("values",)),
    **dict.fromkeys(_SAVING, ("saved",)),
    **dict.fromkeys(_HIDING, ("variables",)),
}
DOUBLES["saved-optimizer"] = {**dict.fromkeys(_LOADING, ("weights",)), **dict.fromkeys(_FREEZING, ("optimizer",))}
# Wrapper → the classes of Keras that pass on training and mask in it.
PASSING_ON = {"rnn": ("RNN",), "cells3": ("RNN",), "bidi": ("Bidirectional", "RNN"), "td": ("TimeDistributed", "RNN")}
_NEVER_TRAINING, _ALWAYS_TRAINING, _UNMASKED = (
    {doubles.of(base, double): base for base in ("Bidirectional", "RNN", "TimeDistributed")}
    for double in (wrappers.NeverInTraining, wrappers.AlwaysInTraining, wrappers.MaskDropped)
)
_TYPED = {doubles.of(base, double): base for base in ("LSTM", "RNN") for double in (wrappers.MaskDropped, wrappers.NumbersInverted)}
_SLICES = [doubles.of("TimeDistributed", double) for double in (wrappers.NeverInTraining, wrappers.AlwaysInTraining)]
DOUBLES["passed-on"] = dict.fromkeys([*_NEVER_TRAINING, *_ALWAYS_TRAINING, *_UNMASKED], ("outputs",))
DOUBLES["time-distributed-slices"] = dict.fromkeys(
    [wrappers.LastSliceLost, wrappers.FirstMaskForAll, doubles.of("TimeDistributed", wrappers.MaskDropped), *_SLICES], ("slices",)
)
DOUBLES["time-distributed-mask-refused"] = {doubles.of("TimeDistributed", refusals.Forgiving): ("refused",)}
DOUBLES["masking-value"] = {
    wrappers.MasksZeros: ("outputs", "mask", "behind", "rebuilt", "cloned"),
    wrappers.MasksAnyFeature: ("outputs", "mask", "behind", "rebuilt", "cloned"),
    wrappers.ShowsMasked: ("outputs", "rebuilt"),
    wrappers.ForgetsMaskValue: ("rebuilt",),
}
DOUBLES["mask-type"] = dict.fromkeys(_TYPED, ("outputs",))
_LISTED = {doubles.of(base, wrappers.MaskDropped): base for base in ("LSTM", "RNN")}
DOUBLES["mask-of-lists"] = dict.fromkeys(_LISTED, ("outputs",))
DOUBLES["stacked-sizes"] = {wrappers.SizesReversed: ("output_size", "state_size", "initial", "said")}
DOUBLES["bidirectional-use-cudnn"] = {wrappers.CudnnOfForwardHalf: ("use_cudnn",)}
DOUBLES["bidirectional-unequal-halves"] = {
    parts.HalvesAlike: ("returned",),
    doubles.of("Bidirectional", parts.ReturnsLess): ("number",),
}
DOUBLES["trainable-of-cell"] = dict.fromkeys((doubles.AlwaysTrainable, wrappers.NeverTrainable), ("trainable", "variables"))


def _passes_otherwise(base: str, shown: str, probe: Probe) -> bool:
    """Whether another class than this passes on training and mask, or the probe does not show what is passed on wrongly."""
    if base not in PASSING_ON[probe.parameters["wrapper"]]:
        return True
    if shown == "masked":
        # A half that is given no mask takes the one that its inputs carry.
        return not probe.parameters["masked"] or (base == "Bidirectional" and probe.parameters["route"] == "model")
    is_on: bool = probe.parameters["training"] == "on"
    return is_on != (shown == "on")


def _is_masked_otherwise(double: type[doubles.LayerDouble], base: str, probe: Probe) -> bool:
    """Whether another class than this reads the mask, or a mask of this type is one that the double reads rightly."""
    is_right = wrappers.NumbersInverted in double.__mro__ and probe.label.endswith("bool")
    is_of_rnn: bool = probe.parameters["loop"] == "rnn"
    return is_right or (base == "RNN") != is_of_rnn


# Double → of a probe whose trait rejects it, whether that probe cannot.
BLIND: dict[type[doubles.LayerDouble], Callable[[Probe], bool]] = {
    # Ten steps begin with one, which shows what is wrong with penalties; of these, one is rejected by ten steps too.
    doubles.StatesConstant: lambda probe: probe.parameters["penalised"],
    doubles.PenaltiesDoubled: lambda probe: (
        not probe.parameters["penalised"] if probe.trait == "steps" else "architecture" in probe.parameters
    ),
    doubles.Unregularised: lambda probe: (
        not (probe.parameters["penalised"] and probe.parameters["steps"] == 1) if probe.trait == "steps" else _is_of_rnn(probe)
    ),
    doubles.MaskPerGate: lambda probe: probe.parameters["masks"] == 4,
    doubles.OneMaskForAll: lambda probe: probe.parameters["masks"] == 1,
    # With native activations the loop calls no cell, and elsewhere a layer that is always in training may not run.
    doubles.AlwaysInTraining: lambda probe: not _is_native(probe),
    doubles.CellAlwaysInTraining: _is_native,
    parts.ConfigMovesBias: lambda probe: "get_config" not in probe.parameters["acts"],
    **{double: lambda probe: not _is_of_rnn(probe) for double in DOUBLES["activity-regularizer"] if double.double_of == "RNN"},
    parts.HalvesAlike: lambda probe: probe.parameters.get("architecture", "bidi") != "bidi" or "return_state" in probe.parameters,
    parts.MaskSentOn: lambda probe: probe.parameters["chain"][-1] != "last",
    **{double: partial(_sends_otherwise, base) for double, base in _LOSING.items()},
    **{double: partial(_reads_otherwise, base) for double, base in _IGNORING.items()},
    **{double: partial(_is_of_another, base) for double, base in (_SAYING | _RETURNING | _UNSUPPORTING).items()},
    **{double: partial(_keeps_otherwise, base, True) for double, base in _KEEPING.items()},
    **{double: partial(_keeps_otherwise, base, False) for double, base in _SENDING_ON.items()},
    **{double: partial(_is_of_another, base) for double, base in (_LISTING | _FREEZING | _HIDING).items()},
    **{double: partial(_trains_otherwise, base, True) for double, base in _TRAINED.items()},
    **{double: partial(_trains_otherwise, base, False) for double, base in _UNTRAINED.items()},
    **{double: partial(_has_other_cells, base) for double, base in (_LOADING | _SAVING).items()},
    **{double: partial(_is_refused_otherwise, base, False) for double, base in _FORGIVING.items()},
    **{double: partial(_is_refused_otherwise, base, True) for double, base in _UNSPECIFIC.items()},
    **{double: partial(_is_stored_otherwise, base) for double, base in _STATES.items()},
    of_weights.KernelInFloat32: _is_mixed,
    of_weights.KernelInComputeDtype: lambda probe: not _is_mixed(probe),
    **{double: partial(_passes_otherwise, base, "on") for double, base in _NEVER_TRAINING.items()},
    **{double: partial(_passes_otherwise, base, "off") for double, base in _ALWAYS_TRAINING.items()},
    **{double: partial(_passes_otherwise, base, "masked") for double, base in _UNMASKED.items()},
    **{double: partial(_is_masked_otherwise, double, base) for double, base in (_TYPED | _LISTED).items()},
    **{double: lambda probe: probe.label.endswith("open") for double in _SLICES if wrappers.NeverInTraining in double.__mro__},
    wrappers.FirstMaskForAll: lambda probe: probe.label == "t1",
    **{
        double: lambda probe: probe.parameters["mask_value"] == 0
        for double in (wrappers.MasksZeros, wrappers.ShowsMasked, wrappers.ForgetsMaskValue)
    },
    doubles.AlwaysTrainable: lambda probe: probe.parameters.get("trainable", False),
    wrappers.NeverTrainable: lambda probe: not probe.parameters["trainable"],
    parts.NeverResetForward: lambda probe: probe.parameters["which"] == ("backward",),
    parts.NeverResetBackward: lambda probe: probe.parameters["which"] == ("forward",),
    parts.ResetsWhole: lambda probe: probe.parameters["which"] in (("forward", "backward"), ("layer",)),
}


def doubles_of(probe: Probe) -> dict[type[doubles.LayerDouble], tuple[str, ...]]:
    """The layers that the probe must reject."""
    if probe.trait == "config-argument":
        name = probe.parameters["name"]
        computes = name.endswith(("activation", "initializer", "regularizer", "constraint"))
        namesakes = {doubles.namesake(name): ("rebuilt",)} if computes else {}
        return {doubles.forgetting(name): ("config", "rebuilt"), doubles.ignoring(name): ("stored", "rebuilt"), **namesakes}
    if probe.trait == "config-argument-of-cell":
        name = probe.parameters["name"]
        return {wrappers.forgetting_in_cell(name): ("config",), wrappers.default_in_cell(name): ("rebuilt",)}
    return {double: checks for double, checks in DOUBLES[probe.trait].items() if not (double in BLIND and BLIND[double](probe))}


def is_tried(probe: Probe, double: type[doubles.LayerDouble]) -> bool:
    """Every double on every probe, but for dropout's masks, which are read alike in all of many ways: one each, and all on two."""
    return probe.trait != "dropout-masks" or double is doubles.Unscaled or probe.label in ("input", "recurrent")
