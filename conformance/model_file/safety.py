"""Whether an environment may load a model file: only where all that loading would build is known to be harmless.

Loading runs the constructors that a configuration names. Keras' safe mode refuses Python bytecode, but not every version has it,
and it has been got around by naming other functions. So `harmless.toml` lists what may be named, and not what may not.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.model_file.archive import ModelFile
from lstm_ref.activations import ACTIVATIONS

_MODULES = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "builtins")

_HARMLESS = frozenset(
    name for group in tomllib.loads(Path(__file__).with_name("harmless.toml").read_text("utf-8")).values() for name in group
)
_LOOKUPS = ("StringLookup", "IntegerLookup", "TextVectorization")

# What an environment is told not to build, so it need not be known here.
_NOT_BUILT = ("compile_config",)


def reasons_not_to_load(file: ModelFile) -> tuple[str, ...]:
    """Why no environment should load the file, each once; none where it may."""
    named = (f"its member {name!r} would be unpacked outside of its folder" for name in file.members if _leaves(name))
    return tuple(dict.fromkeys([*named, *(reason for node in _nodes(file.config) if (reason := _reason(node)))]))


def _leaves(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or parts[0] == "" or ":" in parts[0]


def _nodes(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All that names a class or a module, wherever it stands."""
    waiting: list[Any] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if "class_name" in value or "module" in value:
                yield value
            waiting += [child for key, child in value.items() if key not in _NOT_BUILT]
        elif isinstance(value, list):
            waiting += value


def _reason(node: Mapping[str, Any]) -> str:
    name, module, registered = (str(node.get(key) or "") for key in ("class_name", "module", "registered_name"))
    config = node.get("config")
    if name == "Lambda" or name.startswith("__lambda"):
        return "a Lambda layer holds Python bytecode"
    if ">" in name or ">" in registered:
        return f"{(registered if '>' in registered else name)!r} is a class of the user's own"
    if module and not any(module == one or module.startswith(f"{one}.") for one in _MODULES):
        return f"{module}.{name} is none of Keras' own classes"
    if name == "function":
        return "" if isinstance(config, str) and config in ACTIVATIONS else f"{config!r} is a function of the user's own"
    if name in _LOOKUPS and isinstance(config, Mapping) and isinstance(config.get("vocabulary"), str):
        return f"{name} reads its vocabulary from another file, {config['vocabulary']!r}"
    return "" if name in _HARMLESS else f"{name or module} is not among the classes of Keras that are known to be harmless"
