"""The sentences of Keras' docstrings: all are listed, each claim has its expected verdict, and changed sentences show."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from conformance.claims import CLAIMS, run_claims
from conformance.claims.docstrings import DOCSTRING_CLAIMS, DOCUMENTS, KERAS, DocstringCoverage, coverage
from conformance.claims.docstrings.catalogue import SILENT
from conformance.claims.docstrings.examples import example_runs
from conformance.claims.docstrings.sentences import installed_sentences, sentences_of
from conformance.claims.docstrings.settling import EXPERIMENTS, Settlement
from conformance.claims.measure import import_keras
from conformance.claims.model import Claim, ClaimResult, ClaimVerdict
from conformance.claims.page import page_of
from conformance.claims.text import as_json, coverage_as_json, coverage_lines
from conformance.cli import main

pytestmark = [
    pytest.mark.xdist_group("docstrings"),  # the claims share results of experiments and probes
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras on TensorFlow's variables
]

listed_version = pytest.mark.skipif(version("keras") != KERAS, reason=f"the list is of the sentences of Keras {KERAS}")


@listed_version
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_sentence_is_listed(document: str) -> None:
    """As a claim or as one that says nothing that happens; and no claim is of a sentence that is gone."""
    (found,) = (each for each in coverage() if each.document == document)
    assert (found.new, found.gone) == ((), ())
    assert found.claimed + found.silent == len(installed_sentences(getattr(import_keras().layers, document)))


@listed_version
def test_every_silent_sentence_is_in_a_docstring() -> None:
    """A sentence that is gone is not listed, and none is both silent and a claim."""
    layers = import_keras().layers
    installed = {str(sentence) for document in DOCUMENTS for sentence in installed_sentences(getattr(layers, document))}
    assert set(SILENT) <= installed
    assert set(SILENT).isdisjoint(claim.statement for claim in DOCSTRING_CLAIMS)
    assert all(SILENT.values())


def test_ids_are_unique() -> None:
    """Among all claims, and other than the names of documents."""
    ids = [claim.id for claim in (*CLAIMS, *DOCSTRING_CLAIMS)] + list(DOCUMENTS)
    assert len(set(ids)) == len(ids)


@listed_version
@pytest.mark.parametrize("claim", DOCSTRING_CLAIMS, ids=lambda claim: claim.id)
def test_a_sentence_has_its_expected_verdict(claim: Claim) -> None:
    """The verdict that real Keras gives is the expected one, with evidence that JSON can hold."""
    (result,) = run_claims([claim])
    assert result.error == ""
    assert result.as_expected
    assert json.loads(json.dumps(as_json(result), allow_nan=False))["outcome"] == claim.expected.value


def test_every_experiment_settles_a_sentence() -> None:
    """None is left over from a sentence that is gone."""
    assert {claim.settlement.experiment for claim in DOCSTRING_CLAIMS} - {""} == set(EXPERIMENTS)


def test_a_changed_sentence_is_new_and_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a version whose docstring has another sentence, it is counted and said, and the listed one too."""
    layers = import_keras().layers
    docstring = layers.Masking.__doc__.replace("an exception will be raised", "nothing happens")
    Changed = type("Changed", (layers.Masking,), {"__doc__": docstring})
    monkeypatch.setattr(layers, "Masking", Changed)
    (found,) = (each for each in coverage() if each.document == "Masking")
    new = "If any downstream layer does not support masking yet receives such an input mask, nothing happens."
    assert (found.new, found.gone) == ((new,), (new.replace("nothing happens", "an exception will be raised"),))
    head, *lines = coverage_lines([found])
    assert f"1 new or changed since Keras {KERAS} and not tested, 1 no longer there" in head
    assert lines == [f"  not tested: Masking: {new}", f"  no longer there: Masking: {found.gone[0]}"]


def test_a_page_has_the_docstrings_beside_the_other_documents() -> None:
    """A grid for each kind of document, and a table that names the sentences that nothing tests."""
    claims = [as_json(ClaimResult(claim=claim, finding=None, error="no", seconds=0)) for claim in (CLAIMS[0], DOCSTRING_CLAIMS[0])]
    docstring = coverage_as_json(DocstringCoverage(document="LSTM", claimed=2, silent=1, new=("It counts.",), gone=()))
    page = page_of({"claims": claims, "systems": [], "docstrings": [docstring]})
    assert [[row[0] for row in grid.rows] for grid in page.grids] == [[CLAIMS[0].id], [DOCSTRING_CLAIMS[0].id]]
    assert page.tables[-1].rows == [("LSTM", "2", "1", "It counts.", "")]


def test_code_is_one_sentence_and_an_argument_starts_each_of_its_sentences() -> None:
    """So that `Default: 1.` of two arguments are two sentences."""
    docstring = """A layer.

    Args:
        units: Integer. Default: 1.
        depth: Integer (see Smith et al. there). Default: 1.

    ```python
    layer = Layer()

    layer()
    ```
    """
    assert [str(sentence) for sentence in sentences_of(docstring)] == [
        "A layer.",
        "Args:",
        "units: Integer.",
        "units: Default: 1.",
        "depth: Integer (see Smith et al. there).",
        "depth: Default: 1.",
        "layer = Layer()\n\nlayer()",
    ]


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("x = np.ones(3)", ClaimVerdict.HOLDS),
        ("x = (", ClaimVerdict.FAILS),
        (">>> np.ones(3).shape\n(3,)", ClaimVerdict.HOLDS),
        (">>> np.ones(3).shape\n(4,)", ClaimVerdict.FAILS),
        (">>> x, y = np.ones(3)", ClaimVerdict.FAILS),
    ],
    ids=str,
)
def test_an_example_holds_if_it_runs_and_prints_what_it_says(code: str, verdict: ClaimVerdict) -> None:
    """Code that raises an exception, or prints something else, fails."""
    assert example_runs(code).verdict is verdict


@pytest.mark.parametrize("fields", [{}, {"experiment": "output_size", "probes": ["probe-*"]}, {"experiment": "no_such"}], ids=str)
def test_a_sentence_is_settled_by_one_kind_of_run(fields: dict[str, object]) -> None:
    """Nothing, two kinds and an unknown experiment are refused when the list is read."""
    with pytest.raises(ValueError, match=r"exactly one of an experiment|there is no experiment"):
        Settlement(sentence="A layer.", **fields)  # type: ignore[arg-type]  # parametrized over fields of several types


def test_a_document_names_all_of_its_claims() -> None:
    """`claims Masking` settles the sentences of that docstring, the disagreement first."""
    result = CliRunner().invoke(main, ["claims", "Masking"], catch_exceptions=False)
    heads = [line.split()[0] for line in result.stdout.splitlines() if "  [Masking]  " in line]
    assert (result.exit_code, heads) == (0, ["FAILS"] + ["HOLDS"] * (len(heads) - 1))
    assert len(heads) == sum("Masking" in claim.documents for claim in DOCSTRING_CLAIMS)
