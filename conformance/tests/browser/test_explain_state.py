"""The state in the page's address: what a link says is what the page shows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from playwright.sync_api import Page

from conformance.explaining.walkthrough.example import DEFAULTS, LARGEST, Example
from conformance.explaining.walkthrough.page import PAGE_STATES

VIEW: dict[str, Any] = {"call": 1, "step": 1, "row": 0, "unit": 0, "gate": "i", "source": "x0"}
STRANGE: dict[str, dict[str, Any]] = {
    "": {},
    "units=1000&timesteps=0&batch=-5": {"units": 256, "timesteps": 1, "batch": 1},
    "units=2.5&input_dim=many&timesteps=&batch=1e9": {"batch": 64},
    "units=<b>&given=everything&gate=z&call=9": {"call": 3},
    "step=9&unit=7&row=5": {"step": 4, "unit": 2, "row": 1},
    "source=h9": {},
    "source=h2": {"source": "h2"},
    "source=b": {"source": "b"},
    "source=b&use_bias=0": {"use_bias": False},
    "stateful=true&return_state=1&go_backwards=0&return_sequences=yes": {"stateful": True, "return_state": True},
    "nonsense=1&__proto__=2": {},
}


# The state that an address means, and the one that the address of that state means.
PARSED = """([address, settings]) => {
  const read = (text) => states.parse(new URLSearchParams(text), settings);
  const state = read(address.split("?").at(-1));
  return [state, read(states.format(state, settings))];
}"""


def parsed(page: Page, address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both, by the page's own script."""
    state, again = page.evaluate(PARSED, [address, {"defaults": dict(DEFAULTS), "largest": dict(LARGEST)}])
    return state, again


@pytest.mark.parametrize("address", STRANGE)
def test_an_address_means_a_state_whatever_it_says(address: str, explained: Page) -> None:
    """What is no value is the default's, what is too much the most that there is."""
    assert parsed(explained, address)[0] == asdict(Example()) | VIEW | STRANGE[address]


@pytest.mark.parametrize("claim_id", PAGE_STATES)
def test_a_link_to_a_claim_means_its_example_and_view(claim_id: str, explained: Page) -> None:
    """All of it, as Python wrote it."""
    state = PAGE_STATES[claim_id]
    assert parsed(explained, state.address(""))[0] == asdict(state.example) | VIEW | dict(state.view)


@pytest.mark.parametrize("address", [*STRANGE, *(state.address("") for state in PAGE_STATES.values())])
def test_the_address_of_a_state_means_that_state(address: str, explained: Page) -> None:
    """So that a link which is copied shows what its sender saw."""
    state, again = parsed(explained, address)
    assert again == state
