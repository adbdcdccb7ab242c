"""How verdicts look in a terminal."""

from conformance.verdict import Verdict

STYLE = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.ERROR: "bold magenta",
    Verdict.UNSUPPORTED: "yellow",
    Verdict.KNOWN_DIFFERENCE: "yellow",
    Verdict.FIXED: "bold cyan",
}
