"""Decides whether an environment may load a model file: only if all classes in it are known to be harmless.

Loading runs the constructors of the classes in a configuration. Keras' safe mode refuses Python bytecode, but not every version has
it, and attackers have bypassed it with other functions. So `harmless.toml` lists the allowed classes, not the forbidden ones.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.model_file.archive import ModelFile
from conformance.model_file.ownership import class_of, is_bytecode, is_keras_own, mappings
from lstm_ref.activations import ACTIVATIONS, WITHOUT_KERAS_NAME

_HARMLESS = frozenset(
    name for group in tomllib.loads(Path(__file__).with_name("harmless.toml").read_text("utf-8")).values() for name in group
)
_LOOKUPS = ("StringLookup", "IntegerLookup", "TextVectorization")

# The key that environments do not build, so its classes need not be known.
_NOT_BUILT = "compile_config"


def reasons_not_to_load(file: ModelFile) -> tuple[str, ...]:
    """Why no environment should load the file, each reason once; empty where it may be loaded."""
    named = (f"its member {name!r} would be unpacked outside of its folder" for name in file.members if _leaves(name))
    nodes = (
        node for node in mappings(file.config, without=_NOT_BUILT) if "class_name" in node or "module" in node or is_bytecode(node)
    )
    return tuple(dict.fromkeys([*named, *filter(None, map(_reason, nodes))]))


def _leaves(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or parts[0] == "" or ":" in parts[0]


def _reason(node: Mapping[str, Any]) -> str:
    name, config = str(node.get("class_name") or ""), node.get("config")
    if name == "Lambda":
        return "a Lambda layer runs Python code of the user's own"
    if name.startswith("__lambda") or is_bytecode(node):
        return "it holds the Python bytecode of a lambda"
    if name == "function":
        known = isinstance(config, str) and config in ACTIVATIONS.keys() - WITHOUT_KERAS_NAME and is_keras_own(node)
        return "" if known else f"of the function {config!r} the file has the name alone, and none of Keras' activations has it"
    if not is_keras_own(node):
        return f"the class {class_of(node)!r} is none of Keras' own"
    if name in _LOOKUPS and isinstance(config, Mapping) and isinstance(config.get("vocabulary"), str):
        return f"{name} reads its vocabulary from another file, {config['vocabulary']!r}"
    return "" if name in _HARMLESS else f"{name or class_of(node)} is not among the classes of Keras that are known to be harmless"
