"""What the suite must know of a backend of Keras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.cases.case import Case


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
        is_functional: whether a function is compiled only if it changes no variable.
        products: asks the imported framework what its float32 matrix products read their operands in here: see `Conventions`.
        too_costly: of a case, why it is not asked, since no time limit is enough; "" where it is.
        forget: lets go of what was compiled, of which the framework itself keeps thousands; None where that ends with its layers.
    """

    package: str
    conventions: Conventions = DEFAULT_CONVENTIONS
    exports: tuple[str, ...] = ()
    compiler: Callable[[Case], str] = not_compiled
    import_line: str = ""
    is_functional: bool = False
    products: Callable[[], str] = as_they_are
    too_costly: Callable[[Case], str] = at_usual_cost
    forget: Callable[[], None] | None = None
