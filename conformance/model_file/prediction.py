"""The whole model in an environment: its prediction, and a verdict on each LSTM call inside it for the inputs of that call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from conformance.adapters.conventions import Conventions
from conformance.adapters.protocol import Answer
from conformance.cases.features import POLICIES
from conformance.judging.judgement import Comparison, judge_values
from conformance.judging.verdict import CheckResult, Verdict
from conformance.model_file.layers import ModelLSTM
from conformance.reference.tolerance import TWO_RUNS, UNIT_ROUNDOFF, arithmetic_of
from lstm_ref import LSTM, LSTMConfig, LSTMWeights, Stacked, State
from lstm_ref.arrays import Array, representable
from lstm_ref.uncertainty.model import REPLICAS
from lstm_ref.uncertainty.rounding import RoundingLSTM, root_mean_square

# The most rows of a recorded call that are judged: each runs once per replica.
MOST_ROWS = 32


@dataclass(frozen=True, kw_only=True)
class CallResult:
    """One call of an LSTM inside the model.

    Attributes:
        path: of the LSTM in the model; the path of the stack for its cells.
        check: of outputs and states against the reference, with the inputs of the call.
    """

    path: str
    check: CheckResult


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """The prediction of a model in one environment.

    Attributes:
        outputs: of the model, in order.
        sigma: of each element: the spread of predictions with random changes of every weight and input by a unit roundoff.
        calls: of its LSTMs.
        called: the outputs of an eager call against `outputs`.
        not_recorded: why there are fewer calls than uses; "" where all are recorded.
    """

    outputs: tuple[Array, ...]
    sigma: tuple[Array, ...]
    calls: tuple[CallResult, ...]
    called: CheckResult
    not_recorded: str = ""


def precision_of(policies: Sequence[str]) -> str:
    """The coarsest precision that any of these policies computes in."""
    return max((POLICIES[policy] for policy in policies if policy in POLICIES), key=UNIT_ROUNDOFF.__getitem__, default="float32")


def question_of(path: str, precision: str) -> dict[str, Any]:
    """The question to a worker about a model file, without the arrays of its inputs."""
    return {"path": path, "replicas": REPLICAS, "unit_roundoff": UNIT_ROUNDOFF[precision], "seed": 0}


def prediction_of(answer: Answer, lstms: Sequence[ModelLSTM], conventions: Conventions, precision: str) -> Prediction:
    """The answer, judged.

    Raises:
        KeyError, TypeError, ValueError: it does not follow the protocol.
    """
    fields, arrays = answer.fields, answer.arrays
    outputs = tuple(arrays[f"output.{k}"] for k in range(fields["outputs"]))
    sigma = tuple(
        root_mean_square(arrays[f"replica.{k}"].astype(np.float64), output.astype(np.float64), arithmetic_of(precision))
        for k, output in enumerate(outputs)
    )
    called = _compare_runs(
        "called",
        "an eager call's output",
        [(outputs[k], arrays[f"called.{k}"], s) for k, s in enumerate(sigma) if f"called.{k}" in arrays],
    )
    calls = tuple(_call_result(number, answer, lstms, conventions) for number in range(len(fields["calls"])))
    return Prediction(outputs=outputs, sigma=sigma, calls=calls, called=called, not_recorded=str(fields.get("not_recorded", "")))


def compare(first: Prediction, second: Prediction) -> tuple[str, Verdict]:
    """The difference of two environments' predictions in words, and FAIL where it is more than rounding."""
    if len(first.outputs) != len(second.outputs):
        return f"{len(first.outputs)} outputs against {len(second.outputs)}", Verdict.FAIL
    if all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first.outputs, second.outputs, strict=True)):
        return "bit for bit the same", Verdict.PASS
    sigma = [np.maximum(s, t) if s.shape == t.shape else s for s, t in zip(first.sigma, second.sigma, strict=True)]
    check = _compare_runs("prediction", "output", list(zip(first.outputs, second.outputs, sigma, strict=True)))
    if check.verdict is Verdict.PASS:
        return f"the same within rounding (worst {check.worst or 0:.2g} σ)", Verdict.PASS
    return check.message, Verdict.FAIL


def _compare_runs(check: str, label: str, runs: Sequence[tuple[Array, Array, Array]]) -> CheckResult:
    """Two runs that each lie within σ of the truth."""
    return judge_values(
        check,
        [
            Comparison(label=f"{label} {k}", got=got, expected=expected.astype(np.float64), sigma=TWO_RUNS * sigma)
            for k, (expected, got, sigma) in enumerate(runs)
        ],
    )


# --- one call ------------------------------------------------------------------------------------------------------------------


def _call_result(number: int, answer: Answer, lstms: Sequence[ModelLSTM], conventions: Conventions) -> CallResult:
    fields, arrays = answer.fields, answer.arrays
    call = fields["calls"][number]
    layer = fields["layers"][call["layer"]]
    weights = [_weights(arrays, f"layer.{call['layer']}.{cell}") for cell in range(layer["cells"])]
    found = _matching(str(layer["name"]), weights, lstms)
    if found is None:
        message = f"the layer {layer['name']!r} has weights that no LSTM of the file has: they were changed by loading"
        return CallResult(path=str(layer["name"]), check=CheckResult(check="weights", verdict=Verdict.FAIL, message=message))
    path = found[0].path if len(found) == 1 else found[0].path.rpartition("/")[0]
    if reason := next((one.layer.reason for one in found if one.layer.config is None), ""):
        return CallResult(path=path, check=CheckResult(check="call", verdict=Verdict.UNSUPPORTED, message=reason))
    arrays = {name: array[:MOST_ROWS] for name, array in arrays.items() if name.startswith(f"call.{number}.")}
    returned = [arrays[f"call.{number}.returned.{k}"] for k in range(call["returned"])]
    given = [arrays[f"call.{number}.state.{k}"].astype(np.float64) for k in range(call["states"])]
    inputs = arrays[f"call.{number}.inputs"].astype(np.float64)
    mask = arrays[f"call.{number}.mask"].astype(bool) if call["mask"] else None
    states = [State(*pair) for pair in zip(given[::2], given[1::2], strict=True)]
    return CallResult(path=path, check=_judge(found, (inputs, states, mask), returned, conventions))


# Inputs (batch, timesteps, input_dim), states, none for zeros, and mask (batch, timesteps) or None.
_Arguments: TypeAlias = tuple[Array, Sequence[State], Array | None]


def _tiled(arguments: _Arguments, copies: int) -> tuple[Array, list[State] | None, Array | None]:
    """The arguments for a composite layer, with the batch repeated."""
    inputs, states, mask = arguments
    tiled = [State(*(np.concatenate([array] * copies) for array in (state.hidden, state.cell))) for state in states]
    return np.concatenate([inputs] * copies), tiled or None, None if mask is None else np.concatenate([mask] * copies)


def _judge(found: Sequence[ModelLSTM], arguments: _Arguments, returned: Sequence[Array], conventions: Conventions) -> CheckResult:
    """The returned arrays against the reference with the same weights, inputs, mask and initial state."""
    precision = conventions.compute_dtype(POLICIES[found[0].layer.policy])
    arithmetic = arithmetic_of(precision, conventions.products)

    def run(build: Callable[[LSTMConfig, LSTMWeights], LSTM], copies: int) -> list[Array]:
        composite = Stacked([build(*part) for part in _parts(found, precision)])
        for layer in composite.layers:
            unrolled = found[0].layer.arguments.get("unroll") is True
            emitted = conventions.first_masked_output_unrolled if unrolled else conventions.first_masked_output
            layer.emits_initial_state = emitted == "initial_state"
        with np.errstate(all="ignore"):  # overflow, NaN and infinity are part of what is asked
            outputs, states = composite.forward(*_tiled(arguments, copies))
        config = found[-1].layer.config
        flat = [array for state in states for array in (state.hidden, state.cell)] if config and config.return_state else []
        return [outputs, *flat]

    expected = run(LSTM, 1)
    build = partial(RoundingLSTM, arithmetic=arithmetic, random=np.random.Generator(np.random.SFC64(0)), copies=REPLICAS)
    replicas = run(build, REPLICAS)
    names = ["outputs", *(f"{name} state" for _ in found for name in ("hidden", "cell"))]
    return judge_values(
        "call",
        [
            Comparison(
                label=name,
                got=returned[k] if k < len(returned) else None,
                expected=array,
                sigma=root_mean_square(many.reshape(REPLICAS, *array.shape), array, arithmetic),
            )
            for k, (name, array, many) in enumerate(zip(names, expected, replicas, strict=False))
        ],
    )


def _parts(found: Sequence[ModelLSTM], precision: str) -> Iterator[tuple[LSTMConfig, LSTMWeights]]:
    """Configuration and weights of each cell: all but the last return sequences, and only the first may read backwards."""
    for position, lstm in enumerate(found):
        assert lstm.layer.config is not None and lstm.weights is not None  # noqa: S101, PT018  # for the type checker: matching says so
        config = replace(lstm.layer.config, return_state=True, stateful=False)
        config = replace(config, go_backwards=config.go_backwards and not position)
        config = replace(config, return_sequences=config.return_sequences or position + 1 < len(found))
        arrays = {name: representable(array.astype(np.float64), precision) for name, array in lstm.weights.arrays.items()}
        yield config, LSTMWeights(**arrays)


def _weights(arrays: Mapping[str, Array], stem: str) -> list[Array]:
    named = [arrays.get(f"{stem}.{name}") for name in ("kernel", "recurrent_kernel", "bias")]
    return [array for array in named if array is not None]


def _matching(name: str, cells: Sequence[Sequence[Array]], lstms: Sequence[ModelLSTM]) -> list[ModelLSTM] | None:
    """The LSTMs of the file with exactly these weights, those of that name first; None where a cell has none."""
    found: list[ModelLSTM] = []
    for weights in cells:
        same = [one for one in lstms if one.weights is not None and one not in found and _same(one.weights, weights)]
        if not same:
            return None
        found.append(next((one for one in same if one.layer.name == name), same[0]))
    return found


def _same(weights: LSTMWeights, arrays: Sequence[Array]) -> bool:
    ours = list(weights.arrays.values())
    return len(ours) == len(arrays) and all(
        np.array_equal(a.astype(np.float32), b.astype(np.float32), equal_nan=True) for a, b in zip(ours, arrays, strict=True)
    )
