"""Shell completion of case ids, claims, known differences, deviations and environments. It imports no framework."""

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

# Stands for the reference, also with a deviation, in place of an environment. It proves that a change is detected.
REFERENCE = "reference"


def cases(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the quick level if the line has a level, else of the documents' matrix. Larger levels would take too long."""
    del parameter
    seed, level = context.params.get("seed") or 0, context.params.get("level")
    planned = matrix.surface("features", seed) if level else matrix.documents_matrix(seed)
    return _starting_with(incomplete, (case.id for case in planned))


def reproducible(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of cases and of known differences."""
    from conformance.known.known_differences import known_differences  # noqa: PLC0415  # read only where they are completed

    known = _starting_with(incomplete, (entry.id for entry in known_differences()))
    return [*known, *cases(context, parameter, incomplete)]


def claims(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids and statements of the claims that the line does not name yet."""
    from conformance.claims import CLAIMS  # noqa: PLC0415  # read only where they are completed
    from conformance.claims.docstrings import DOCSTRING_CLAIMS  # noqa: PLC0415  # read only where they are completed

    del parameter
    earlier = context.params.get("ids") or ()
    return [
        CompletionItem(claim.id, help=claim.statement)
        for claim in (*CLAIMS, *DOCSTRING_CLAIMS)
        if claim.id.startswith(incomplete) and claim.id not in earlier
    ]


def deviations(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names and summaries of deviations."""
    del context, parameter
    return [CompletionItem(name, help=deviation.summary) for name, deviation in DEVIATIONS.items() if name.startswith(incomplete)]


def environments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Environments, then their backends. The shell completes the start of a path itself."""
    from conformance.environments.spec import BACKENDS, CELLS, INSTALLED, VERSIONED  # noqa: PLC0415  # read only where completed

    del context, parameter
    if incomplete.startswith((".", "/", "~")):
        return [CompletionItem(incomplete, type="file")]
    spec, separator, backend = incomplete.partition(" --backend ")
    if separator:
        return _starting_with(incomplete, (f"{spec} --backend {name}" for name in BACKENDS if name.startswith(backend)))
    newest = [f"{system}=={version}" for system, version in VERSIONED.items() if system != "keras"]
    versions_of_keras = [f"keras=={version}" for version in (*KERAS_3, "2.2.4")]
    return _starting_with(incomplete, [INSTALLED, *versions_of_keras, *newest, *CELLS])


def implementations(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Environments, and the reference, also with each deviation."""
    if not incomplete.startswith(f"{REFERENCE}:"):
        return [*environments(context, parameter, incomplete), *_starting_with(incomplete, [REFERENCE])]
    return _starting_with(incomplete, (f"{REFERENCE}:{name}" for name in DEVIATIONS))


def versions(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A further version after those in the list. Each version occurs once."""
    del context, parameter
    listed, comma, last = incomplete.rpartition(",")
    return _starting_with(
        incomplete, (f"{listed}{comma}{name}" for name in KERAS_3 if name.startswith(last) and name not in listed.split(","))
    )


def _starting_with(incomplete: str, candidates: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(candidate) for candidate in candidates if candidate.startswith(incomplete)]
