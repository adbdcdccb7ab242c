"""The README keeps its promises: how it begins, how long it is, and the numbers in its text and in that of the documentation.

What its commands print is tested with the documentation's (`test_docs.py`); the two at its top, and others that take their time,
are run by the continuous integration script and compared by the same code: one of them is this very test run.
"""

from __future__ import annotations

import pytest

from conformance.matrix import cell_count, documents_matrix, surface
from conformance.matrix.documents import BATCHES, INPUT_DIMS, TIMESTEPS, UNITS
from conformance.reference.tolerance import ELEMENT_LIMIT, RMS_LIMIT
from conformance.tests.support.readme import PAGES, README, Block, blocks, surface_counts, surface_row
from lstm_ref.deviations import DEVIATIONS

OPENING = ("pip install uv && uv run lstm-conformance verify", "pip install uv && uv run pytest")
CASES = list(documents_matrix())


def test_readme_opens_with_two_commands() -> None:
    """Each does all of its own set-up in one line."""
    assert tuple(block.command for block in blocks(README)[:2]) == OPENING


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "numpy"])
def test_rows_of_the_surface_table_add_up(backend: str) -> None:
    """Every case passed, showed a known difference, is not there on the backend, or is unexplained; and none is unexplained."""
    cases, *kinds = map(int, surface_row(backend))
    assert sum(kinds) == cases == len(surface("standard"))
    assert kinds[-1] == 0


def test_surface_counts_are_those_of_a_report() -> None:
    """Known differences by kind, in the table's order."""
    results = [
        {"verdict": "PASS", "known": ""},
        {"verdict": "FAIL", "known": ""},
        {"verdict": "UNSUPPORTED", "known": ""},
        {"verdict": "KNOWN_DIFFERENCE", "known": "jax-trainer-loses-state"},
        {"verdict": "KNOWN_DIFFERENCE", "known": "list-of-one-cell-crashes"},
    ]
    assert surface_counts({"results": results}) == ["5", "1", "1", "1", "0", "0", "0", "1", "1"]


@pytest.mark.parametrize(
    "said",
    [
        f"knows {len(DEVIATIONS)} named mistakes",
        f"lists all {len(DEVIATIONS)} mistakes",
        f"{cell_count(CASES):,} cells, each at batch {BATCHES[0]} and {BATCHES[1]}",
        f"the same {len(CASES):,} cases",
        f"off by {ELEMENT_LIMIT:g}σ, an array by {RMS_LIMIT:g}σ in the root mean square",
        *(
            f"{name} {', '.join(map(str, values))} ×"
            for name, values in {"units": UNITS, "input_dim": INPUT_DIMS, "timesteps": TIMESTEPS}.items()
        ),
    ],
)
def test_numbers_in_the_text_are_those_of_the_code(said: str) -> None:
    """What the README and the documentation say in words of mistakes, cases, axes and limits."""
    assert " ".join(said.split()) in " ".join(word for page in PAGES for word in page.read_text(encoding="utf-8").split())


def test_the_readme_is_short() -> None:
    """Whoever wants more finds it in the documentation."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.parametrize(
    ("shown", "printed", "agrees"),
    [
        ("worst 2.5σ, 64 PASS in 40 s\n", "worst 2.7σ, 64 PASS in 51 s\n", True),
        ("worst 2.5σ, 64 PASS in 40 s\n", "worst 2.7σ, 63 PASS in 51 s\n", False),
        ("59 cases a second on 2 workers; 83% in it\n", "9.5 cases a second on 1 worker; 9% in it\n", True),
        ("...\n12 passed in 3.1s\n", "dots\n12 passed in 9.9s\n", True),
        ("...\n12 passed in 3.1s\n", "dots\n13 passed in 9.9s\n", False),
        ("cell 28% + pooled\n", "cell 31% + pooled\n", True),
        ("cell 28% + pooled\n", "cell 0% + pooled\n", False),
        ("cell 94% ± 1\n", "cell 100% ± 1\n", False),
        ("of cell -0.02 ± 0.13\n", "of cell +0.11 ± 0.02\n", True),
        ("of cell -0.02 ± 0.13\n", "of cell +0.11 ± 0.02 (p = 1e-09)\n", False),
        ("+0.121103789\n", "+0.121103793\n", True),
        ("+0.121103789\n", "+0.121104789\n", False),
    ],
)
def test_comparison_forgives_only_what_varies(shown: str, printed: str, agrees: bool) -> None:
    """Rounding and durations vary; counts and digits before the rounding do not."""
    assert (not Block("command", shown).complaint(printed)) is agrees
