"""The state in the page's address: what a link says is what the page shows. Its script is run by Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict
from functools import cache
from typing import Any

import pytest

from conformance.report.html.templating import source
from conformance.walkthrough.example import DEFAULTS, LARGEST, Example
from conformance.walkthrough.stops import STOPS

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js runs the page's script: there is no program named node on PATH")

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


@cache
def parsed() -> dict[str, Any]:
    """The state that each address means, and the address that means that state, from one run of Node.js."""
    addresses = [*STRANGE, *(stop.address("") for stop in STOPS.values())]
    settings = {"defaults": dict(DEFAULTS), "largest": dict(LARGEST)}
    script = f"""
        const settings = {json.dumps(settings)};
        const read = (address) => states.parse(new URLSearchParams(address.split("?").at(-1)), settings);
        const again = (address) => read(states.format(read(address), settings));
        const answers = {json.dumps(addresses)}.map((address) => [address, [read(address), again(address)]]);
        console.log(JSON.stringify(Object.fromEntries(answers)));
    """
    code = "\n".join([source("explain_equations.js"), source("explain_state.js"), script])
    ran = subprocess.run([str(NODE), "-"], input=code, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603  # our own script
    answers: dict[str, Any] = json.loads(ran.stdout)
    return answers


@pytest.mark.parametrize("address", STRANGE)
def test_an_address_means_a_state_whatever_it_says(address: str) -> None:
    """What is no value is the default's, what is too much the most that there is."""
    assert parsed()[address][0] == asdict(Example()) | VIEW | STRANGE[address]


@pytest.mark.parametrize("claim_id", STOPS)
def test_a_link_to_a_claim_means_its_example_and_view(claim_id: str) -> None:
    """All of it, as Python wrote it."""
    stop = STOPS[claim_id]
    assert parsed()[stop.address("")][0] == asdict(stop.example) | VIEW | dict(stop.view)


@pytest.mark.parametrize("address", [*STRANGE, *(stop.address("") for stop in STOPS.values())])
def test_the_address_of_a_state_means_that_state(address: str) -> None:
    """So that a link which is copied shows what its sender saw."""
    state, again = parsed()[address]
    assert again == state
