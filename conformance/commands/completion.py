"""What a shell completes: ids of cases, claims and known differences, deviations, environments; no framework is imported for it."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from conformance import matrix
from lstm_ref.deviations import DEVIATIONS

# The newest patch of each minor version of Keras 3.
KERAS_3 = (
    "3.0.5", "3.1.1", "3.2.1", "3.3.3", "3.4.1", "3.5.0", "3.6.0", "3.7.0",
    "3.8.0", "3.9.2", "3.10.0", "3.11.3", "3.12.4", "3.13.2", "3.14.1", "3.15.1",
)  # fmt: skip

# The reference itself, or with a deviation, in place of an environment: proves that a change is seen.
REFERENCE = "reference"


def cases(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Ids of the level that the line names so far, or of the documents' matrix; the draws of a larger level would take too long."""
    del parameter
    seed, level = context.params.get("seed") or 0, context.params.get("level")
    planned = matrix.surface("quick", seed) if level else matrix.documents_matrix(seed)
    return _beginning(begun, (case.id for case in planned))


def reproducible(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Ids of cases and of known differences."""
    from conformance.known.known_differences import known_differences  # noqa: PLC0415  # read only where they are completed

    known = _beginning(begun, (entry.id for entry in known_differences()))
    return [*known, *cases(context, parameter, begun)]


def claims(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Ids of claims that the line does not name yet, with what they state."""
    from conformance.claims import CLAIMS  # noqa: PLC0415  # read only where they are completed

    del parameter
    named = context.params.get("ids") or ()
    return [CompletionItem(each.id, help=each.statement) for each in CLAIMS if each.id.startswith(begun) and each.id not in named]


def deviations(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names of deviations, each with what it is."""
    del context, parameter
    return [CompletionItem(name, help=each.summary) for name, each in DEVIATIONS.items() if name.startswith(begun)]


def environments(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Environments by name, then their backends; the shell's own file names where a path is begun."""
    from conformance.environments.spec import BACKENDS, CELLS, INSTALLED, VERSIONED  # noqa: PLC0415  # read only where completed

    del context, parameter
    if begun.startswith((".", "/", "~")):
        return [CompletionItem(begun, type="file")]
    spec, written, backend = begun.partition(" --backend ")
    if written:
        return _beginning(begun, (f"{spec} --backend {name}" for name in BACKENDS if name.startswith(backend)))
    newest = [f"{system}=={version}" for system, version in VERSIONED.items() if system != "keras"]
    versions_of_keras = [f"keras=={version}" for version in (*KERAS_3, "2.2.4")]
    return _beginning(begun, [INSTALLED, *versions_of_keras, *newest, *CELLS])


def implementations(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Environments, and the reference with each deviation."""
    if not begun.startswith(f"{REFERENCE}:"):
        return [*environments(context, parameter, begun), *_beginning(begun, [REFERENCE])]
    return _beginning(begun, (f"{REFERENCE}:{name}" for name in DEVIATIONS))


def versions(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Another version behind those that are listed, each once."""
    del context, parameter
    listed, comma, last = begun.rpartition(",")
    return _beginning(
        begun, (f"{listed}{comma}{each}" for each in KERAS_3 if each.startswith(last) and each not in listed.split(","))
    )


def _beginning(begun: str, known: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(each) for each in known if each.startswith(begun)]
