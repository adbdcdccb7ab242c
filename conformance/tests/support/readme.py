"""Console blocks of the README and the documentation: what they run and promise, and whether an output keeps the promise.

`python -m conformance.tests.support.readme COMMAND FILE` compares the output kept in FILE with the blocks whose command
ends in COMMAND; `python -m conformance.tests.support.readme surface FILE` a report with its backend's row of the
surface table; `workflow FILE` writes the workflow that the documentation shows, as whoever copies it fills it in.
"""

from __future__ import annotations

import collections
import doctest
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.judging.verdict import Verdict
from conformance.known.known_differences import Kind, known_differences

README = Path(__file__).parents[3] / "README.md"
DOCS = README.parent / "conformance" / "docs"
PAGES = (README, *sorted(DOCS.rglob("*.md")))

# The continuous integration script runs these, which take their time.
LONG = re.compile(r"lstm-conformance verify$|pytest$|lstm-conformance sensitivity$|lstm-conformance upgrade ")

# What differs from machine to machine or from run to run, and stands for nothing that the README promises.
_VARYING = {
    r"\bin [\d,.]+ ?s\b": "in # s",  # durations
    r"\b[\d.]+ s$": "# s",
    r"\b[\d.]+ cases a second on \d+ workers?": "# cases a second on # workers",
    r" \(\d+:\d\d:\d\d\)": "",
    r"^=+ | =+$": "",  # pytest's rules fill the terminal
    r"[\d.]+(e[+-]\d+)? ?σ": "#σ",  # rounding depends on the processor's summation order
    r"[\d.]+ ulp": "# ulp",
    r"[+-]?\d\.\d\d ± \d\.\d\d": "# ± #",
    r"\b[1-9]\d?%": "#%",  # more than none and less than all
    r"(\d\.\d{6})\d+": r"\1",  # so do the last digits of float32
    r"(numpy|python|tensorflow|keras) \d+(\.\d+)+": r"\1 #",
}


@dataclass(frozen=True)
class Block:
    """A command and the output that the README shows for it; `...` stands for anything."""

    command: str
    output: str

    def complaint(self, output: str) -> str:
        """How an output differs from the block, or nothing."""
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        wanted, got = (_without_varying(text) for text in (self.output, output))
        checker = doctest.OutputChecker()
        if checker.check_output(wanted, got, flags):
            return ""
        return f"$ {self.command}\n" + checker.output_difference(doctest.Example("", wanted), got, flags)


def blocks(*pages: Path) -> list[Block]:
    """Every console block that shows a command and its output, in order; of the README and all pages if none are given."""
    texts = [page.read_text(encoding="utf-8") for page in pages or PAGES]
    fenced = [
        found for text in texts for found in re.findall(r"^```console\n\$ ([^\n]*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]
    return [Block(command, output) for command, output in fenced if output and not output.startswith("$ ")]


@dataclass(frozen=True)
class ClaimRow:
    """A row of the documentation's table of settled statements."""

    verdict: str
    evidence: str
    claim: str

    def agrees_with(self, printed: str) -> bool:
        """Whether the claim, as printed, has this verdict and every number of this evidence."""
        numbers = set(re.findall(r"\d+(?:\.\d+)?", printed))
        return printed.startswith(self.verdict.upper()) and set(re.findall(r"\d+(?:\.\d+)?", self.evidence)) <= numbers


def claim_rows() -> list[ClaimRow]:
    """Every such row, in order."""
    rows = re.findall(
        r"^\| .* \| (.*) \| (.*) \| `([\w-]+)` \|$", (DOCS / "use" / "claims.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    return [ClaimRow(*row) for row in rows]


def _without_varying(text: str) -> str:
    for pattern, stand_in in _VARYING.items():
        text = re.sub(pattern, stand_in, text, flags=re.MULTILINE)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip()) + "\n"


def surface_row(backend: str) -> list[str]:
    """The cells of a backend's row in the table of the surface, without the commas of thousands; the worst error, last, varies."""
    (row,) = re.findall(
        rf"^\| {backend} \| (.*) \| [\d.]+ σ \|$", (DOCS / "use" / "verify.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    return [cell.strip().replace(",", "") for cell in row.split("|")]


def surface_counts(report: Mapping[str, Any]) -> list[str]:
    """What that row must hold of a report: cases, passed, known differences by kind, not there, unexplained."""
    kinds = {entry.id: entry.kind for entry in known_differences()}
    results = report["results"]
    known = collections.Counter(kinds[one["known"]] for one in results if one["known"])
    verdicts = collections.Counter(one["verdict"] for one in results)
    unexplained = sum(count for verdict, count in verdicts.items() if not Verdict(verdict).is_expected)
    counts = [len(results), verdicts["PASS"], *(known[kind] for kind in Kind), verdicts["UNSUPPORTED"], unexplained]
    return [str(count) for count in counts]


def compare_surface(file: str) -> int:
    """0 where the report in the file counts what the documentation's table says of its backend."""
    report = json.loads(Path(file).read_text(encoding="utf-8"))
    said, counted = surface_row(report["environment"]["backend"]), surface_counts(report)
    if said != counted:
        sys.stderr.write(f"the documentation says {said}, the run counted {counted}\n")
    return 0 if said == counted else 1


def workflow() -> str:
    """The workflow that the documentation shows, an owner and a commit named."""
    shown: list[str] = re.findall(
        r"^```yaml\n(.*?)^```", (DOCS / "use" / "upgrade.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return shown[0].replace("OWNER/", "owner/").replace("@COMMIT", f"@{'0' * 40}")


def main(command: str, file: str) -> int:
    """0 where the output in the file is what the README and the documentation show for the command."""
    if command == "workflow":
        Path(file).write_text(workflow(), encoding="utf-8")
        return 0
    if command == "surface":
        return compare_surface(file)
    shown = [block for block in blocks() if block.command.endswith(command)]
    # What the installer says comes first, and is no promise of ours.
    printed = "installed\n" + Path(file).read_text(encoding="utf-8")
    complaint = "".join(Block(block.command, "...\n" + block.output).complaint(printed) for block in shown)
    sys.stderr.write(complaint if shown else f"no page shows {command!r}\n")
    return 1 if complaint or not shown else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
