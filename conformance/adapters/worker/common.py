"""What several modules of the worker need: its types, and small functions."""

import inspect
import os
import re
import sys
from typing import Any, Dict, List, Sequence, Tuple

Arrays = Dict[str, Any]
Answer = Tuple[Dict[str, Any], Arrays]


class Unsupported(Exception):
    """The implementation has no such thing; the message says what."""


def version_of(module: Any) -> Tuple[int, int]:
    """The major and minor version of a module."""
    major, minor = str(module.__version__).split(".")[:2]
    return int(major), int(minor)


def flat(tree: Any) -> List[Any]:
    """The leaves of what a call returned."""
    if isinstance(tree, dict):
        return [leaf for each in tree.values() for leaf in flat(each)]
    return [leaf for each in tree for leaf in flat(each)] if isinstance(tree, (list, tuple)) else [tree]


def one_or_list(arrays: Sequence[Any]) -> Any:
    """A single array alone: Keras 1 and 2 give a model of one input no list."""
    return arrays[0] if len(arrays) == 1 else list(arrays)


def name_of(weight: Any) -> str:
    """A weight's own name, without the layer's."""
    return re.sub(r"^lstm_\d+_|:\d+$", "", str(getattr(weight, "path", None) or weight.name).split("/")[-1])


def folder_of(implementation: Any) -> str:
    """The folder of Keras' files, for a layer of it; of TensorFlow's operations, that of the module that has them."""
    names = inspect.unwrap(implementation).__module__.split(".")
    ends = [position for position, name in enumerate(names, 1) if name in ("keras", "tf_keras")]
    module = sys.modules[".".join(names[: ends[0]] if ends else names)]
    return os.path.dirname(os.path.abspath(str(module.__file__)))


def exception_line(error: BaseException) -> str:
    """Type and message, without the colours of a terminal."""
    return " ".join(re.sub("\x1b\\[[0-9;]*m", "", "%s: %s" % (type(error).__name__, error)).split())
