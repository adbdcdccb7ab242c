"""Groups cases that can share one compiled model: they differ in numbers only, and a compiler does not see these."""

from __future__ import annotations

from dataclasses import replace

from conformance.cases.case import Case

# Routes by which a model keeps nothing between cases except states, which are reset, and weights, which are set again. Files and
# exports contain the weights of their case; training counts its steps and averages its losses.
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
    """The representative of all cases that one traced model can serve; None for a case that needs its own model.

    The representative keeps the layer's configuration, the route, the presence of a mask, and every length and batch size that a
    compiler may use. A call with an open shape uses none of them. Without tracing, the values of a mask may select a kernel.
    """
    route, execution = case.execution.route, case.execution
    if route not in _SHARED or case.dropout != "none":  # dropout counts its draws
        return None
    mask = case.mask if case.mask == "none" else "right"
    form = replace(case, mask=mask, values="finite", weights="drawn", contiguous=True, relation="")
    if route == "gradient":  # the cotangents are compiled into the model, and the seed draws them
        return form
    open_shape = route == "call" and not execution.jit_compile and case.mask_source != "embedding"
    fixed_batch = not open_shape or execution.static_batch or case.config.stateful
    fixed_steps = not open_shape or execution.static_time or execution.unroll
    return replace(form, seed=0, batch=case.batch if fixed_batch else 1, timesteps=case.timesteps if fixed_steps else 1)
