"""What the suite must know of a backend of Keras."""

from collections.abc import Callable
from dataclasses import dataclass

from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.cases.case import Case


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
        products: asks the imported framework what its float32 matrix products read their operands in here: see `Conventions`;
            "" where they read them as they are.
        too_costly: of a case, why it is not asked, since no time limit is enough; "" where it is.
        forget: lets go of what was compiled, of which the framework itself keeps thousands; None where that ends with its layers.
    """

    package: str
    conventions: Conventions = DEFAULT_CONVENTIONS
    exports: tuple[str, ...] = ()
    compiler: Callable[[Case], str] = lambda _: ""
    import_line: str = ""
    is_functional: bool = False
    products: Callable[[], str] = lambda: ""
    too_costly: Callable[[Case], str] = lambda _: ""
    forget: Callable[[], None] | None = None
