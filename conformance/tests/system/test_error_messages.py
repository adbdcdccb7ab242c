"""What a user is told who asks for what cannot be done: by command, what is wrong, where, and what to do; never a traceback."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from conformance.cli import COMMANDS, main
from conformance.system.error_messages import TRACEBACK, error_message, file_error_message
from lstm_ref import LSTMError

ONE = ("--case", "u2-d1-t1-b3-s0")
WRONG = ("verify", *ONE, "--deviation", "two_biases", "--workers", "1")
SAME = ("upgrade", "reference", "reference", *ONE)


def invoke(*arguments: str) -> Result:
    """The command line in this process; an exception that it does not answer is the test's."""
    return CliRunner().invoke(main, arguments, catch_exceptions=False, prog_name="lstm-conformance")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files that no command can use, in which it is called."""
    (tmp_path / "text").write_text("hello\n", encoding="utf-8")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    (tmp_path / "bad.toml").write_text("change = [", encoding="utf-8")
    (tmp_path / "other.toml").write_text("[other]\n", encoding="utf-8")
    (tmp_path / "text.npz").write_text("hello\n", encoding="utf-8")
    (tmp_path / "upgrade.json").write_text('{"format": "upgrade", "format_version": 99}', encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "two words").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", "u2-d2-t6-b3-sequ-s0"), "is not a case id; expected one like .*; did you mean u2-d2-t6-b3-seq-s0 or"),
        (("explain", "probe-no-regularizer-s0"), "is a probe, not a case; run it with: lstm-conformance verify --case probe-no-"),
        (
            ("explain", "u3-d2-t6-b4-p_float16-s0", "--backend", "jax"),
            "explain shows .*; as a script: lstm-conformance reproduce u3-d2-t6-b4-p_float16-s0 --backend jax",
        ),
        (
            ("explain", "u3-d2-t6-b4-seq-weights_chaotic-s0"),
            "explain shows .*; by its verdict: lstm-conformance verify --case u3-d2-t6-b4-seq-weights_chaotic-s0 --backend t",
        ),
        (
            ("verify", "--case", "probe-no-*"),
            "'probe-no-\\*' matches 1 probe .* by: lstm-conformance verify --level standard --case 'probe-no-\\*'",
        ),
        (
            ("reproduce", "no_such"),
            "is not a case id; .*; `lstm-conformance list` .*; `lstm-conformance differences` prints",
        ),
        (("reproduce", "list-of-one-cell-crash"), "did you mean list-of-one-cell-crashes"),
        (
            ("verify", "--case", "nope*"),
            "no case matches 'nope\\*'; ids look like: .*`lstm-conformance list` prints those of the documents",
        ),
        (("verify", "--deviation", "two_biase"), "'two_biase' is none. Did you mean two_biases"),
        (("verify", "--deviation", "zzz"), "'zzz' is none. `lstm-conformance deviations` lists them"),
        (("verify", "--level", "quik"), "'quik' is not one of 'quick', 'features', 'standard', 'deep'"),
        (("verify", "--quiet", "--verbose"), "--quiet and --verbose contradict each other: leave one of them out"),
        (("verify", "--json", "empty"), "'empty' is a directory"),
        (("verify", "--keep", "text"), "'text' is a file"),
        (("verify", "--environment", "keras=3.0"), "asks for no single version: write keras==3.0"),
        (("verify", "--environment", "kears==3.0.5"), "did you mean keras"),
        (("verify", "--environment", "./no/python"), "there is no interpreter .*; name the path of one, as in"),
        (("verify", "--environment", "./text"), "does not start as a CPython; try `.*text --version`"),
        (("list", "--seed", "-1"), "'--seed': -1 is not in the range x>=0"),
        (("upgrade", "installed"), "Missing argument 'TO'"),
        (("upgrade", "reference:two_biase", "reference"), "unknown deviation 'two_biase'; did you mean two_biases"),
        ((*SAME, "--write-baseline"), "--write-baseline records the file that --baseline names: give both"),
        (
            (*SAME, "--baseline", "none.toml"),
            "none.toml cannot be read: No such .*; name .*: lstm-conformance upgrade FROM TO --baseline none.toml --write-baseline",
        ),
        (
            (*SAME, "--baseline", "bad.toml"),
            r"bad.toml is not a whole TOML file .*; make it anew with: lstm-conformance upgrade",
        ),
        ((*SAME, "--baseline", "latin.toml"), r"latin.toml is not a whole TOML file \(.*\); make it anew with"),
        (
            (*SAME, "--baseline", "other.toml"),
            "other.toml is a document without a format; expected baseline, as made by: .* --write-baseline",
        ),
        ((*SAME, "--keep", "text"), "'text' is a file"),
        (("history", "--versions", "3.0.5,3.0.5"), "3.0.5 is given twice: name each version once"),
        (("history", "--versions", "9.x"), "'9.x' is no version of Keras, as in 3.15.1, and no environment, as in"),
        (("model", "none.keras"), "there is no such file; expected the path of a .keras or .h5 file"),
        (("model", "empty"), "a folder; expected a .keras or .h5 file, as model.save\\('model.keras'\\) writes it"),
        (("model", "text"), "text: neither a zip archive .* nor HDF5 .*: it starts with .*; expected what model.save"),
        (("agree", "empty"), "agree compares two or more folders; make each with: lstm-conformance verify"),
        (
            ("agree", "empty", "two words"),
            "empty/environment.json cannot be read: .*; name .*, or make one with: .* verify --keep empty",
        ),
        (("agree", "two words", "two words/../empty"), "'?two words/environment.json'? cannot be .* verify --keep 'two words'"),
        (("agree", "empty", "two words/../empty"), "two words/../empty is given twice: name each folder"),
        (("agree", "text", "text"), "'text' is a file"),
        (
            ("report", "none.json", "--html", "x.html"),
            "none.json cannot be read: .*; name another file, or .* verify --json none",
        ),
        (("report", "text", "--html", "x.html"), "text is not a whole JSON file .*; make it anew with: lstm-conformance verify"),
        (
            ("report", "upgrade.json", "--html", "x.html"),
            "has format_version 99; .* upgrade FROM TO --json upgrade.json",
        ),
        (("schema", "--check", "none.json"), "none.json cannot be read: .*; `lstm-conformance schema` lists the commands"),
        (
            ("schema", "verify", "--check", "upgrade.json"),
            "of the format 'upgrade'; expected verify, as made by: .* verify --json upg",
        ),
        (("upgrade", "reference:", "reference"), "'' is no deviation of the reference; `lstm-conformance deviations` lists them"),
        (("upgrade", "reference:zzz", "reference"), "'zzz' is no deviation of the reference; `lstm-conformance deviations` lists"),
        ((*SAME, "--recorded"), "--recorded lets the recording of an environment answer, and none is named: leave it out"),
        (("history", "--versions", "reference", "--recorded"), "and none is named: leave it out"),
        (("history", "--versions", "3.0.5,9.x"), "^error: '9.x' is no version of Keras"),
        (("upgrade", "keras==3.0.5", "kears==3.0.5"), "^error: kears is no system; did you mean keras"),
        (("upgrade", "./empty", "reference"), "empty is a folder without an interpreter; name the path of one, as in"),
        (
            ("verify", "--environment", "none.npz"),
            "there is no recording none.npz; .* record SPEC --output none.npz",
        ),
        (
            ("verify", "--environment", "text.npz"),
            "text.npz is damaged, or no recording .* record SPEC --output",
        ),
        (("claims", "two-unit-double"), "unknown claim 'two-unit-double'; did you mean two-units-double"),
        (("claims", "two-units-double", "--live"), "--live asks the systems .*: leave one of both out"),
        (
            ("claims", "fewer-units-suffice", "--plot", "x.foo"),
            "--plot x.foo: its suffix says the format; expected one of",
        ),
        (("record", "no-such"), "no-such is no system. An environment is written as keras==3.15.1"),
        (("record", "installed", "--output", "text"), "--output text: a recording is a .npz file; write text.npz"),
        (("sensitivity", "--case", "zz"), "no case matches 'zz'; ids look like: .*`lstm-conformance list` prints"),
        (("deviations", "--case", "zz"), "no case matches 'zz'; ids look like: .*`lstm-conformance list` prints"),
        (("differences", "--nope"), "No such option '?--nope"),
        (("environments", "more"), "unexpected extra argument"),
        (("verfy",), "No such command 'verfy'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], said: str) -> None:
    """On standard error, with the code for it, before anything has run."""
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert re.search(said, result.stderr), result.stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*WRONG, "--json", "text/report.json"), "text/report.json could not be written: .*; a file is where a folder would"),
        ((*WRONG, "--junit", "text/report.xml"), "text/report.xml could not be written: .*; a file is where a folder would"),
        ((*WRONG, "--journal", "text/journal"), "text/journal could not be .*: .*; .* path"),
        ((*WRONG, "--journal", "text"), "text is not the journal of a run; name another file, or delete it to start anew"),
        ((*WRONG, "--keep", "text/folder"), "text.* could not be read or written: .*; .* path"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, tuple) else "",
)
def test_place_that_cannot_be_written_is_said(arguments: tuple[str, ...], said: str) -> None:
    """In one line, the last of standard error, after whatever could be shown."""
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert re.search(said, result.stderr.splitlines()[-1]), result.stderr


# --- what a message is made from -----------------------------------------------------------------------------------------------


def raised(error: Exception) -> Exception:
    """The exception with a traceback, as it is caught."""
    try:
        raise error
    except type(error) as caught:
        return caught


def denied() -> OSError:
    """What a system says to whoever may not write."""
    return PermissionError(errno.EACCES, "Permission denied", "a.json")


def missing() -> Exception:
    """What an import of nothing raises."""
    try:
        __import__("no_such_package.part")
    except ImportError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: raised(LSTMError("units must be positive")), "units must be positive"),
        (
            lambda: raised(ImportError("plots need it; install it with: pip install it")),
            "plots need it; install it with: pip install it",
        ),
        (missing, "the package no_such_package is missing; install it with: pip install no_such_package"),
        (
            lambda: raised(ImportError("wrong ELF", name="rich.text")),
            "wrong ELF; install it anew with: pip install --force-",
        ),
        (lambda: raised(MemoryError()), "the memory is used up; end other programs, or take a machine with more"),
        (lambda: raised(ModuleNotFoundError("no", name="sklearn.x")), "install it with: pip install scikit-learn"),
        (
            lambda: raised(FileNotFoundError(errno.ENOENT, "None", "/no/such/a.json")),
            "/no/such/a.json could not be read or written: None; its folder is not there: name another path",
        ),
        (lambda: raised(FileNotFoundError(errno.ENOENT, "None", "/a")), "None; it is not there: name another path"),
        (lambda: raised(denied()), "a.json could not be read or written: Permission denied; name a place that you may write to"),
        (
            lambda: raised(OSError(errno.ENOSPC, "Full")),
            "could not be read or written: Full; make room on that disk",
        ),
    ],
    ids=[
        "own",
        "own package",
        "package",
        "broken package",
        "memory",
        "package of another name",
        "folder",
        "file",
        "permission",
        "disk",
    ],
)
def test_what_is_known_of_an_exception_is_said(make: Callable[[], Exception], said: str) -> None:
    """With the next step."""
    assert said in error_message(make())


def test_mistake_of_the_suite_says_where_and_how_to_report_it() -> None:
    """In one line, for it is nothing that a user can mend."""
    said = error_message(raised(KeyError("a\nb")))
    assert said.startswith("lstm-conformance itself made a mistake, KeyError: 'a\\nb' (test_error_messages.py:")
    assert said.endswith(f"report it with the command, and with the traceback that {TRACEBACK}=1 shows")


@pytest.mark.parametrize(
    ("number", "step"),
    [
        (errno.EISDIR, "that is a folder: name a file"),
        (errno.ENOTDIR, "a file is where a folder would be: name another path"),
        (errno.EROFS, "name a place that you may write to"),
        (errno.EIO, "name another path"),
    ],
)
def test_each_trouble_with_a_file_has_its_next_step(number: int, step: str) -> None:
    """By what the system says."""
    assert (
        file_error_message("written", "x", OSError(number, os.strerror(number)))
        == f"x could not be written: {os.strerror(number)}; {step}"
    )


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Lets `list` raise."""

    def fail(error: BaseException) -> None:
        def raising(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr("conformance.commands.options.selected_cases", raising)

    return fail


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 1, "interrupted: what was printed before this line is all that has finished\n"),
        (
            ZeroDivisionError("by 0"),
            2,
            "error: lstm-conformance itself made a mistake, ZeroDivisionError: by 0 (test_error_messages.py:",
        ),
        (MemoryError(), 2, "error: the memory is used up; take fewer cases with --case\n"),
        (denied(), 2, "error: a.json could not be read or written: Permission denied; name a place"),
        (click.UsageError("not so"), 2, "Usage: lstm-conformance list"),
    ],
    ids=["Ctrl-C", "a mistake", "memory", "permission", "usage"],
)
def test_command_ends_in_a_message(error: BaseException, code: int, said: str, failing: Callable[[BaseException], None]) -> None:
    """Whatever it raises."""
    failing(error)
    result = invoke("list")
    assert (result.exit_code, result.stdout, result.stderr.startswith(said)) == (code, "", True), result.stderr


def test_traceback_is_shown_to_whoever_asks_for_it(
    failing: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To report it."""
    monkeypatch.setenv(TRACEBACK, "1")
    failing(ZeroDivisionError("by zero"))
    with pytest.raises(ZeroDivisionError):
        invoke("list")


# --- exit codes ----------------------------------------------------------------------------------------------------------------


def documented(command: str) -> str:
    """What `--help` says of the command's exit codes."""
    said = " ".join(invoke(command, "--help").stdout.split())
    return said.partition("Exit codes: ")[2].partition(". ")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_exit_codes_are_documented_alike(command: str) -> None:
    """The command's help and the table of the documentation list the same exit codes."""
    page = (Path(__file__).parents[2] / "docs" / "use" / "commands.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{command}` |") and line.count("|") == 5]
    codes = zip("012", row.split("|")[2:5], strict=True)
    assert documented(command) == ", ".join(f"{code} {cell.strip()}" for code, cell in codes if cell.strip())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("list", *ONE), 0),
        (("differences",), 0),
        (("reproduce", "u2-d1-t1-b3-s0"), 0),
        (("claims", "--help"), 0),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_exit_code_is_what_is_documented(arguments: tuple[str, ...], code: int) -> None:
    """0 where all is as it should be; 1 is tested in test_verbosity.py, and 2 with each refusal above."""
    assert invoke(*arguments).exit_code == code
