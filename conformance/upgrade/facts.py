"""The API as facts, each a subject and its value, and the facts that change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.upgrade.references import UPSTREAM

ABSENT = "not there"


@dataclass(frozen=True, kw_only=True)
class FactChange:
    """A fact whose value changes.

    Attributes:
        subject: of the fact: `argument use_cudnn`.
        before, after: the values.
        upstream: addresses in Keras' own repository that explain it.
    """

    subject: str
    before: str
    after: str
    upstream: tuple[str, ...] = ()


def facts_of(described: Mapping[str, Any]) -> dict[str, str]:
    """The API that an implementation describes, flat: subject → value.

    >>> facts_of({"arguments": {"units": "required"}, "config": ["units"], "methods": ["reset_state"]})
    {'argument units': 'required', 'configuration key units': 'there', 'method reset_state': 'there'}
    """
    facts = {f"argument {name}": str(default) for name, default in described.get("arguments", {}).items()}
    facts |= {f"configuration key {name}": "there" for name in described.get("config", ())}
    facts |= {f"argument {name} in the configuration": "not serialised" for name in described.get("not_serialised", ())}
    facts |= {f"method {name}": "there" for name in described.get("methods", ())}
    facts |= {f"activation {name}": "there" for name in described.get("activations", ())}
    facts |= {subject: _text(described[key]) for key, subject in _SINGLE.items() if key in described}
    return facts


# Keys of the description with one value each.
_SINGLE = {"implementation": "implementation by default", "weights": "weights", "summary": "summary of a model"}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def changed_facts(
    before: Mapping[str, Any], after: Mapping[str, Any], environments: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
) -> list[FactChange]:
    """The facts in which two descriptions differ, in the order of the later one; none where a description is empty."""
    if not before or not after:
        return []
    was, now = facts_of(before), facts_of(after)
    changes = []
    for subject in (*now, *(lost for lost in was if lost not in now)):
        pair = was.get(subject, ABSENT), now.get(subject, ABSENT)
        if pair[0] != pair[1]:
            upstream = tuple(entry.address for entry in UPSTREAM if entry.fact == subject and entry.lies_between(*environments))
            changes.append(FactChange(subject=subject, before=pair[0], after=pair[1], upstream=upstream))
    return changes
