"""Claims can fail: a deliberately wrong layer in the place of `keras.layers.LSTM` changes the verdicts that it should."""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from packaging.version import Version

from conformance.adapters.observation import Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.claims import CLAIMS, ClaimResult, capacity, counts, coupling, origins, run_claims, sizes
from conformance.claims.capacity import Training
from conformance.claims.cells import Variant
from conformance.claims.measure import MissingFrameworkError, import_keras
from conformance.claims.origins import STATED_DEFAULTS
from conformance.claims.systems import recorded_adapter, signatures
from conformance.environments.adapter import EnvironmentAdapter


def with_arguments(**changed: Any) -> Callable[[type], type]:
    """A layer that overrules its caller's arguments."""

    def derive(lstm: Any) -> type:
        class Overruling(lstm):  # type: ignore[misc]  # a base class known at run time only
            def __init__(self, units: int, **arguments: Any) -> None:
                super().__init__(units, **{**arguments, **changed})

        return Overruling

    return derive


def with_default(**defaults: Any) -> Callable[[type], type]:
    """A layer whose defaults differ."""

    def derive(lstm: Any) -> type:
        class Defaulting(lstm):  # type: ignore[misc]  # a base class known at run time only
            def __init__(self, units: int, **arguments: Any) -> None:
                super().__init__(units, **{**defaults, **arguments})

        return Defaulting

    return derive


def with_weights(change: Callable[[Any, int], Any]) -> Callable[[type], type]:
    """A layer that changes each array that it is given."""

    def derive(lstm: Any) -> type:
        class Changing(lstm):  # type: ignore[misc]  # a base class known at run time only
            def set_weights(self, weights: list[Any]) -> None:
                super().set_weights([change(array, self.units) for array in weights])

        return Changing

    return derive


def swap_i_and_o(array: Any, _: int) -> Any:
    """The blocks i and o in each other's place."""
    i, f, c, o = np.split(array, 4, axis=-1)
    return np.concatenate([o, f, c, i], axis=-1)


def cut_coupling(array: Any, units: int) -> Any:
    """A recurrent kernel by which no unit reads another; other arrays as they are."""
    return array * np.tile(np.eye(units), 4) if array.shape == (units, 4 * units) else array


def one_unit_more(lstm: Any) -> type:
    """A layer with a unit that nobody asked for."""

    class Wider(lstm):  # type: ignore[misc]  # a base class known at run time only
        def __init__(self, units: int, **arguments: Any) -> None:
            super().__init__(units + 1, **arguments)

        def set_weights(self, weights: list[Any]) -> None:
            """Keep its own: the given ones do not fit."""

    return Wider


def weight_per_timestep(lstm: Any) -> type:
    """A layer with a weight for each timestep."""

    class PerTimestep(lstm):  # type: ignore[misc]  # a base class known at run time only
        def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
            super().build(sequences_shape, initial_state_shape)
            self.extra = self.add_weight(shape=(sequences_shape[1] or 1,))

        def set_weights(self, weights: list[Any]) -> None:
            super().set_weights([self.extra.numpy(), *weights])

    return PerTimestep


def ignores_masks(lstm: Any) -> type:
    """A layer that ignores its mask."""

    class IgnoresMasks(lstm):  # type: ignore[misc]  # a base class known at run time only
        def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
            used = None if mask is None else import_keras().ops.ones_like(mask)
            return super().call(sequences, initial_state=initial_state, mask=used, training=training)

    return IgnoresMasks


def swapped_samples(lstm: Any) -> type:
    """A stateful layer that hands each sample its neighbour's state."""

    class Swapping(lstm):  # type: ignore[misc]  # a base class known at run time only
        def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
            outputs = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
            if self.stateful:
                for state in self.states:
                    state.assign(import_keras().ops.roll(state, 1, axis=0))
            return outputs

    return Swapping


def chronological_outputs(lstm: Any) -> type:
    """A layer that turns the outputs of go_backwards into the order of the inputs."""

    class Chronological(lstm):  # type: ignore[misc]  # a base class known at run time only
        def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
            outputs = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
            return import_keras().ops.flip(outputs, axis=1) if self.go_backwards and self.return_sequences else outputs

    return Chronological


def without_source(lstm: Any) -> type:
    """A layer whose docstring names no paper."""

    class Sourceless(lstm):  # type: ignore[misc]  # a base class known at run time only
        """A layer."""

    return Sourceless


def with_stated_signature(lstm: Any) -> type:
    """A layer whose signature is the printed one."""

    class Stated(lstm):  # type: ignore[misc]  # a base class known at run time only
        def __init__(self, units: int, **arguments: Any) -> None:
            super().__init__(units, **arguments)

    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, keyword, default=value) for name, value in STATED_DEFAULTS.items()]
    Stated.__init__.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect reads
    return Stated


def run_claim_with(identifier: str, derive: Callable[[type], type], monkeypatch: pytest.MonkeyPatch) -> ClaimResult:
    """The claim, run on the layer derived from Keras' own."""
    keras = import_keras()
    monkeypatch.setattr(keras.layers, "LSTM", derive(keras.layers.LSTM))
    (result,) = run_claims([claim for claim in CLAIMS if claim.id == identifier])
    return result


WRONG: dict[str, tuple[Callable[[type], type], dict[str, str]]] = {
    "gates i and o swapped": (
        with_weights(swap_i_and_o),
        {
            "colah-consistent": "fails",
            "zero-pad-after-first-step": "fails",
            "input-times-matrix": "fails",
            "one-block-of-width-units": "fails",
        },
    ),
    "units uncoupled": (
        with_weights(cut_coupling),
        {"independent-copies": "holds", "each-unit-sees-all-features": "fails", "colah-consistent": "fails"},
    ),
    "no bias": (
        with_arguments(use_bias=False),
        {"count-formula": "fails", "summary-table": "fails", "timesteps-free-count": "fails", "twelve-parameters": "error"},
    ),
    "one unit more": (
        one_unit_more,
        {
            "units-are-output-size": "fails",
            "states-have-size-units": "fails",
            "scalars-at-one-unit": "fails",
            "latent-dim": "fails",
            "input-dim-free": "fails",
            "num-units-is-hidden-size": "fails",
            "shapes-3-50": "fails",
        },
    ),
    "a weight per timestep": (
        weight_per_timestep,
        {"one-block-of-width-units": "fails", "timesteps-free-count": "fails", "summary-table": "fails"},
    ),
    "states not carried": (with_arguments(stateful=False), {"stateful-carries": "fails", "initial-state-zero": "fails"}),
    "states of neighbours": (swapped_samples, {"stateful-carries": "fails"}),
    "masks ignored": (ignores_masks, {"zero-pad-after-first-step": "fails"}),
    "outputs in the inputs' order": (chronological_outputs, {"return-sequences-shapes": "fails"}),
    "hard sigmoid by default": (with_default(recurrent_activation="hard_sigmoid"), {"colah-consistent": "fails"}),
    "softmax for tanh": (with_default(activation="softmax"), {"elementwise-tanh": "fails"}),
    "always unrolled": (with_arguments(unroll=True), {"cells-equal-window": "fails"}),
    "no paper named": (without_source, {"no-paper": "holds"}),
    "the printed signature": (with_stated_signature, {"defaults-of-the-signature": "fails"}),
}


@pytest.mark.parametrize(
    ("wrong", "identifier"),
    [(wrong, identifier) for wrong, (_, outcomes) in WRONG.items() for identifier in outcomes],
)
def test_a_wrong_layer_changes_the_verdict(wrong: str, identifier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a layer with that fault the claim no longer settles as it does on Keras' own."""
    derive, outcomes = WRONG[wrong]
    assert run_claim_with(identifier, derive, monkeypatch).outcome == outcomes[identifier]


def test_units_that_learn_too_little_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were 128 units needed for 90 % accuracy, fewer-units-suffice would fail."""

    def train(units: int, *_: object) -> Training:
        return Training(units=units, parameters=units, accuracies=(0.91 if units == 128 else 0.89,))

    monkeypatch.setattr(capacity, "_train", train)
    assert capacity.fewer_units_suffice.run().verdict.value == "fails"


def test_missing_scikit_learn_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without scikit-learn the error says which extra has it."""
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingFrameworkError, match=r"scikit-learn.*with: pip install .keras-lstm-conformance\[claims\]"):
        capacity.fewer_units_suffice.run()


@pytest.mark.parametrize(
    ("version", "name", "default", "verdict"),
    [
        ("2.1.3", "recurrent_activation", "'sigmoid'", "fails"),
        ("2.0.8", "implementation", "1", "fails"),
        ("2.0.4", "implementation", "1", "holds only when"),
    ],
)
def test_another_signature_changes_the_versions_that_have_the_stated_one(
    version: str, name: str, default: str, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One among them that has not, and one outside that has; not one outside that still differs in something."""
    recorded = dict(signatures())
    recorded[Version(version)] = {"arguments": {**recorded[Version(version)]["arguments"], name: default}}
    monkeypatch.setattr(origins, "signatures", lambda: recorded)
    assert origins.defaults_of_the_signature.run().verdict.value == verdict


def test_a_cell_that_does_not_project_holds_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the projected output of size num_units too, no condition would be left."""
    monkeypatch.setattr(sizes, "PROJECTED", Variant(arguments={"forget_bias": 0.5}))
    assert sizes.num_units_is_hidden_size.run().verdict.value == "holds"


def test_a_cell_of_another_size_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded sizes are compared with 128."""
    monkeypatch.setattr(sizes, "WIDE", Variant(arguments={"forget_bias": 0.5}))
    assert sizes.num_units_is_hidden_size.run().verdict.value == "fails"


@dataclass
class Sigmoid:
    """Keras before 2.3.0, had its default been the sigmoid and its table another."""

    recorded: EnvironmentAdapter

    def describe(self) -> Mapping[str, Any]:
        """Another than what was recorded."""
        return {"arguments": {"recurrent_activation": "'sigmoid'"}, "summary": "(LSTM) (None, 10) 641"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """As it was recorded."""
        return self.recorded.observe(case, stimulus)


def test_a_sigmoid_by_default_before_2_3_makes_the_condition_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the recorded Keras 2 computes by its own default is compared with the equations."""
    monkeypatch.setattr(coupling, "recorded_adapter", lambda spec: Sigmoid(recorded_adapter(spec)))
    assert coupling.colah_consistent.run().verdict.value == "fails"


def test_another_table_of_an_older_version_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each recorded summary is read."""
    monkeypatch.setattr(counts, "recorded_adapter", lambda spec: Sigmoid(recorded_adapter(spec)))
    assert counts.summary_table.run().verdict.value == "fails"


def test_missing_keras_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Keras every claim ends in an error with the hint."""
    monkeypatch.setitem(sys.modules, "keras", None)
    (result,) = run_claims(CLAIMS[:1])
    assert result.error.startswith("MissingFrameworkError: ")
    assert "keras-lstm-conformance[claims]" in result.error


@pytest.mark.parametrize(("version", "backend"), [("2.15.0", "tensorflow"), ("3.15.1", "jax")], ids=["Keras 2", "JAX"])
def test_another_keras_is_refused(version: str, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims run Keras 3 on TensorFlow only, and say so."""
    keras = import_keras()
    monkeypatch.setattr(keras, "__version__", version)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    with pytest.raises(MissingFrameworkError, match=f"Keras {version} on {backend}"):
        import_keras()
