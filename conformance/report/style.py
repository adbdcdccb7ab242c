"""The style of each verdict in a terminal, and a symbol that identifies it without colour."""

from conformance.judging.verdict import Verdict

STYLE = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.ERROR: "bold magenta",
    Verdict.UNRESOLVED: "bold yellow",
    Verdict.UNSUPPORTED: "yellow",
    Verdict.KNOWN_DIFFERENCE: "yellow",
    Verdict.FIXED: "bold cyan",
}

SYMBOL = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.ERROR: "!",
    Verdict.UNRESOLVED: "?",
    Verdict.UNSUPPORTED: "–",
    Verdict.KNOWN_DIFFERENCE: "≈",
    Verdict.FIXED: "★",
}
