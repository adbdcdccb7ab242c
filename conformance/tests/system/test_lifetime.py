"""What commands leave behind, however they end: in the temporary folder, at home, where they are started, among the processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import conformance
from conformance.environments.recording import FOLDER
from conformance.report.files import write_text
from conformance.system.lifetime import PREFIX, scratch_folder, sigterm_as_keyboard_interrupt

if sys.platform == "win32":
    pytest.skip("Windows has other ways to end a process, and no /proc", allow_module_level=True)

MARK = "LSTM_CONFORMANCE_LIFETIME_TEST"
LONG = ("verify", "--level", "standard", "--deviation", "all_gates_icfo", "--workers", "2")
SHORT = ("verify", "--case", "u2-d1-t1-b3-s0", "--deviation", "all_gates_icfo")
ELSEWHERE = ("verify", "--environment", sys.executable, "--case", "u2-d1-t1-b3-s0")
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LIMIT = 900  # seconds, of a machine that does much else

reads_processes = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc")


def eventually(found: Callable[[], object], limit: float = LIMIT) -> bool:
    """Whether it is found, now or soon."""
    end = time.monotonic() + limit
    while not found():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@dataclass(frozen=True)
class Place:
    """A temporary folder, a home and a folder to work in, all of them empty, and the processes that are started there."""

    root: Path

    @property
    def temporary(self) -> Path:
        """Where temporary files lie."""
        return self.root / "temporary"

    @property
    def work(self) -> Path:
        """Where commands are started."""
        return self.root / "work"

    def start(self, *arguments: str, module: str = "conformance", stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """A command that runs, as in a shell of a terminal: it may be interrupted."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "KERAS", "COV", "PYTEST", "JAX"))}
        ours = {
            MARK: str(self.root),
            "TMPDIR": str(self.temporary),
            "HOME": str(self.root / "home"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.Popen(  # noqa: S603  # our own interpreter
            [sys.executable, "-m", module, *arguments],
            cwd=self.work,
            env=kept | ours | {"PYTHONPATH": str(Path(conformance.__file__).parents[1])},
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    def run(self, *arguments: str, module: str = "conformance") -> int:
        """The exit code of a command that ends by itself."""
        return self.start(*arguments, module=module).wait(LIMIT)

    def left(self) -> list[str]:
        """Files and folders, whatever they hold."""
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.glob("*/**/*"))

    def processes(self) -> dict[int, str]:
        """Processes that were started here, and what they run."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                ours = f"{MARK}={self.root}\0".encode() in (folder / "environ").read_bytes()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended
                continue
            if ours:
                found[int(folder.name)] = command
        return found

    def one(self, word: str) -> int:
        """One of the processes, once there is one whose command has this word; 0 for none."""
        eventually(lambda: any(word in command for command in self.processes().values()))
        return next((process for process, command in self.processes().items() if word in command), 0)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Empty; whatever a test has found, no process outlives it."""
    for name in ("temporary", "home", "work"):
        (tmp_path / name).mkdir()
    here = Place(tmp_path)
    # What is ignored here, as under nohup or in the background of a shell, would be ignored there.
    before = {number: signal.signal(number, signal.default_int_handler) for number in ENDS}
    yield here
    for number, handler in before.items():
        signal.signal(number, handler)
    for process in here.processes():
        os.kill(process, signal.SIGKILL)


# --- commands that end by themselves


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (1, SHORT),
        (0, ("verify", "--fused", "--case", "u2-d1-t1-b3-s0")),
        (1, ("verify", "--level", "quick", "--case", "u3-d2-t5-b4-seq-nostate-s0", "--deviation", "all_gates_icfo")),
        (1, ("verify", "--case", "u2-d1-t1-b3-*", "--deviation", "all_gates_icfo", "--fail-fast")),
        (2, ("verify", "--case", "no-such-case")),
        (2, ("verify", "--environment", "./no/such/python")),
        (2, ("verify", "--environment", "keras==0.0.1")),
        (2, ("model", __file__)),
        (0, ("list", "--level", "standard")),
        (0, ("explain",)),
        (
            0,
            ("upgrade", str(FOLDER / "keras-3.15.1.npz"), str(FOLDER / "keras-3.15.1.npz"), "--case", "u3-d2-t5-b4-seq-nostate-s0"),
        ),
        (0, ("claims", "twelve-parameters")),
        (0, ("reproduce", "u2-d1-t1-b3-s0", "--run")),
        (0, ELSEWHERE),
    ],
    ids=lambda value: " ".join(Path(word).name for word in value) if isinstance(value, tuple) else "",
)
def test_a_command_leaves_nothing(code: int, arguments: tuple[str, ...], place: Place) -> None:
    """Whatever its answer: no file, no folder, no process."""
    assert (place.run(*arguments), place.left()) == (code, [])
    assert eventually(lambda: not place.processes(), 10), place.processes()


def test_a_file_that_was_asked_for_is_all_that_is_left(place: Place) -> None:
    """And no other beside it."""
    assert (place.run(*SHORT, "--json", "report.json"), place.left()) == (1, ["work/report.json"])


def test_a_session_of_pytest_leaves_nothing(place: Place) -> None:
    """Of the plugin; its own cache is pytest's."""
    (place.work / "test_it.py").write_text("def test_it(lstm_result):\n    assert lstm_result.verdict.is_expected\n")
    others = ("no:cacheprovider", "no:benchmark", "no:lstm_conformance", "conformance.pytest_plugin")
    options = (*(word for name in others for word in ("-p", name)), "--lstm-case", "u2-d1-t1-b3-s0", "test_it.py")
    assert (place.run(*options, module="pytest"), place.left()) == (0, ["work/test_it.py"])


def test_a_reader_who_leaves_ends_a_command_that_leaves_nothing(place: Place) -> None:
    """As `head -n 1` does."""
    command = place.start("list", "--level", "deep", stdout=subprocess.PIPE)
    assert command.stdout
    command.stdout.readline()
    command.stdout.close()
    command.wait(LIMIT)
    assert place.left() == []


# --- commands that are ended


@reads_processes
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGHUP], ids=lambda end: end.name)
def test_a_run_that_is_interrupted_leaves_nothing(end: signal.Signals, place: Place) -> None:
    """By Ctrl-C, or by a terminal that is closed; below by a polite kill."""
    run = place.start(*LONG)
    assert place.one("spawn_main")
    run.send_signal(end)
    assert (run.wait(LIMIT), place.left()) == (1, [])
    assert eventually(lambda: not place.processes(), 10), place.processes()


@reads_processes
@pytest.mark.parametrize(
    ("arguments", "worker"), [(LONG, "spawn_main"), (ELSEWHERE, "worker/__main__.py")], ids=["here", "environment"]
)
def test_a_run_that_is_killed_takes_its_workers_along_and_is_swept_by_the_next(
    arguments: tuple[str, ...], worker: str, place: Place
) -> None:
    """They end by themselves; its folder cannot, and waits for the next run."""
    run = place.start(*arguments)
    assert place.one(worker)
    run.kill()
    run.wait(LIMIT)
    assert eventually(lambda: not place.processes(), 60), place.processes()
    assert [path.name.startswith(PREFIX) for path in place.temporary.iterdir()] == [True]
    assert (place.run(*SHORT), place.left()) == (1, [])


@reads_processes
@pytest.mark.parametrize(
    ("arguments", "worker"),
    [(("verify", "--level", "quick", "--deviation", "all_gates_icfo"), "spawn_main"), (ELSEWHERE, "worker/__main__.py")],
    ids=["here", "environment"],
)
def test_a_worker_that_is_killed_leaves_nothing(arguments: tuple[str, ...], worker: str, place: Place) -> None:
    """Nor does the run, which goes on."""
    run = place.start(*arguments)
    os.kill(place.one(worker), signal.SIGKILL)
    run.wait(LIMIT)
    assert place.left() == []
    assert eventually(lambda: not place.processes(), 10), place.processes()


@reads_processes
def test_a_run_that_lives_is_not_swept(place: Place) -> None:
    """Another that begins and ends meanwhile leaves its files alone."""
    living = place.start(*LONG)
    assert place.one("spawn_main")
    (folder,) = place.temporary.iterdir()
    place.run(*SHORT)
    assert [path.name for path in place.temporary.iterdir()] == [folder.name]
    living.terminate()
    assert (living.wait(LIMIT), place.left()) == (1, [])
    assert eventually(lambda: not place.processes(), 10), place.processes()


# A worker that still starts when its parent ends, and then runs code that no thread interrupts.
ORPHAN = """
import multiprocessing, os, re, sys, time
from conformance.system.lifetime import exit_with_parent

def work(parent):
    while os.getppid() == parent:
        time.sleep(0.01)
    exit_with_parent()
    re.match("(a+)+$", "a" * 60 + "b")

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=work, args=(os.getpid(),)).start()
    time.sleep(0.2)
    os._exit(0)
"""


@reads_processes
def test_a_worker_whose_parent_ended_while_it_started_ends(place: Place) -> None:
    """No signal comes then, and no other thread of it would ever run."""
    (place.work / "orphan.py").write_text(ORPHAN)
    place.start(module="orphan").wait(LIMIT)
    assert eventually(lambda: not place.processes(), 10), place.processes()


# --- the parts


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process's temporary folder, empty."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_temporary_files_lie_in_the_folder_while_it_is_there(temporary: Path) -> None:
    """Python's and those of processes; afterwards all is as before."""
    before = dict(os.environ)
    with scratch_folder() as folder:
        assert folder.parent == temporary
        assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(folder)
        with scratch_folder() as inner:
            assert inner == folder
        assert folder.is_dir()
    assert (list(temporary.iterdir()), tempfile.gettempdir(), dict(os.environ)) == ([], str(temporary), before)


def test_what_is_no_folder_of_a_run_stays(temporary: Path) -> None:
    """Whatever it is called: it has no lock."""
    (temporary / f"{PREFIX}notes").mkdir()
    with scratch_folder():
        pass
    assert [path.name for path in temporary.iterdir()] == [f"{PREFIX}notes"]


@pytest.mark.parametrize(("settings", "elsewhere"), [(True, False), (False, True)])
def test_settings_of_keras_that_a_user_has_are_read(
    settings: bool, elsewhere: bool, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras writes them where there are none, which is then not at home."""
    monkeypatch.setenv("HOME", str(temporary / "home"))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    (temporary / "home" / ".keras").mkdir(parents=True)
    if settings:
        (temporary / "home" / ".keras" / "keras.json").write_text("{}")
    with scratch_folder() as folder:
        assert (os.environ.get("KERAS_HOME") == str(folder / "keras_home")) is elsewhere
    assert "KERAS_HOME" not in os.environ


def test_what_is_told_to_be_ignored_is_ignored() -> None:
    """As nohup tells it: a terminal that is closed does not end the run then."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with sigterm_as_keyboard_interrupt():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("alive", "left"), [(False, ["page.html"]), (True, [".page.html.{}.unfinished", "page.html"])])
def test_a_file_that_a_killed_process_had_begun_goes_when_it_is_written(alive: bool, left: list[str], tmp_path: Path) -> None:
    """One of a process that lives is being written."""
    ended = subprocess.Popen([sys.executable, "-c", ""])  # our own interpreter
    ended.wait()
    writing = os.getppid() if alive else ended.pid
    (tmp_path / f".page.html.{writing}.unfinished").touch()
    write_text("all of it", tmp_path / "page.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == [name.format(writing) for name in left]


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    """255 bytes on most: the name of the unfinished file is no longer."""
    path = tmp_path / ("x" * 250 + ".html")
    write_text("all of it", path)
    assert path.read_text() == "all of it"
