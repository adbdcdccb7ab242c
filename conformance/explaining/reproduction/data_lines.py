"""Weights, inputs, masks and initial states of a script, as Python expressions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from conformance.cases.case import TIME_DISTRIBUTED_OVER, Case
from conformance.cases.stimulus import NOT_FINITE, draw, position_of

VOCABULARY = 9  # rows of an embedding; 0 is masked
CALLS_OF_STATEFUL = 4  # three that carry over, a reset, and one more

# The masks, (rows, timesteps), as expressions for any size; a small mask is written as a literal.
_MASKS: Mapping[str, Callable[[int, int], str]] = {
    "right": lambda rows, steps: f"np.arange({steps}) < {steps - 1} - np.arange({rows})[:, None] % {max(steps - 1, 1)}",
    "left": lambda rows, steps: f"np.arange({steps}) > np.arange({rows})[:, None] % {max(steps - 1, 1)}",
    "interior": lambda rows, steps: (
        f"np.array([[t == {steps - 1} or t <= r % {max(steps - 2, 1)} or (t - r % {max(steps - 2, 1)}) % 2 == 0 "
        f"for t in range({steps})] for r in range({rows})])"
    ),
    "first": lambda rows, steps: f"np.tile(np.arange({steps}) > 0, ({rows}, 1))",
    "row": lambda rows, steps: f"np.tile(np.arange({rows})[:, None] > 0, (1, {steps}))",
    "all": lambda rows, steps: f"np.zeros(({rows}, {steps}), bool)",
}
_WRITTEN_OUT = 24  # elements

# Divisors of the weights: gates without bounds grow in the recurrence, so they need small weights; activations that are zero around
# zero need large ones.
_SCALE = dict.fromkeys(("tanh", "sigmoid", "hard_sigmoid", "hard_tanh", "softmax", "softsign", "sparse_sigmoid"), 1.0)
_SCALE |= {"exponential": 32.0} | dict.fromkeys(("soft_shrink", "hard_shrink", "tanh_shrink"), 0.5)
_UNBOUNDED = 2.0


def rows_of(case: Case) -> tuple[int, ...]:
    """The axes before time; TimeDistributed has two."""
    return (case.batch, TIME_DISTRIBUTED_OVER) if case.architecture == "td" else (case.batch,)


def mask_text(case: Case) -> str:
    """The mask, True = use, with the axes of Keras' argument."""
    rows, steps = case.sequences, case.timesteps
    if 0 < rows * steps <= _WRITTEN_OUT:
        mask = draw([case]).mask_of(case, case.calls[0])
        text = f"np.array({np.asarray(mask).astype(int).tolist()}, bool)"
    else:
        text = _MASKS[case.mask](rows, steps)
    return f"({text}).reshape({(*rows_of(case), steps)})" if case.architecture == "td" else text


def random_array(case: Case, shape: str, *, scale: float = 1) -> str:
    """Random values below 1 / scale, a power of 2; in low precision, values that the dtype represents exactly."""
    text = f"random.uniform(-1, 1, {shape})"
    if case.precision in ("float16", "bfloat16"):
        text = f"random.choice([-0.75, -0.25, 0.25, 0.75], {shape})"
    if scale < 1:
        return f"{text} * {1 / scale:g}"
    return text if scale == 1 else f"{text} / {scale:g}"


def weights_text(case: Case) -> str:
    """Kernel, recurrent kernel and bias of each LSTM, in order; smaller values in large layers, so that gates do not saturate."""
    shapes: list[object] = []
    for units, input_dim in case.layer_sizes:
        shapes += [(input_dim, 4 * units), (units, 4 * units), 4 * units][: 3 if case.config.use_bias else 2]
    scale = 2.0 ** max(0, math.ceil(math.log2(max(case.config.units, case.input_dim) / 8) / 2))
    scales = [
        _SCALE.get(case.config.activation or "linear", 1.0),
        _SCALE.get(case.config.recurrent_activation or "linear", _UNBOUNDED),
    ]
    scale *= max(scales) if max(scales) > 1 else min(scales)
    return f"[{random_array(case, 'shape', scale=scale)} for shape in ({', '.join(map(str, shapes))})]"


def inputs_text(case: Case) -> str:
    """The inputs, or the ids of an embedding, of one call, or of all calls of a stateful layer."""
    calls = (CALLS_OF_STATEFUL,) if case.config.stateful else ()
    before = (*calls, *rows_of(case))
    if case.mask_source == "embedding":
        ids = f"random.integers(1, {VOCABULARY}, {(*before, case.timesteps)})"
        return f'({"" if case.mask == "none" else "mask * "}{ids}).astype("int32")'
    contiguous = case.contiguous or case.execution.route == "gradient"  # of a variable, which is
    shape = (*before, case.timesteps, case.input_dim) if contiguous else (*before, case.input_dim, 2 * case.timesteps)
    text = f"random.choice([-2, -1, 1, 2], {shape})" if case.input_dtype == "int32" else random_array(case, str(shape))
    text += f'.astype("{case.input_dtype}")' if case.input_dtype != "float64" else ""
    if not contiguous:
        return text + "[..., ::2].swapaxes(-1, -2)"
    # The product of an array and True or False keeps the array's dtype.
    return f"mask[..., None] * {text}" if _masks_by_zeros(case) else text


def element_lines(case: Case) -> list[str]:
    """The lines that set elements of the inputs: zeros for a Masking layer on a non-contiguous array, and NaN or infinity."""
    zeros = ["x[~mask] = 0"] if _masks_by_zeros(case) and not case.contiguous and case.execution.route != "gradient" else []
    if case.values == "finite" or not case.sequences:
        return zeros
    row, step, feature = position_of(case, draw([case]).mask_of(case, case.calls[0]))
    place = (*divmod(row, TIME_DISTRIBUTED_OVER), step, feature) if case.architecture == "td" else (row, step, feature)
    return [*zeros, f"x[{', '.join(map(str, place))}] = np.{NOT_FINITE[case.values]}"]


def _masks_by_zeros(case: Case) -> bool:
    return case.mask_source == "masking" and case.mask != "none"


def targets_text(case: Case) -> str:
    """The targets of a loss, all different, so that permuted outputs have another loss."""
    shape = (*rows_of(case), *((case.timesteps,) if case.config.return_sequences else ()), case.outputs_width)
    return f"np.linspace(-1, 1, {math.prod(shape)}).reshape{shape}"


def states_text(case: Case, *, given: bool) -> str:
    """Initial h and c, drawn or zeros: an array each, or a list with one for each LSTM."""
    units = [units for units, _ in case.layer_sizes]
    make = random_array if given else lambda _, shape: f"np.zeros({shape})"
    cast = "" if not given or case.dtype == "float64" else '.astype("float32")'
    if len(units) == 1:
        return f"{make(case, str((2, case.sequences, units[0])))}{cast}"
    size = f"({case.sequences}, {units[0]})" if units[0] == units[1] else f"({case.sequences}, units)"
    each = "_ in range(2)" if units[0] == units[1] else f"units in {tuple(units)}"
    return f'([{make(case, size)}{cast} for {each}] for _ in "hc")'
