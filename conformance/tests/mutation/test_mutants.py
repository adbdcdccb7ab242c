"""Mutants of the installed Keras: each compiles, differs from the file, and says what it changes; the list fits this version."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from conformance.adapters.keras.backends import BACKENDS
from conformance.mutation.mutants import edited, in_situations, listed, load_mistakes, mutated, reporting
from conformance.mutation.sources import Source, recurrent_sources
from conformance.mutation.study import Sample
from lstm_ref import LSTMError

RANDOM = Random(0)  # noqa: S311  # a sample
SOURCES = recurrent_sources("tensorflow")
CELL = Source(
    name="cell",
    text="""
class Cell:
    def call(self, inputs, states, training=False):
        if training:
            inputs = inputs * self.mask
        if states is None:
            raise ValueError(inputs + 1)
        return inputs + states, self.stateful

def gru(x):
    return x + 1
""",
)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_mutants_compile_and_differ(source: Source) -> None:
    """A sample of each file; the unchanged file is what it was."""
    for mutant in edited(source)[:: max(1, len(edited(source)) // 12)]:
        text = mutated(source, mutant).text
        compile(text, mutant.id, "exec")
        assert text != ast.unparse(ast.parse(source.text))
    assert mutated(source, edited(source)[0]) == mutated(source, edited(source)[0])


def test_ids_are_unique() -> None:
    """Over all files and kinds."""
    mutants = [mutant for source in SOURCES for mutant in (*edited(source), *in_situations(source, edited(source), RANDOM))]
    ids = [mutant.id for mutant in (*mutants, *listed(SOURCES, "tensorflow", load_mistakes()))]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("backend", BACKENDS)
def test_listed_mistakes_fit_the_installed_keras(backend: str) -> None:
    """Each occurs once in a file of some backend, and compiles."""
    sources = recurrent_sources(backend)
    by_name = {source.name: source for source in sources}
    for mutant in listed(sources, backend, load_mistakes()):
        compile(mutated(by_name[mutant.source], mutant).text, mutant.id, "exec")


def test_no_listed_mistake_is_without_a_backend() -> None:
    """One that fits none would be counted nowhere."""
    fitting = {mutant.operator for backend in BACKENDS for mutant in listed(recurrent_sources(backend), backend, load_mistakes())}
    assert [mistake.id for mistake in load_mistakes() if mistake.id not in fitting] == []


def test_a_mistake_that_does_not_fit_says_so() -> None:
    """Another version of Keras has other lines."""
    (mutant, *_) = listed(SOURCES, "tensorflow", load_mistakes())
    with pytest.raises(LSTMError, match=f"{mutant.operator}: expected its old text once in cell, found it 0 times"):
        mutated(CELL, mutant)


def test_another_list_takes_the_place_of_the_projects(tmp_path: Path) -> None:
    """Somebody else's mistakes measure a level independently."""
    file = tmp_path / "other.toml"
    file.write_text(
        '[[mistake]]\nid = "no-masking"\nfile = "layers.core.masking"\nold = "axis=-1, keepdims"\nnew = "axis=0, keepdims"\n'
    )
    sample = Sample(most=0, mistakes=file)
    (mutant,) = sample.draw("numpy", recurrent_sources("numpy"), set())
    assert (mutant.source, mutant.operator) == ("layers.core.masking", "no-masking")
    (masking,) = (source for source in SOURCES if source.name == mutant.source)
    assert "axis=0, keepdims" in mutated(masking, mutant).text


@pytest.mark.parametrize("text", ["[[mistake]]\nid = 'a'\n", "[[mutant]]\n", "=", None])
def test_a_file_that_is_no_list_says_so(text: str | None, tmp_path: Path) -> None:
    """A field too few, another table, no TOML, no file."""
    file = tmp_path / "list.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(LSTMError, match=r"list.toml is no list of mistakes; expected \[\[mistake\]\] with id, file, old and new"):
        load_mistakes(file)


def test_error_messages_and_other_layers_are_left_alone() -> None:
    """What is raised is words, and a GRU is no LSTM."""
    mutants = edited(CELL)
    assert {mutant.function for mutant in mutants} == {"Cell.call"}
    assert [mutant for mutant in mutants if mutant.before == "inputs + 1"] == []


def test_situations_are_what_the_function_can_read() -> None:
    """Sizes of its inputs, and its arguments; elsewhere the value is as it was."""
    (mutant,) = (mutant for mutant in edited(CELL) if mutant.after == "inputs - states")
    drawn = [each for _ in range(40) for each in in_situations(CELL, [mutant], RANDOM)]
    assert {"training", "self.stateful", "(inputs.shape[0] or 0) > 16"} <= {each.situation for each in drawn}
    (alone, *_) = (each for each in drawn if each.situation == "training")
    assert "return (inputs - states if training else inputs + states, self.stateful)" in mutated(CELL, alone).text


def test_reporting_tells_every_statement() -> None:
    """By its line in the installed file, before it runs."""
    told: list[tuple[str, int]] = []
    names: dict[str, Any] = {"_report": lambda name, line: told.append((name, line))}
    exec(reporting(CELL, "_report").text, names)  # noqa: S102  # code of this test
    names["gru"](1)
    assert told == [("cell", 11)]


def test_an_overlay_serves_one_process() -> None:
    """The changed module is imported from another file; the installed one stays; an imported one cannot be changed any more."""
    code = """
import sys
from conformance.mutation.sources import Source, imported_from, recurrent_sources
source = next(source for source in recurrent_sources("tensorflow") if source.name.endswith("stacked_rnn_cells"))
with imported_from(Source(name="utils.naming", text="changed = True")):
    spec = sys.meta_path[0].find_spec("keras.src.utils.naming", None)
    print(spec.name, "site-packages" in spec.origin, open(spec.origin).read())
sys.modules["keras.src.utils.naming"] = sys
try:
    with imported_from(Source(name="utils.naming", text="")):
        pass
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # code of this test
    assert done.stdout.splitlines() == [
        "keras.src.utils.naming False changed = True",
        "keras.src.utils.naming is imported already; a changed one needs a process that has not imported Keras",
    ]
