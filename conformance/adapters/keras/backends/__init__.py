"""The backends of Keras, each a file of this folder that is named as Keras names it and says what is special: `BACKEND`."""

from importlib import import_module
from pkgutil import iter_modules

from conformance.adapters.keras.backends.backend import Backend

BACKENDS: dict[str, Backend] = {
    module.name: import_module(f"{__name__}.{module.name}").BACKEND for module in iter_modules(__path__) if module.name != "backend"
}

CONVENTIONS = {name: backend.conventions for name, backend in BACKENDS.items()}


def exporting(form: str) -> list[str]:
    """The backends whose models can be exported to a format."""
    return [name for name, backend in BACKENDS.items() if form in backend.exports]
