"""The command line: what it prints, what it writes, and the code it exits with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import pytest
from click.testing import CliRunner, Result

import conformance
from conformance.adapters.keras.backends import BACKENDS
from conformance.adapters.keras.backends.backend import Backend
from conformance.cli import LazyCommand, main
from conformance.probes import PROBES
from conformance.running.pool import Pool
from conformance.running.session import default_workers
from conformance.system.lifetime import _interrupt

SMALL = ("--case", "u2-d2-t6-b3-*", "--workers", "1")


def invoke(*arguments: str) -> Result:
    """The command line in this process; an exception that it does not answer is the test's."""
    return CliRunner().invoke(main, arguments, catch_exceptions=False, prog_name="lstm-conformance")


def refused(result: Result) -> str:
    """The one line of a refusal, which exits with 2 and prints nothing else."""
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


# --- list ----------------------------------------------------------------------------------------------------------------------


def test_list_prints_every_id() -> None:
    """One a line, and nothing else."""
    result = invoke("list")
    lines = result.stdout.splitlines()
    assert (result.exit_code, len(lines), len(set(lines)), result.stderr) == (0, 2304, 2304, "")
    assert lines[0] == "u1-d1-t1-b3-s0"


def test_list_prints_what_matches_under_a_seed() -> None:
    """Patterns are repeatable; ids carry the seed."""
    result = invoke("list", "--seed", "4", "--case", "u1-d1-t6-b3-*", "--case", "u2-d1-t1-b3-s4")
    assert result.stdout.split() == [
        "u1-d1-t6-b3-s4", "u1-d1-t6-b3-seq-s4", "u1-d1-t6-b3-stateful-s4", "u1-d1-t6-b3-seq-stateful-s4", "u2-d1-t1-b3-s4",
    ]  # fmt: skip


# --- refusals ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["list", "verify"])
def test_pattern_without_a_match_is_refused(command: str) -> None:
    """With ids like it, before any process is started."""
    message = refused(invoke(command, "--case", "u10-d5-t13-b4-s"))
    assert message.startswith("no case matches 'u10-d5-t13-b4-s'; ids look like: u10-d5-t13-b3-s0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nonsense"],
            (
                "'nonsense' is not a case id; expected one like u10-d5-t13-b3-seq-stateful-s0; "
                "`lstm-conformance list` prints those of the documents' matrix, and with --level LEVEL those of a level"
            ),
        ),
        (["u0-d2-t6-b3-s0"], "units must be a positive integer, the size of the output; got 0"),
        (["u2-d2-t6-b3-s0", "--row", "3"], "u2-d2-t6-b3-s0 has 3 rows, 0 to 2; got row 3"),
        (["u2-d2-t6-b3-s0", "--unit", "2"], "u2-d2-t6-b3-s0 has 2 units, 0 to 1; got unit 2"),
        (["u2-d2-t6-b3-s0", "--steps", "-1"], "steps must be 0 (all) or more; got -1"),
    ],
)
def test_explain_refuses_what_is_not_there(arguments: list[str], message: str) -> None:
    """Before Keras is loaded."""
    assert refused(invoke("explain", *arguments)) == message


def test_explain_on_a_missing_backend_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the command."""
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setitem(BACKENDS, "jax", Backend(package="no_such_framework"))
    assert "pip install 'keras-lstm-conformance[jax]'" in refused(invoke("explain", "u2-d2-t6-b3-s0", "--backend", "jax"))


def test_verify_on_a_missing_backend_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker process met becomes one line; no report is written, for nothing was tested."""
    (tmp_path / "jax.py").write_text("raise ImportError('no jax here')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    message = refused(invoke("verify", *SMALL, "--backend", "jax", "--json", str(tmp_path / "report.json")))
    step = "install it anew with: pip install --force-reinstall 'keras-lstm-conformance[jax]'"
    assert message == f"the jax backend cannot be imported (no jax here); {step}"
    assert not (tmp_path / "report.json").exists()


def test_unknown_claim_is_refused() -> None:
    """Before any claim is settled."""
    assert refused(invoke("claims", "twelve-parameter")).startswith("unknown claim 'twelve-parameter'; ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--backend", "theano"],
        ["verify", "--workers", "0"],
        ["verify", "--seed", "-1"],
        ["verify", "--deviation", "no_such_deviation"],
        ["explain", "--units", "many"],
        ["no-such-command"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    """Click's own refusals keep the suite's code for wrong usage."""
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "Usage: lstm-conformance" in result.stderr


def single_options() -> list[tuple[str, click.Option]]:
    """Every option of every command that takes one value, or is a choice of two."""
    commands = {name: lazy.load() for name, lazy in main.commands.items() if isinstance(lazy, LazyCommand)}
    options = [(name, each) for name, command in commands.items() for each in command.params if isinstance(each, click.Option)]
    return [(name, each) for name, each in options if not each.multiple and (each.secondary_opts or not each.is_flag)]


@pytest.mark.parametrize(("command", "option"), single_options(), ids=lambda each: each if isinstance(each, str) else each.name)
def test_option_that_takes_one_value_is_refused_twice(command: str, option: click.Option) -> None:
    """Neither the first nor the last is silently taken, and nothing runs."""
    first, last = (option.opts[0], [*option.opts, *option.secondary_opts][-1])
    result = invoke(command, *([first, last] if option.is_flag else [first, "1", last, "2"]))
    assert result.exit_code == 2
    assert f"{'/'.join([*option.opts, *option.secondary_opts])} is given 2 times" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--deviation", "two_biases", "--fused"), "--deviation and --fused name one implementation each"),
        (("--fused", "--environment", "installed"), "--fused and --environment name one implementation each"),
        (("--backend", "numpy", "--environment", "installed"), "names its backend itself: --environment 'keras==3.15.1 --backend"),
        (("--backend", "numpy", "--deviation", "two_biases"), "--backend and --deviation name one implementation each"),
        (("--recorded",), "--recorded lets the recording of an environment answer: name it with --environment"),
    ],
)
def test_verify_refuses_two_implementations(arguments: tuple[str, ...], message: str) -> None:
    """None of them is silently left out."""
    result = invoke("verify", *SMALL, *arguments)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


def test_backend_of_the_environment_variable_is_no_second_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is where Keras is verified, and none is."""
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    assert invoke("verify", *SMALL, "--deviation", "two_biases").exit_code == 1


def test_probes_that_are_not_asked_are_named_first() -> None:
    """Of what is no Keras."""
    result = invoke("verify", "--fused", "--level", "standard", "--case", "*units*", "--workers", "1")
    assert result.exit_code == 0
    named = sum("units" in probe.id for probe in PROBES)
    assert result.stdout.startswith(f"not asked: {named} of what was chosen: probes look into a Keras, and the reference is none")


def test_flag_may_say_the_same_twice() -> None:
    """As an alias and the line behind it do; an option that takes several values takes them."""
    assert invoke("list", "--case", "u1-d1-t6-b3-s0", "--case", "u1-d1-t6-b3-seq-s0").stdout.split() == [
        "u1-d1-t6-b3-s0", "u1-d1-t6-b3-seq-s0",
    ]  # fmt: skip
    assert "given" not in invoke("upgrade", "-q", "-q", "kears==1", "reference").stderr


@pytest.mark.parametrize("command", [[], ["verify"], ["list"], ["explain"], ["claims"]])
def test_every_command_has_help(command: list[str]) -> None:
    """It says what the command does."""
    result = invoke(*command, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: {' '.join(['lstm-conformance', *command])}")


@pytest.mark.parametrize("name", main.commands)
def test_command_is_listed_as_it_calls_itself(name: str) -> None:
    """The list of commands knows them without importing them: by name, and by the first sentence of their help."""
    listed = main.commands[name]
    assert isinstance(listed, LazyCommand)
    command = listed.load()
    assert (listed.name, listed.get_short_help_str()) == (command.name, command.get_short_help_str(limit=1000))


# --- explain -------------------------------------------------------------------------------------------------------------------


@pytest.mark.xdist_group("keras")
@pytest.mark.usefixtures("keras_adapter")
def test_explain_prints_a_case_of_real_keras() -> None:
    """As many timesteps of the row and unit as were asked for, and the checks."""
    result = invoke("explain", "u2-d2-t6-b3-s0", "--row", "1", "--unit", "1", "--steps", "1")
    assert result.exit_code == 0
    titles = [line.split(",")[0] for line in result.stdout.splitlines() if ", row 1, unit 1" in line]
    assert titles == ["timestep 1", "timestep 6"]
    assert "PASS cell_state worst " in result.stdout


# --- verify --------------------------------------------------------------------------------------------------------------------


def test_verify_accepts_real_keras(tmp_path: Path) -> None:
    """Exit code 0; the report says what ran and that all of it passed."""
    result = invoke("verify", *SMALL, "--json", str(tmp_path / "report.json"))
    assert result.exit_code == 0, result.stdout
    assert result.stdout.startswith("keras.layers.LSTM: keras 3")
    assert "4 PASS of 4 cases (4 cells of the documents' matrix, seed 0)" in result.stdout
    assert result.stderr.startswith("4 of 4 cases: u2-d2 finished; 4 PASS; ")
    read = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert read["environment"]["backend"] == "tensorflow"
    assert {one["path"] for one in read["results"]} == {"tf.function, dynamic time; loop"}
    assert (read["summary"]["PASS"], read["summary"]["as_expected"]) == (4, True)


def test_verify_rejects_a_mistake_and_names_it(tmp_path: Path) -> None:
    """Exit code 1; text, JSON, JUnit and the page name what explains it."""
    paths = tmp_path / "report.json", tmp_path / "report.xml", tmp_path / "page.html"
    files = ("--json", str(paths[0]), "--junit", str(paths[1]), "--html", str(paths[2]))
    result = invoke("verify", *SMALL, "--deviation", "hard_sigmoid", *files)
    assert result.exit_code == 1
    assert "FAIL u2-d2-t6-b3-s0\n" in result.stdout
    assert "matches the reference if the gates use Keras 3's hard_sigmoid, clip(x/6 + 0.5, 0, 1) (hard_sigmoid)" in result.stdout
    assert "4 of 4 cases match the reference if the gates use Keras 3's hard_sigmoid" in result.stdout
    assert result.stderr.startswith("4 of 4 cases: u2-d2 finished; 4 FAIL; ")
    read = json.loads(paths[0].read_text(encoding="utf-8"))
    assert (read["summary"]["FAIL"], read["summary"]["as_expected"], read["summary"]["stopped"]) == (4, False, "")
    assert [one["explained_by"] for one in read["results"]] == [["hard_sigmoid"]] * 4
    suite = ET.parse(paths[1]).getroot().find("testsuite")  # noqa: S314  # our own file
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("4", "4")
    page = paths[2].read_text(encoding="utf-8")
    assert page.count('<details class="entry"') == 4
    pictures = [one["picture"] for one in read["results"]]
    assert page.count("<svg") == sum(len(picture["lines"]) + len(picture["gates"]) for picture in pictures)
    assert "lstm-conformance verify --case u2-d2-t6-b3-s0 --deviation hard_sigmoid" in page


def test_verify_refuses_at_once_where_nothing_is_left_to_ask() -> None:
    """A probe looks into the Keras that is installed; of anything else none is asked, and no worker waits for one."""
    result = invoke("verify", "--fused", "--level", "standard", "--case", "probe-reset-before-build-s0")
    assert result.exit_code == 2
    assert refused(result).startswith("'probe-reset-before-build-s0' matches 1 probe (probe-reset-before-build-s0) and no case: ")


def test_verify_of_what_could_not_be_settled_exits_with_3(tmp_path: Path) -> None:
    """Here what was observed cannot be kept: neither green nor a difference, in every report; the journal has no result."""
    case_id = "u2-d2-t6-b3-s0"
    (tmp_path / "kept" / f"{case_id}.npz").mkdir(parents=True)
    names = {"json": tmp_path / "run.json", "junit": tmp_path / "run.xml", "journal": tmp_path / "run.jsonl"}
    files = [word for name, path in names.items() for word in (f"--{name}", str(path))]
    result = invoke("verify", "--fused", "--case", case_id, "--workers", "1", "--keep", str(tmp_path / "kept"), *files)
    assert result.exit_code == 3, result.stdout
    assert "1 UNRESOLVED, 0 PASS of 1 cases" in result.stdout
    summary = json.loads(names["json"].read_text(encoding="utf-8"))["summary"]
    assert (summary["UNRESOLVED"], summary["ERROR"], summary["as_expected"]) == (1, 0, False)
    assert 'type="UNRESOLVED"' in names["junit"].read_text(encoding="utf-8")
    assert len(names["journal"].read_text(encoding="utf-8").splitlines()) == 1
    assert invoke("schema", "verify", "--check", str(names["json"])).exit_code == 0


NAME = "lstm_ref with units_reversed on no backend"


def test_agree_compares_what_was_kept(tmp_path: Path) -> None:
    """Pair by pair: how many agree, how many differ as is known, and each case that differs otherwise, which makes it fail."""
    for folder, deviation in (("one", "units_reversed"), ("same", "units_reversed"), ("other", "hard_sigmoid")):
        invoke("verify", *SMALL, "--deviation", deviation, "--keep", str(tmp_path / folder))
    same = invoke("agree", str(tmp_path / "one"), str(tmp_path / "same"))
    assert same.exit_code == 0
    assert same.stdout == f"{' and '.join([NAME] * 2)}: 4 of 4 cases agree (worst 0 σ), 0 differ as known\n"
    apart = invoke("agree", str(tmp_path / "one"), str(tmp_path / "other"))
    first, *differing = apart.stdout.splitlines()
    assert (apart.exit_code, len(differing), "0 of 4 cases agree" in first) == (1, 4, True)
    assert differing[0].startswith("  u2-d2-t6-b3-s0: ")
    assert differing[0].endswith(" σ apart, limit 8 σ of two runs")


def test_agree_refuses_one_folder(tmp_path: Path) -> None:
    """Nothing agrees with itself alone."""
    assert refused(invoke("agree", str(tmp_path))).startswith(
        "agree compares two or more folders; make each with: lstm-conformance"
    )


def test_fail_fast_stops_at_the_first_difference(tmp_path: Path) -> None:
    """It says so, and what did not run is missing from the report, not passed."""
    arguments = [*SMALL, "--case", "u128-d64-*", "--deviation", "weights_transposed", "--fail-fast"]
    result = invoke("verify", *arguments, "--json", str(tmp_path / "report.json"))
    assert result.exit_code == 1
    assert "67 cases did not run: stopped at the first difference, as --fail-fast asks" in result.stdout
    summary = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["summary"]
    assert (summary["FAIL"], summary["not_run"], summary["planned"]) == (1, 67, 68)


def test_verify_of_a_surface_case_without_its_level() -> None:
    """As the last line of a difference asks for it: by its id alone, beside a case of the documents' matrix."""
    result = invoke(
        "verify", "--case", "u2-d2-t6-b3-s0", "--case", "u3-d2-t5-b4-mask_left-s0", "--deviation", "two_biases", "--workers", "1"
    )
    assert result.exit_code == 1
    assert "route call" in result.stdout
    assert "2 FAIL of 2 cases (the surface, seed 0)" in result.stdout


def test_verify_resumes_from_its_journal(tmp_path: Path) -> None:
    """What the journal has is not run again, what it lacks is; the report is that of one run, to the last digit."""
    journal, reports = tmp_path / "run.jsonl", [tmp_path / "first.json", tmp_path / "second.json"]
    arguments = [*SMALL, "--deviation", "two_biases", "--journal", str(journal)]
    assert invoke("verify", *arguments, "--json", str(reports[0])).exit_code == 1
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:3]) + lines[3][:40], encoding="utf-8")
    result = invoke("verify", *arguments, "--json", str(reports[1]))
    assert (result.exit_code, result.stderr.startswith("4 of 4 cases: u2-d2 finished; 4 FAIL; ")) == (1, True)
    first, second = (json.loads(report.read_text(encoding="utf-8"))["results"] for report in reports)
    assert [one["seconds"] == two["seconds"] for one, two in zip(first, second, strict=True)] == [True, True, False, False]
    timeless = {"seconds": 0, "suite_seconds": 0}
    assert [one | timeless for one in first] == [one | timeless for one in second]
    assert len(journal.read_text(encoding="utf-8").splitlines()) == 5


def test_verify_refuses_the_journal_of_another_run(tmp_path: Path) -> None:
    """It says what differs and what to do, and leaves the file as it is."""
    journal = tmp_path / "run.jsonl"
    arguments = ["verify", *SMALL, "--journal", str(journal), "--deviation"]
    invoke(*arguments, "two_biases")
    kept = journal.read_bytes()
    assert refused(invoke(*arguments, "hard_sigmoid")) == (
        f"{journal} is the journal of another run: implementation lstm_ref with two_biases there, lstm_ref with hard_sigmoid here; "
        "name another file, or delete it to start anew"
    )
    assert journal.read_bytes() == kept


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--level", "quick"), "--eager asks the documents' matrix; of a level, name the cases that are"),
        (("--case", "u2-d1-t6-b3-s0"), "u2-d1-t6-b3-s0 is no eager case: one has -eager before its seed"),
    ],
    ids=["level", "case"],
)
def test_eager_is_refused_where_compiled_cases_would_run(arguments: tuple[str, ...], message: str) -> None:
    """A level has eager cases of its own, and a whole id stands for its case."""
    assert message in refused(invoke("verify", "--eager", *arguments))


def test_eager_and_seed_are_part_of_what_is_verified(tmp_path: Path) -> None:
    """The ids of the report's cases say both."""
    arguments = ["--case", "u2-d2-t6-b3-*", "--eager", "--seed", "5", "--deviation", "two_biases", "--workers", "1"]
    assert invoke("verify", *arguments, "--json", str(tmp_path / "report.json")).exit_code == 1
    plan = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["plan"]
    assert plan["seed"] == 5
    assert plan["case_ids"][0] == "u2-d2-t6-b3-eager-s5"


def test_default_is_one_worker_per_core_and_few() -> None:
    """Each holds a copy of the framework."""
    assert 1 <= default_workers() <= 4


# --- a run that is ended -------------------------------------------------------------------------------------------------------


def start(*arguments: str) -> subprocess.Popen[str]:
    """The command line in a process group of its own, as a shell starts it."""
    root = str(Path(conformance.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "conformance", *arguments],
        # A script's background job, as this test run may be, ignores Ctrl-C, and so would all that it starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  # one call, no lock
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environment,
    )


def to_the_group(process: subprocess.Popen[str], number: int) -> None:
    """As a terminal sends Ctrl-C: to all of the processes."""
    if sys.platform != "win32":  # where the test is skipped
        os.killpg(process.pid, number)


def to_the_parent(process: subprocess.Popen[str], number: int) -> None:
    """As `kill` does."""
    process.send_signal(number)


def test_run_that_is_ended_before_it_has_begun_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ran, which is no success."""
    monkeypatch.setattr(Pool, "environment", lambda _: _interrupt())
    result = invoke("verify", *SMALL)
    assert result.exit_code == 1
    assert result.stdout.startswith("interrupted before it had started: \n")
    assert "0 PASS of 4 cases" in result.stdout
    assert "4 cases did not run: interrupted" in result.stdout


def test_run_that_is_ended_before_its_first_result_says_what_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    """The implementation had started, and the report names it."""
    monkeypatch.setattr(Pool, "run", lambda *_: _interrupt())
    result = invoke("verify", *SMALL, "--deviation", "two_biases")
    assert result.exit_code == 1
    assert result.stdout.startswith("lstm_ref with two_biases: numpy ")


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX")
@pytest.mark.parametrize(
    ("send", "number"), [(to_the_group, signal.SIGINT), (to_the_parent, signal.SIGTERM)], ids=["Ctrl-C", "SIGTERM"]
)
def test_run_that_is_ended_keeps_what_has_finished(send: Any, number: int, tmp_path: Path) -> None:
    """After the first family: the table is printed, the files are written, no traceback, exit code 1."""
    path = tmp_path / "report.json"
    process = start(
        "verify",
        "--case",
        "u1-d1-t1-b3-*",
        "--case",
        "u128-*",
        "--deviation",
        "two_biases",
        "--workers",
        "2",
        "--json",
        str(path),
    )
    try:
        assert process.stderr is not None
        progress = process.stderr.readline()
        send(process, number)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert progress.startswith("4 of 388 cases: u1-d1 finished; 4 FAIL; ")
    assert "with --journal FILE, the same command would go on from there" in stderr
    assert process.returncode == 1
    assert "Traceback" not in stderr
    read = json.loads(path.read_text(encoding="utf-8"))
    missing = 388 - len(read["results"])
    assert 0 < missing <= 384
    assert f"{missing} cases did not run: interrupted" in stdout
    assert (read["summary"]["stopped"], read["summary"]["not_run"]) == ("interrupted", missing)
    assert read["environment"]["implementation"] == "lstm_ref with two_biases"
