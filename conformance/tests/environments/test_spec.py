"""Environments as they are written, and the recipes that they lead to."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from conformance.adapters.worker.questions import SYSTEMS
from conformance.environments.recipes import Lane, recipes
from conformance.environments.spec import BACKENDS, CELLS, VERSIONED, EnvironmentSpecError, Spec, parse
from lstm_ref.deviations import combine
from lstm_ref.layouts import LAYOUTS

LANES = recipes().lanes


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("keras==3.15.1 --backend jax", Spec(system="keras", version="3.15.1", backend="jax")),
        ("keras==2.2.4", Spec(system="keras", version="2.2.4")),
        ("tf-keras==2.21.0", Spec(system="tf-keras", version="2.21.0")),
        ("tensorflow==2.15.1", Spec(system="tensorflow", version="2.15.1")),
        ("block-lstm-v2", Spec(system="block-lstm-v2")),
        ("installed --backend torch", Spec(system="installed", backend="torch")),
        ("/opt/my python/bin/python", Spec(system="interpreter", interpreter=Path("/opt/my python/bin/python"))),
    ],
)
def test_a_text_is_the_environment_and_the_environment_is_the_text(text: str, spec: Spec) -> None:
    """What is read is written back as it was."""
    assert (parse(text), str(spec)) == (spec, text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  keras == 3.15.1   --backend=jax ", "keras==3.15.1 --backend jax"),
        ("./venv/bin/python --backend numpy", f"{Path.cwd() / 'venv/bin/python'} --backend numpy"),
        ("~/venv/bin/python", f"{Path.home() / 'venv/bin/python'}"),
        ("/opt/my python /", "/opt/my python"),
    ],
)
def test_there_is_one_way_to_write_it_back(text: str, canonical: str) -> None:
    """Spaces, `=` and relative paths are read too."""
    assert str(parse(text)) == canonical == str(parse(canonical))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "An empty text names no environment. An environment is written as keras==3.15.1, "),
        ("keras", "keras needs a version, as in keras==3.15.1"),
        ("keras==", "keras needs a version"),
        ("keras>=3.1", "asks for no single version: write keras==3.1"),
        ("keras 3.1", "asks for no single version: write keras==3.1"),
        ("keras==latest", "latest is no version of keras; expected something like 3.15.1"),
        ("kears==3.15.1", "kears is no system; did you mean keras?"),
        ("basic_lstm_cell", "did you mean basic-lstm-cell?"),
        ("block-lstm==2", "block-lstm takes no version, got 2"),
        ("interpreter", "Write its path"),
        ("keras==3.1 --backend jaxx", "jaxx is no backend; did you mean jax?"),
        ("keras==3.1 --backend", "`--backend NAME` is the only option"),
        ("keras==3.1 --device cpu", "`--backend NAME` is the only option"),
    ],
)
def test_a_text_that_names_no_environment_says_what_would(text: str, said: str) -> None:
    """What was read, what is expected, and the name that was perhaps meant."""
    with pytest.raises(EnvironmentSpecError) as refused:
        parse(text)
    assert said in str(refused.value)


@pytest.mark.parametrize("fields", [{"system": "interpreter"}, {"system": "installed", "interpreter": Path("python")}])
def test_the_system_interpreter_alone_has_an_interpreter(fields: dict[str, object]) -> None:
    """A Spec is validated when it is made."""
    with pytest.raises(EnvironmentSpecError, match="has an interpreter, no other has"):
        Spec(**fields)  # type: ignore[arg-type]  # of a dict


def test_a_spec_is_a_value() -> None:
    """It does not change once it is made."""
    with pytest.raises(FrozenInstanceError):
        parse("installed").backend = "jax"  # type: ignore[misc]  # that is what is tried


def _asked(lane: Lane, backend: str = "") -> Spec:
    """An environment of the lane: of the lowest version that it is for."""
    lowest = [clause.version for clause in lane.versions if clause.operator in (">=", "==")]
    return Spec(system=lane.system, version="".join(lowest), backend=backend)


each_lane = pytest.mark.parametrize("lane", LANES, ids=[f"{lane.system}{lane.versions} {'/'.join(lane.bases)}" for lane in LANES])


@each_lane
def test_a_lane_leads_to_requirements_that_can_be_read(lane: Lane) -> None:
    """On each of its backends, to Pythons, requirements and imports, with the version filled in."""
    applied = [recipes().apply(_asked(lane, backend)) for backend in lane.bases]
    requirements = [Requirement(one) for base, filled in applied for one in (*base.requirements, *filled.overlay)]
    assert all(base.python and base.imports and base.requirements for base, _ in applied)
    assert all(f"{one.name}=={_asked(lane).version}" in map(str, requirements) for one in map(Requirement, _of_version(lane)))


def _of_version(lane: Lane) -> list[str]:
    return [one.format(version="0") for one in (*lane.overlay, *lane.requirements) if "{version}" in one]


@each_lane
def test_a_lane_is_of_a_system_with_backends_and_deviations_that_there_are(lane: Lane) -> None:
    """A misspelt name would lead nowhere."""
    assert lane.system in (*VERSIONED, *CELLS)
    assert set(lane.bases) <= set(BACKENDS)
    assert combine(lane.deviations).name == "+".join(lane.deviations)
    assert lane.runs in SYSTEMS


@pytest.mark.parametrize("lane", [lane for lane in LANES if lane.system in CELLS], ids=lambda lane: lane.system)
def test_a_cell_is_described_as_its_layout_is(lane: Lane) -> None:
    """What its lane says of it is what was settled by running it."""
    assert "+".join(lane.deviations) == LAYOUTS[lane.system].description().name


def test_every_system_has_a_lane() -> None:
    """And its versions are those of the lanes."""
    assert {lane.system for lane in LANES} == {*VERSIONED, *CELLS}


@pytest.mark.parametrize(
    ("text", "base", "variables"),
    [
        ("keras==3.15.1", "tensorflow==2.21.0", {"KERAS_BACKEND": "tensorflow"}),
        ("keras==3.13.0 --backend openvino", "jax==0.10.2", {"KERAS_BACKEND": "openvino"}),
        ("keras==2.14.0", "tensorflow==2.15.1", {}),
        ("keras==2.2.4", "tensorflow==1.15.0", {"KERAS_BACKEND": "tensorflow"}),
        ("keras==1.2.2", "theano==1.0.5", {"KERAS_BACKEND": "theano", "THEANO_FLAGS": "cxx=,optimizer=None"}),
        ("tf-keras==2.16.0", "tensorflow==2.21.0", {"TF_USE_LEGACY_KERAS": "1"}),
        ("tensorflow==2.3.4", "tensorflow==2.3.4", {}),
    ],
)
def test_what_an_environment_is_made_of(text: str, base: str, variables: dict[str, str]) -> None:
    """The framework under it, the default backend among others, and the variables of its processes."""
    made_of, lane = recipes().apply(parse(text))
    assert (made_of.requirements[0], lane.variables) == (base, variables)


def test_keras_3_0_needs_another_package() -> None:
    """Which comes with it, since an overlay is installed without dependencies."""
    _, lane = recipes().apply(parse("keras==3.0.5 --backend numpy"))
    assert lane.overlay == ("keras==3.0.5", "dm-tree==0.1.10")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keras==2.2.4 --backend jax", "only for keras<2.3,>=2.0 on tensorflow; keras<2.3,>=1.0.8 on theano"),
        ("keras==3.5.0 --backend openvino", "only for keras<4,>=3.1 on tensorflow, jax, torch, numpy"),
        ("tensorflow==2.21.0", "tensorflow<2.16,>=2.15 on tensorflow; "),
        ("lstm-cell --backend jax", "there is no recipe for lstm-cell --backend jax, only for lstm-cell on tensorflow"),
    ],
)
def test_without_a_recipe_those_that_there_are_are_named(text: str, said: str) -> None:
    """Of the system, and of the version where it has some."""
    with pytest.raises(EnvironmentSpecError) as refused:
        recipes().apply(parse(text))
    assert said in str(refused.value)


def test_home_of_a_user_who_is_not_here_is_refused() -> None:
    """In a sentence, as any other text that names no environment."""
    with pytest.raises(EnvironmentSpecError, match="names the home of a user who is not here"):
        parse("~nobody-of-that-name/bin/python")
