"""Which cases are built and compiled alike: they differ in the numbers that go in, and in nothing that a compiler sees."""

from __future__ import annotations

from dataclasses import replace

from conformance.cases.case import Case

# Routes by which a model keeps nothing of a call but a stateful layer's states, which are reset, and weights, which are set anew.
# Files and exports hold the weights that they were made with; training counts its steps and averages its losses.
_SHARED = frozenset(
    {
        "call",
        "training",
        "stateless_call",
        "functional",
        "gradient",
        "predict",
        "predict_on_batch",
        "predict_twice",
        "predict_partial",
    }
)


def form_of(case: Case) -> Case | None:
    """The case that stands for all that one traced model can serve; None for a case that needs a model of its own.

    What is asked of the layer, and by which route, stays as it is; so do whether there is a mask, and every length and batch size
    that a compiler may look at: in a call whose shape is left open, none. Where nothing is traced, a mask's values may choose a
    kernel.
    """
    route, execution = case.execution.route, case.execution
    if route not in _SHARED or case.dropout != "none":  # dropout counts its draws
        return None
    mask = case.mask if case.mask == "none" else "right"
    form = replace(case, mask=mask, values="finite", weights="drawn", contiguous=True, relation="")
    if route == "gradient":  # what gradients are weighed by is compiled, and drawn by the seed
        return form
    open_shape = route == "call" and not execution.jit_compile and case.mask_source != "embedding"
    fixed_batch = not open_shape or execution.static_batch or case.config.stateful
    fixed_steps = not open_shape or execution.static_time or execution.unroll
    return replace(form, seed=0, batch=case.batch if fixed_batch else 1, timesteps=case.timesteps if fixed_steps else 1)
