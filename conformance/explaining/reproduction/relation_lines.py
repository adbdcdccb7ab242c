"""The second run of a script: the other way to run the case that its relation names, and the comparison of both runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from conformance.cases.case import Case
from conformance.judging.relations import PADDING
from lstm_ref import GATE_ORDER, LSTMError

RETURNED = "{returned}"  # stands for the expression of the first run

# Routes that run a copy of the layer, or of its weights, made before the weights change.
_COPIES = ("stateless_call", "from_config", "clone_model", "keras_file", "weights_file", "saved_model", "onnx", "openvino")


@dataclass(frozen=True, kw_only=True)
class SecondRun:
    """The second run.

    Attributes:
        case: of the second run.
        before: lines after the first run that change inputs, masks, states or weights.
        first, second: expressions of the compared lists of tensors, made from `got` and `again`.
        rebuilds: whether the layers are built again with the changed weights.
    """

    case: Case
    before: tuple[str, ...] = ()
    first: str = "got"
    second: str = "again"
    rebuilds: bool = False


def second_run(case: Case) -> SecondRun:
    """The second run of the case's relation."""
    return _SECOND_RUNS[case.relation](case.replace(relation=""))


def _with_changes(**changes: object) -> Callable[[Case], SecondRun]:
    return lambda case: SecondRun(case=case.replace(**changes))


def _two_calls(case: Case) -> SecondRun:
    if case.execution.route not in ("call", "training") or case.execution.static_time or case.execution.unroll:
        raise LSTMError("same_as_two_calls is expressible in a script for calls of a layer with dynamic time only")
    cut = case.timesteps // 2
    outputs = "keras.ops.concatenate([piece[0], again[0]], axis=1)" if case.config.return_sequences else "again[0]"
    return SecondRun(
        case=case.replace(timesteps=case.timesteps - cut, initial_state=True),
        before=(f"x, rest = x[:, :{cut}], x[:, {cut}:]", f"piece = {RETURNED}", "x, h, c = rest, *piece[1:]"),
        second=f"[{outputs}, *again[1:]]",
    )


def _padded(case: Case) -> SecondRun:
    rows, steps = case.sequences, case.timesteps
    before = (
        f"x = np.concatenate([x, np.full({(rows, PADDING, case.input_dim)}, 0.75)], axis=1)",
        f"mask = np.tile(np.arange({steps + PADDING}) < {steps}, ({rows}, 1))",
    )
    second = f"[again[0][:, :{steps}], *again[1:]]" if case.config.return_sequences else "again"
    return SecondRun(case=case.replace(timesteps=steps + PADDING, mask="right"), before=before, second=second)


def _rows_permuted(case: Case) -> SecondRun:
    names = ["x", *(["mask"] if case.mask != "none" else []), *(["h", "c"] if case.initial_state else [])]
    before = (
        f"{', '.join(names)} = (np.roll(array, 1, axis=0) for array in ({', '.join(names)}))"
        if len(names) > 1
        else "x = np.roll(x, 1, axis=0)"
    )
    return SecondRun(case=case, before=(before,), first="[keras.ops.roll(tensor, 1, axis=0) for tensor in got]")


def _units_permuted(case: Case) -> SecondRun:
    units = case.config.units
    turned = f"np.roll(w.reshape(-1, {len(GATE_ORDER)}, {units}), 1, axis=2).reshape(w.shape)"
    before = [f"weights = [{turned} for w in weights]", "weights[1] = np.roll(weights[1], 1, axis=0)"]
    if case.initial_state:
        before.append("h, c = np.roll(h, 1, axis=1), np.roll(c, 1, axis=1)")
    rebuilds = case.execution.route in _COPIES
    if not rebuilds:
        before.append("layer.set_weights(weights)")
    first = "[keras.ops.roll(tensor, 1, axis=-1) for tensor in got]"
    return SecondRun(case=case, before=tuple(before), first=first, rebuilds=rebuilds)


def _time_reversed(case: Case) -> SecondRun:
    before = "x = x[:, ::-1]" if case.mask == "none" else "x, mask = x[:, ::-1], mask[:, ::-1]"
    return SecondRun(case=case.replace(go_backwards=not case.config.go_backwards), before=(before,))


_SECOND_RUNS: Mapping[str, Callable[[Case], SecondRun]] = {
    "eager_call": _with_changes(route="call", compiled=False, jit_compile=False),
    "predict": _with_changes(route="predict"),
    "training": _with_changes(route="training"),
    "loop": lambda case: SecondRun(case=case.replace(unroll=not case.execution.unroll)),
    "no_cudnn": _with_changes(use_cudnn=False),
    "two_calls": _two_calls,
    "padded": _padded,
    "rows_permuted": _rows_permuted,
    "units_permuted": _units_permuted,
    "time_reversed": _time_reversed,
    "in_float64": _with_changes(dtype="float64"),
}
