"""What the suite must know of a backend of Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.cases.case import Case

# One call's arrays to what the layers return.
Apply = Callable[[Sequence[Any]], Any]

# Weights and arrays to a number, and what else is wanted.
Loss = Callable[[Sequence[Any], Sequence[Any]], tuple[Any, Any]]


def not_compiled(case: Case) -> str:  # noqa: ARG001  # whatever the case
    """No compiler, whatever the case."""
    return ""


def at_usual_cost(case: Case) -> str:  # noqa: ARG001  # whatever the case
    """No case costs more than on other backends."""
    return ""


def as_they_are() -> str:
    """Matrix products read their operands as they are."""
    return ""


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A backend.

    Attributes:
        package: that it needs.
        conventions: what it does differently by choice.
        exports: the formats that its models can be exported to, as Keras' documentation of `Model.export` says.
        compiler: of a case, what its call of the layer is compiled with, as a script calls it; "" for nothing.
        import_line: by which a script has the compiler.
        compile: a call, its case, the function that gives its shapes and dtypes, and the one that makes tensors of arrays, to the
            compiled call and what it is, in words. None where functions that change variables cannot be compiled.
        differentiate: (loss, weights, arrays) to the derivatives of the loss with respect to both, and what else the loss's
            function returns; it is a function of weights and arrays. None where Keras infers only.
        jit: compiles a function that changes nothing, with the static argument `training`; None where `compile` serves.
        products: asks the imported framework what its float32 matrix products read their operands in here: see `Conventions`.
        too_costly: of a case, why it is not asked, since no time limit is enough; "" where it is.
        forget: lets go of what was compiled, of which the framework itself keeps thousands; None where that ends with its layers.
    """

    package: str
    conventions: Conventions = DEFAULT_CONVENTIONS
    exports: tuple[str, ...] = ()
    compiler: Callable[[Case], str] = not_compiled
    import_line: str = ""
    compile: Callable[[Apply, Case, Callable[[], Any], Apply], tuple[Apply, str]] | None = None
    differentiate: Callable[[Loss, Sequence[Any], Sequence[Any]], tuple[Sequence[Any], Sequence[Any], Any]] | None = None
    jit: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None
    products: Callable[[], str] = as_they_are
    too_costly: Callable[[Case], str] = at_usual_cost
    forget: Callable[[], None] | None = None
