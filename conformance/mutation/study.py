"""A study: which mutants of Keras a list of cases and probes rejects, and what rejects each."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from conformance.matrix import CaseOrProbe
from conformance.mutation.measure import ENOUGH, Baseline, Rejections, observe_baseline, preload, reject
from conformance.mutation.mutants import MISTAKES, Mutant, edited, in_situations, listed, load_mistakes
from conformance.mutation.sources import Source, recurrent_sources

# Cases that take more seconds run last.
EXPENSIVE = 0.1


@dataclass(frozen=True, kw_only=True)
class Row:
    """The result of a mutant, as a study stores it. See `Mutant` and `Rejections`."""

    id: str
    function: str
    before: str
    after: str
    asked: int
    rejected_by: list[str]
    ended: str

    @property
    def kind(self) -> str:
        """A kind of mutants, in the plural."""
        return "listed mistakes" if not self.function else "edits in a situation" if self.id.count(":") > 2 else "edits"

    @classmethod
    def of(cls, rejections: Rejections) -> Row:
        """Return the row of a mutant's rejections."""
        mutant = rejections.mutant
        texts = {"id": mutant.id, "function": mutant.function, "before": mutant.before, "after": mutant.after}
        return cls(**texts, asked=rejections.asked, rejected_by=list(rejections.rejected_by), ended=rejections.ended)


@dataclass(frozen=True, kw_only=True)
class Study:
    """The results of all mutants.

    Attributes:
        backend, keras: what was mutated.
        level: of the cases and probes.
        seed: of the draws.
        seconds: id of a case or probe → seconds that it took on the unchanged Keras.
        rows: the mutants' results.
    """

    backend: str
    keras: str
    level: str
    seed: int
    seconds: Mapping[str, float]
    rows: Sequence[Row]

    @property
    def survivors(self) -> list[Row]:
        """The mutants that nothing rejected."""
        return [row for row in self.rows if not row.rejected_by]

    def write(self, file: Path) -> None:
        """Write the study as JSON."""
        file.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")


def read_study(file: Path) -> Study:
    """Return a study that was written."""
    fields = json.loads(file.read_text("utf-8"))
    return Study(**{**fields, "rows": [Row(**row) for row in fields["rows"]]})


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Which mutants run.

    Attributes:
        most: number of drawn edits; half as many in situations, and the listed mistakes, are added.
        share: of all these, the part that runs.
        seed: of the draws.
        mistakes: the list of mistakes.
    """

    most: int = 400
    share: float = 1.0
    seed: int = 0
    mistakes: Path = MISTAKES

    def draw(self, backend: str, sources: Sequence[Source], executed: set[tuple[str, int]]) -> list[Mutant]:
        """Return mutants of statements that are executed: the listed mistakes, edits, and edits in situations."""
        random = Random(self.seed)  # noqa: S311  # a sample
        by_source = {source: [mutant for mutant in edited(source) if (source.name, mutant.line) in executed] for source in sources}
        plain = [mutant for mutants in by_source.values() for mutant in mutants]
        situated = [mutant for source, mutants in by_source.items() for mutant in in_situations(source, mutants, random)]
        drawn = listed(sources, backend, load_mistakes(self.mistakes))
        for mutants, most in ((plain, self.most), (situated, self.most // 2)):
            drawn += sorted(random.sample(mutants, min(most, len(mutants))), key=lambda mutant: mutant.id)
        if self.share == 1:
            return drawn
        return Random(self.seed).sample(drawn, round(self.share * len(drawn)))  # noqa: S311  # a sample of its own: it depends on nothing else


def study(
    backend: str,
    level: str,
    planned: Sequence[CaseOrProbe],
    sample: Sample,
    *,
    workers: int = 2,
    enough: int = ENOUGH,
    finished: Mapping[str, Row] | None = None,
) -> Iterator[Baseline | Row | Study]:
    """Run mutants; yield the baseline, each mutant's row when it ends, and the study.

    Args:
        backend: of Keras.
        level: for the study.
        planned: its cases and probes, in the order in which they run.
        sample: of the mutants.
        workers: number of mutants that run at once.
        enough: rejections that end a mutant's run.
        finished: rows of an interrupted study, which are not run again.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sources = {source.name: source for source in recurrent_sources(backend)}
    preload(backend)
    baseline = observe_baseline(backend, planned, list(sources.values()))
    yield baseline
    executed = {place for lines in baseline.lines.values() for place in lines}
    mutants = sample.draw(backend, list(sources.values()), executed)
    usable = [item for item in planned if baseline.results[item.id].is_expected]
    usable.sort(key=lambda item: baseline.seconds[item.id] > EXPENSIVE)
    rows = dict(finished or {})
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork")) as pool:
        futures = [
            pool.submit(_reject, backend, sources[mutant.source], mutant, _concerned(mutant, usable, baseline), enough)
            for mutant in mutants
            if mutant.id not in rows
        ]
        for future in as_completed(futures):
            row = Row.of(future.result())
            rows[row.id] = row
            yield row
    yield Study(
        backend=backend,
        keras=baseline.environment["keras"],
        level=level,
        seed=sample.seed,
        seconds={name: round(seconds, 4) for name, seconds in baseline.seconds.items()},
        rows=[rows[mutant.id] for mutant in mutants],
    )


def _concerned(mutant: Mutant, usable: Sequence[CaseOrProbe], baseline: Baseline) -> list[CaseOrProbe]:
    """The cases and probes that execute what is changed."""
    places = {(mutant.source, line) for line in range(mutant.lines[0], mutant.lines[1] + 1)}
    return [item for item in usable if places & baseline.lines[item.id]]


def _reject(backend: str, source: Source, mutant: Mutant, planned: Sequence[CaseOrProbe], enough: int) -> Rejections:
    with Path(os.devnull).open("w") as nowhere:  # a mutant may warn at every timestep
        os.dup2(nowhere.fileno(), 2)
    return reject(backend, source, mutant, planned, enough=enough)
