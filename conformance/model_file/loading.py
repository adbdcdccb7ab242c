"""Why a model file does not load in a version of Keras, and what to do: from what that Keras raised."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.model_file.contents import Contents

# Of a message that is quoted.
LONGEST = 300


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What some version's message holds, why it raises, and what to do; {0} is what the expression found."""

    pattern: str
    reason: str
    mend: str


_KNOWN = tuple(_Known(**entry) for entry in tomllib.loads(Path(__file__).with_name("loading.toml").read_text("utf-8"))["known"])


def raised(message: str) -> str:
    """What Keras complains of, without the configuration that it quotes around it."""
    message = re.sub(r"\{\{.*?\}\}", "", message.rpartition("Exception encountered: ")[2])
    message = re.sub(r"(config[=:]|identifier:) ?\{.*", r"\1 …", message)
    return message if len(message) <= LONGEST else message[:LONGEST] + " …"


def reason_and_mend(message: str, file: Contents, described: Mapping[str, Any]) -> tuple[str, str]:
    """Why the file does not load, and what to do; from the arguments that this Keras' LSTM has, where the message is not known."""
    for said in (raised(message), message):  # what is quoted around it may hold anything
        for known in _KNOWN:
            if (match := re.search(known.pattern, said)) is not None:
                return known.reason.format(*match.groups()), known.mend
    arguments = set(described.get("arguments", {}))
    strange = sorted({name for lstm in _lstm_arguments(file.config) for name in lstm} - arguments - _OF_EVERY_LAYER)
    if arguments and strange:
        names = ", ".join(strange)
        return f"this Keras' LSTM has no argument {names}, which the file has", f"remove {names} from the layers' configuration"
    version = file.keras_version or "an unknown version"
    return f"it was written by Keras {version}", "load it in the version that wrote it, and save it again from there"


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
    found, waiting = [], [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if value.get("class_name") == "LSTM" and isinstance(value.get("config"), Mapping):
                found.append(value["config"])
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found
