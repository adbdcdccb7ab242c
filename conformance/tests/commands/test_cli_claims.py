"""The commands `claims`, `deviations` and `sensitivity`, and files that cannot be written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.claims import CLAIMS, SYSTEMS
from conformance.cli import main
from conformance.commands.claims import PLOTTED_CLAIM
from conformance.report.documents import read
from conformance.running.kill_matrix import Kills
from lstm_ref.deviations import DEVIATIONS
from lstm_ref.uncertainty.responses import OPERATIONS


def invoke(*arguments: str) -> Result:
    """The command line in this process; an exception that it does not answer is the test's."""
    return CliRunner().invoke(main, arguments, catch_exceptions=False, prog_name="lstm-conformance")


@pytest.mark.usefixtures("keras_adapter")
def test_claims_print_and_write_what_was_settled(tmp_path: Path) -> None:
    """All tell the same verdicts, in the order asked for; a failing statement that should fail is as expected."""
    file, page = tmp_path / "claims.json", tmp_path / "claims.html"
    result = invoke("claims", "two-units-double", "twelve-parameters", "--json", str(file), "--html", str(page))
    settled = json.loads(file.read_text(encoding="utf-8"))
    assert result.exit_code == 0
    assert [claim["id"] for claim in settled["claims"]] == ["two-units-double", "twelve-parameters"]
    assert [line.split()[0] for line in result.stdout.splitlines() if line[:1].isupper()] == ["FAILS", "HOLDS"]
    assert result.stdout.rstrip().endswith("1 fails, 1 holds")
    assert re.findall(r'class="entry" id="([^"]+)" data-kind="([^"]+)"', page.read_text(encoding="utf-8")) == [
        ("two-units-double", "fails"),
        ("twelve-parameters", "holds"),
    ]


def test_claims_suggest_the_nearest_id() -> None:
    """A slip of the finger is answered with what was meant."""
    result = invoke("claims", "two-unit-double")
    assert (result.exit_code, result.stderr) == (2, "error: unknown claim 'two-unit-double'; did you mean two-units-double?\n")


@pytest.mark.parametrize(
    ("described", "code", "summary"), [(None, 0, "28 of 28 as described"), (("bias_dropped",), 1, "of 28 as described")]
)
def test_without_ids_systems_are_asked(
    described: tuple[str, ...] | None, code: int, summary: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the claims; one that is not as described fails the run."""
    monkeypatch.setattr("conformance.commands.claims.CLAIMS", CLAIMS[:0])
    monkeypatch.setattr("conformance.commands.claims.DOCSTRING_CLAIMS", ())
    monkeypatch.setattr(
        "conformance.commands.claims.SYSTEMS", [each for each in SYSTEMS if each.environments == ("block-lstm-v2",)]
    )
    if described:
        monkeypatch.setattr("conformance.environments.recipes.Recipes.deviations_of", lambda *_: described)
    file, page = tmp_path / "claims.json", tmp_path / "claims.html"
    result = invoke("claims", "--json", str(file), "--html", str(page))
    assert (result.exit_code, summary in result.stdout) == (code, True), result.stdout
    (system,) = read(file, "claims")["systems"]
    assert (system["environment"], bool(system["unexplained"])) == ("block-lstm-v2", bool(code))
    assert ("systems are not as described: block-lstm-v2" in page.read_text(encoding="utf-8")) == bool(code)


def test_live_environments_are_for_systems_only() -> None:
    """Named claims run on the Keras that is here."""
    result = invoke("claims", "two-units-double", "--live")
    assert (result.exit_code, result.stderr.startswith("error: --live asks the systems")) == (2, True)


def test_plot_is_refused_without_the_claim_that_it_draws(tmp_path: Path) -> None:
    """Before anything runs, not after."""
    result = invoke("claims", "two-units-double", "--plot", str(tmp_path / "accuracy.png"))
    assert result.exit_code == 2
    assert PLOTTED_CLAIM in result.stderr
    assert not list(tmp_path.iterdir())


def test_deviations_are_listed_with_who_rejects_them() -> None:
    """The kill matrix, then one line for each deviation."""
    result = invoke("deviations", "--case", "u2-d1-t1-b3-s0")
    assert result.exit_code == 0
    assert "survived" in result.stdout
    assert [line for line in result.stdout.splitlines() if line.startswith(tuple(f"{name}: " for name in DEVIATIONS))] == [
        f"{deviation.name}: {deviation.summary}" for deviation in DEVIATIONS.values()
    ]


def test_blind_case_fails_the_kill_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake that a case accepts without a reason is named at the end, and the exit code says so."""
    blind = Kills(deviation="two_biases", cases=("u2-d1-t1-b3-s0",), survived=("u2-d1-t1-b3-s0",))
    monkeypatch.setattr("conformance.commands.deviations.kill_matrix", lambda *_: [blind])
    result = invoke("deviations", "--case", "u2-d1-t1-b3-s0")
    assert result.exit_code == 1
    named, summary = result.stdout.splitlines()[-2:]
    assert named == "u2-d1-t1-b3-s0 is blind to two_biases"
    assert summary.endswith(": 1 cases are blind")


def test_probes_alone_have_no_kill_matrix() -> None:
    """A matrix of nothing would be one without survivors."""
    result = invoke("deviations", "--level", "standard", "--case", "probe-no-regularizer-s0")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: deviations are tried on cases, and only probes were chosen")


def test_report_that_cannot_be_written_loses_no_text(tmp_path: Path) -> None:
    """The results are printed, then one line says which file is missing and why."""
    (tmp_path / "file").write_text("in the way")
    result = invoke(
        "verify",
        "--case",
        "u2-d1-t1-b3-s0",
        "--deviation",
        "bias_dropped",
        "--workers",
        "1",
        "--json",
        str(tmp_path / "file" / "x.json"),
    )
    assert result.exit_code == 2
    assert "0 PASS, 1 FAIL" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "could not be written" in result.stderr


def test_reference_adapter_and_keras_are_told_apart(keras_adapter: KerasLayerAdapter) -> None:
    """A report on a deviating reference never reads as one on Keras."""
    result = invoke("verify", "--case", "u2-d1-t1-b3-s0", "--deviation", "bias_dropped", "--workers", "1")
    assert result.stdout.startswith("lstm_ref with bias_dropped")
    assert keras_adapter.start()["implementation"] == "keras.layers.LSTM"


def test_sensitivity_shows_what_is_seen_alone() -> None:
    """Of a few cases: every error of 1e-5 and more in every operation is rejected by each; one alone pools nothing."""
    result = invoke("sensitivity", "--case", "u10-d5-t28-b3-seq-s0", "--case", "u2-d5-t28-b3-seq-s0")
    assert (result.exit_code, result.stderr) == (0, "")
    heading, *lines = [line.split() for line in result.stdout.splitlines() if line.strip() and "─" not in line]
    assert heading == ["relative", "error", "in", "1e-3", "1e-4", "1e-5", "1e-6", "1e-7"]
    assert [operation for operation, *_ in lines] == list(OPERATIONS)
    assert all(shares[:3] == ["100%"] * 3 for _, *shares in lines)
    assert "pooled" not in result.stdout


def test_sensitivity_refuses_what_is_no_case() -> None:
    """As every command does."""
    result = invoke("sensitivity", "--case", "u3-nothing")
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert "no case" in line
