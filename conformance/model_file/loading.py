"""Why a model file does not load in a version of Keras, and what to do, from the exception of that Keras."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from conformance.environments.recipes import recipes
from conformance.environments.spec import parse
from conformance.model_file.archive import WEIGHTS
from conformance.model_file.contents import Contents
from conformance.model_file.finder import FROM_KERAS_1
from conformance.model_file.ownership import arguments_of, mappings
from lstm_ref import LSTMError

# Characters of a message that are quoted.
LONGEST = 300


# A pattern of messages, the reason and the remedy; {0} is the first group of the pattern. With `holds`, for files with this class.
_KNOWN_CAUSES: list[dict[str, str]] = tomllib.loads(Path(__file__).with_name("loading.toml").read_text("utf-8"))["known"]


def exception_message(message: str) -> str:
    """Keras' message without the configuration that Keras quotes around it."""
    message = re.sub(r"\{\{.*?\}\}", "", message.rpartition("Exception encountered: ")[2])
    message = re.sub(r"(config[=:]|identifier:) ?\{.*", r"\1 …", message)
    return message if len(message) <= LONGEST else message[:LONGEST] + " …"


def reason_and_remedy(message: str, file: Contents, described: Mapping[str, Any], versions: Mapping[str, str]) -> tuple[str, str]:
    """Why the file does not load, or that the cause is unknown, and what to do.

    Args:
        message: of the environment's exception.
        file: the model file.
        described: the interface of the environment's LSTM.
        versions: of the environment.
    """
    if by_name := _by_its_name(message, file):
        return by_name
    if file.keras_version.startswith("1.") and not re.match(r"1\.|2\.[0-3]\.", versions.get("keras", "")):
        return (
            "it was written by Keras 1, whose layers have other arguments and other weights than those of this Keras",
            FROM_KERAS_1,
        )
    reason, mend = _by_message(message, file, described, versions)
    if not file.name_of_windows:
        return reason, mend
    groups = f"rename the groups of its {WEIGHTS} (in each name, \\ to /)"
    rename = f"{groups}, or load it on Windows in the Keras that wrote it and save it as .h5"
    if re.search("received 0 variables", exception_message(message)):
        name = file.name_of_windows
        return f"its weights have names of Windows, such as {name}, and this Keras looks for {name.replace(chr(92), '/')}", rename
    return reason, f"{mend}; its weights have names of Windows, too: {rename}"


def _by_message(message: str, file: Contents, described: Mapping[str, Any], versions: Mapping[str, str]) -> tuple[str, str]:
    """See `reason_and_remedy`: by the message."""
    for text in (exception_message(message), message):  # the quoted configuration may match by chance, so it comes last
        for known in _KNOWN_CAUSES:
            match = re.search(known["pattern"], text)
            if match is not None and ("holds" not in known or _has_class(file.config, known["holds"])):
                return known["reason"].format(*match.groups()), known["mend"]
    strange = {name for lstm in _lstm_arguments(file.config) for name in lstm} - set(described.get("arguments", {}))
    strange -= _OF_EVERY_LAYER
    if blamed := ", ".join(sorted(name for name in strange if re.search(rf"\b{re.escape(name)}\b", exception_message(message)))):
        return f"this Keras' LSTM has no argument {blamed}, which the file has", f"remove {blamed} from the layers' configuration"
    here = next((versions[name] for name in ("keras", "tf-keras", "tf.keras") if name in versions), "")
    if not file.keras_version or file.keras_version == here:
        return f"{_UNKNOWN}, and this is the version that wrote the file" if here and file.keras_version else _UNKNOWN, REBUILD
    written = _environment_of(file.keras_version)
    command = f"lstm-conformance model {shlex.quote(str(file.path))} --from {written}"
    mend = f"see whether that version loads it: {command}" if written else REBUILD
    return f"{_UNKNOWN}; the file was written by Keras {file.keras_version}", mend


_UNKNOWN = "it is none of the causes that are known here"
REBUILD = "build the model in its own code in this version, and give it the weights by layer.set_weights"


def _by_its_name(message: str, file: Contents) -> tuple[str, str] | None:
    """The reason and remedy of a wrong suffix: Keras 3 opens a file by its suffix."""
    if not re.search("accessible `.keras` zip file|file signature not found|File format not supported|not a zip file", message):
        return None
    right, holds = (".keras", "a .keras archive") if file.is_archive else (".h5", "HDF5")
    if file.path.suffix == right or (not file.is_archive and file.path.suffix == ".hdf5"):
        return None
    called = f"its name ends in {file.path.suffix}" if file.path.suffix else "its name has no suffix"
    return f"it holds {holds} and {called}: this Keras goes by the name", f"copy it to {file.path.with_suffix(right).name}"


def _environment_of(version: str) -> str:
    """The environment of the Keras that wrote a file; "" where no recipe builds it."""
    for system in ("keras", "tf-keras"):
        with suppress(LSTMError):
            spec = parse(f"{system}=={version}")
            recipes().apply(spec)
            return str(spec)
    return ""


def _has_class(config: Any, class_name: str) -> bool:
    return any(node.get("class_name") == class_name for node in mappings(config))


_OF_EVERY_LAYER = {
    "name",
    "trainable",
    "dtype",
    "units",
    "batch_input_shape",
    "build_config",
    "weights",
    "input_dim",
    "input_length",
}


def _lstm_arguments(config: Any) -> list[Mapping[str, Any]]:
    return [arguments_of(node) for node in mappings(config) if node.get("class_name") == "LSTM"]
