"""Verifies each LSTM of a model with its own weights, in several cases, against the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.adapters.base import Adapter
from conformance.adapters.conventions import Conventions
from conformance.adapters.observation import Observation
from conformance.cases.case import Case, Execution
from conformance.cases.features import POLICIES
from conformance.cases.stimulus import Stimulus, draw
from conformance.diagnosis.diagnosticians import diagnostician
from conformance.judging.checks import Evidence
from conformance.judging.verdict import Result, Verdict, worst_verdict
from conformance.known.known_differences import EARLIER_FILE, KnownDifference, classify, known_differences
from conformance.model_file.layers import ModelLSTM
from conformance.model_file.ownership import arguments_of
from conformance.report.parts import causes_of
from conformance.running.explanation import Explainer
from conformance.running.runner import run_case
from lstm_ref import LSTMWeights
from lstm_ref.arrays import representable

TIMESTEPS, ROWS = 9, 3
# Number of full searches for the deviations that explain an LSTM: one for each of two causes.
SEARCHES = 2

# The layer as it is configured; then with all its outputs and states, with masks, and with an initial state.
_VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"return_sequences": True, "return_state": True, "stateful": False},
    {"return_sequences": True, "return_state": True, "stateful": False, "mask": "right"},
    {"return_sequences": True, "return_state": True, "stateful": False, "mask": "interior", "initial_state": True},
)

HARD_SIGMOIDS = {
    "hard_sigmoid": "Keras 3's hard_sigmoid, x / 6 + 1/2",
    "hard_sigmoid_keras2": "the hard_sigmoid of Keras 1 and 2, 0.2 x + 1/2",
}


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The result of one LSTM in one environment.

    Attributes:
        path: of the LSTM in the model.
        results: of its cases; empty where it was not run.
        faults: of its weights.
        reason: why it was not run.
        explained_by: the deviations, or a text, that explain the difference; first the fewest that explain all cases.
    """

    path: str
    results: tuple[Result, ...] = ()
    faults: tuple[str, ...] = ()
    reason: str = ""
    explained_by: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """FAIL for faults of the weights, else the worst verdict of its cases."""
        if self.faults:
            return Verdict.FAIL
        verdicts = [result.verdict for result in self.results]
        judged = [verdict for verdict in verdicts if verdict is not Verdict.UNSUPPORTED]
        return worst_verdict(judged) if judged else Verdict.UNSUPPORTED

    @property
    def worst(self) -> float | None:
        """The largest error in σ over all its cases."""
        found = [check.worst for result in self.results for check in result.checks if check.worst is not None]
        return max(found, default=None)

    @property
    def message(self) -> str:
        """The first difference, or why it was not judged."""
        for result in self.results:
            if not result.verdict.is_expected:
                failing = [check.message for check in result.checks if check.verdict is Verdict.FAIL]
                return f"{result.case_id}: {next(iter(failing), result.reason)}"
        known = [f"{result.case_id}: {result.reason}" for result in self.results if result.verdict is Verdict.KNOWN_DIFFERENCE]
        unsupported = [result.reason for result in self.results if result.verdict is Verdict.UNSUPPORTED]
        return next(filter(None, [*self.faults, self.reason, *known, *unsupported]), "")


def verify(lstm: ModelLSTM, number: int, adapter: Adapter, versions: Mapping[str, str]) -> Verification:
    """Verify one LSTM of the model in a started implementation with these versions; `number` is the seed of its cases."""
    if lstm.faults or lstm.layer.reason or lstm.weights is None:
        return Verification(path=lstm.path, faults=lstm.faults, reason=lstm.layer.reason)
    as_written = FileNamesAdapter(adapter)
    evidence: dict[str, Evidence] = {}

    def keep(failing: Evidence) -> None:
        evidence[failing.case.id] = failing

    diagnose = diagnostician(versions).explain
    asked = [run_case(case, stimulus, as_written, diagnose, keep_evidence=keep) for case, stimulus in questions_of(lstm, number)]
    judged = [result if result.verdict.is_expected else classify(result, versions) for result in asked]
    results = Explainer(evidence=evidence, searches=SEARCHES).explain(judged, pictures=1)
    causes = [name for name, _ in causes_of(results)]
    words = list(dict.fromkeys([*causes, *(name for result in results for name in result.explained_by)]))
    if any(result.verdict is Verdict.FAIL for result in results) and (other := _other_hard_sigmoid(lstm)) is not None:
        again = [run_case(case, stimulus, as_written) for case, stimulus in questions_of(other, number)]
        if all(result.verdict.is_expected for result in again):
            words = [
                f"it computes {HARD_SIGMOIDS[str(_gates_of(other))]}, and the file means {HARD_SIGMOIDS[str(_gates_of(lstm))]}"
            ]
    return Verification(path=lstm.path, results=tuple(results), explained_by=tuple(words))


def known_cause(raised: str, verifications: Sequence[Verification], versions: Mapping[str, str]) -> KnownDifference | None:
    """The known difference that the cases of an LSTM show and that explains this exception; None where none does."""
    results = [result for one in verifications for result in one.results if result.known]
    known = {entry.id: entry for entry in (*known_differences(), *known_differences(EARLIER_FILE))}
    asked = [(known[result.known], replace(result, verdict=Verdict.ERROR, reason=raised)) for result in results]
    return next((entry for entry, result in asked if entry.explains(result, versions)), None)


def questions_of(lstm: ModelLSTM, number: int) -> Iterator[tuple[Case, Stimulus]]:
    """The cases of an LSTM, each once, and a stimulus with its weights.

    A layer may compute in a lower precision than that of its stored weights. Keras casts them, so they are cast here too.
    """
    assert lstm.weights is not None and lstm.layer.config is not None  # noqa: S101, PT018  # for the type checker: verify says so
    precision = POLICIES[lstm.layer.policy]
    weights = LSTMWeights(
        **{name: representable(array.astype(np.float64), precision) for name, array in lstm.weights.arrays.items()}
    )
    # What a Bidirectional sets is no argument of its halves: not every version has it.
    zeroes = lstm.layer.arguments.get("zero_output_for_mask") is True
    configured = Case(
        config=replace(lstm.layer.config, zero_output_for_mask=zeroes),
        input_dim=weights.input_dim,
        timesteps=TIMESTEPS,
        batch=ROWS,
        seed=number,
        dtype=lstm.layer.policy,
        execution=_execution_of(lstm),
    )
    for case in dict.fromkeys(configured.replace(**variant) for variant in _VARIANTS):
        drawn = draw([case])
        yield case, replace(drawn, weights=weights, given_weights=(weights,), inputs=drawn.inputs * _scale_for(weights))


def _scale_for(weights: LSTMWeights) -> float:
    """A factor for the inputs, so that x W is about 1 and the gates are neither all saturated nor all constant.

    It is a power of two, at most 2^±8, so inputs keep their digits.
    """
    typical = float(np.sqrt((weights.kernel**2).sum(axis=0).mean()))
    return float(2.0 ** np.clip(np.rint(-np.log2(typical)), -8, 8)) if typical > 0 else 1.0


def _execution_of(lstm: ModelLSTM) -> Execution:
    """The execution that the file asks for."""
    arguments = lstm.layer.arguments
    implementation = arguments.get("implementation", 2)
    return Execution(
        layer="lstm" if lstm.layer.written_as == "LSTM" else "rnnlist" if _is_list_of_one(arguments.get("cell")) else "rnn",
        unroll=arguments.get("unroll") is True,
        implementation=implementation if implementation in (1, 2) else 1,
    )


def _is_list_of_one(cell: Any) -> bool:
    """Whether an RNN's cell is a stack of one cell, which Keras runs in another way than the cell alone."""
    cells = arguments_of(cell).get("cells") if isinstance(cell, Mapping) else cell
    return isinstance(cells, list) and len(cells) == 1


def _gates_of(lstm: ModelLSTM) -> str | None:
    return lstm.layer.config.recurrent_activation if lstm.layer.config else None


def _other_hard_sigmoid(lstm: ModelLSTM) -> ModelLSTM | None:
    """The LSTM with the other hard_sigmoid; None where it uses neither."""
    others: Sequence[str] = [name for name in HARD_SIGMOIDS if name != _gates_of(lstm)]
    if len(others) != 1 or lstm.layer.config is None:
        return None
    config = replace(lstm.layer.config, recurrent_activation=others[0])
    return replace(lstm, layer=replace(lstm.layer, config=config))


@dataclass(frozen=True)
class FileNamesAdapter:
    """An adapter that uses the names in the file: an implementation decides which function "hard_sigmoid" is."""

    adapter: Adapter

    @property
    def keras(self) -> Any:
        """See Adapter."""
        return self.adapter.keras

    @property
    def conventions(self) -> Conventions:
        """See Adapter."""
        return self.adapter.conventions

    def start(self) -> Any:
        """See Adapter."""
        return self.adapter.start()

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """See Adapter."""
        names = {name: getattr(case.config, name) for name in ("activation", "recurrent_activation")}
        written = {name: "hard_sigmoid" for name, value in names.items() if value in HARD_SIGMOIDS}
        return self.adapter.observe(case.replace(**written) if written else case, stimulus)
