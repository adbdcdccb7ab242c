"""The page of known differences is what the registry says, and each of its scripts is short and stands alone."""

from __future__ import annotations

import pytest

from conformance.explaining.catalogue import PAGE, as_markdown
from conformance.explaining.reproduce import known_reproduction
from conformance.known.known_differences import EARLIER_FILE, KnownDifference, known_differences

KNOWN = known_differences()


def test_the_page_is_up_to_date() -> None:
    """`lstm-conformance differences > conformance/docs/found/differences.md` makes it."""
    assert PAGE.read_text(encoding="utf-8") == as_markdown(KNOWN, known_differences(EARLIER_FILE))


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.id)
def test_every_entry_has_a_short_script(known: KnownDifference) -> None:
    """It compiles, chooses the backend itself, and needs nothing of this suite."""
    script = known_reproduction(known, known.backends[0])
    compile(script, known.id, "exec")
    assert len([line for line in script.splitlines() if line.strip()]) < 30
    assert f'"KERAS_BACKEND", "{known.backends[0]}"' in script
    assert "conformance" not in script.replace("lstm_conformance", "")
