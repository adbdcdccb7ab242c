"""The suite's own code in this interpreter, for what no question of the protocol can ask: probes, dropout in training, exports."""

import importlib
import importlib.util
import os
import sys
from typing import Any, Dict

from .common import Answer, Arrays, Unsupported
from .keras import Keras

# What the suite's own code needs.
PYTHON = (3, 11)
GENERATION = 3
# Its package, found by its own folder: what else lies beside it must not be taken for a module of the framework. Installed, it has
# the reference in it; in a checkout that is another package.
SUITE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def ask_suite(keras: Keras, question: Dict[str, Any], arrays: Arrays) -> Answer:
    """Answer a question by the suite's own code."""
    if sys.version_info < PYTHON or keras.generation < GENERATION or keras.package != "keras":
        here = "%s %s on Python %d.%d" % (keras.package, keras.version, sys.version_info[0], sys.version_info[1])
        needed = "Keras %d on Python %d.%d or later" % (GENERATION, *PYTHON)
        raise Unsupported("probes, dropout in training and exports need %s; this is %s" % (needed, here))
    if not os.path.exists(os.path.join(SUITE, "lstm_ref")):
        _import_from(os.path.join(os.path.dirname(SUITE), "lstm_ref"))
    name = _import_from(SUITE)
    answer: Answer = importlib.import_module(name + ".probes.elsewhere").answer(keras.backend, question, arrays)
    return answer


def _import_from(folder: str) -> str:
    """Import a package from its folder, unless it is there already, and return its name."""
    name, path = os.path.basename(folder), os.path.join(folder, "__init__.py")
    if name in sys.modules:
        return name
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=[folder]) if os.path.exists(path) else None
    if spec is None or spec.loader is None:
        raise Unsupported("the suite's own code is not beside the worker: there is no %s" % path)
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    return name
