"""The pytest frontend: the same results as `lstm-conformance verify`, one test per case.

A test with the fixture `lstm_result` runs once per case of the documents' matrix.
`pytest --pyargs keras_lstm_conformance.test_keras_lstm` runs the suite's own test.

pytest loads this module in every session of an environment in which the suite is installed. So it imports the suite only when a
test needs it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conformance.cases.case import Case
    from conformance.judging.verdict import Result


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options of `verify`, with a prefix."""
    group = parser.getgroup("lstm-conformance", "Keras LSTM conformance")
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    group.addoption("--lstm-backend", default=backend, help="Keras backend to run on (default: KERAS_BACKEND, else tensorflow)")
    group.addoption("--lstm-case", action="append", default=[], metavar="ID", help="only cases with this id or pattern; repeatable")
    group.addoption("--lstm-seed", type=int, default=0, help="seed of weights and inputs (default: 0)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per case of each test with `lstm_result`. pytest-xdist keeps the cases of a family in one process."""
    if "lstm_result" not in metafunc.fixturenames:
        return
    cases = _selected(metafunc.config)
    parameters = [pytest.param(case, id=case.id, marks=pytest.mark.xdist_group(str(case.family))) for case in cases]
    metafunc.parametrize("lstm_result", parameters, indirect=True)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before collection, and register the mark of pytest-xdist, which may not be installed."""
    config.addinivalue_line("markers", "xdist_group(name): tests that pytest-xdist keeps in one process")
    refuse_repetition(config, "--lstm-backend", "--lstm-seed")
    if config.getoption("--lstm-case") or config.getoption("--lstm-seed"):
        _selected(config)


def refuse_repetition(config: pytest.Config, *names: str) -> None:
    """Refuse an option that the command line has twice. pytest would silently use the last. `addopts` do not count.

    Raises:
        pytest.UsageError: an option is given twice.
    """
    given = [str(argument).partition("=")[0] for argument in config.invocation_params.args]
    for name in names:
        if (times := given.count(name)) > 1:
            from conformance.system.error_messages import repeated_option_message

            raise pytest.UsageError(repeated_option_message(name, times))


@pytest.fixture(scope="session")
def lstm_results(pytestconfig: pytest.Config) -> FamilyResults:
    """The results by case. A family runs when a test needs its first case."""
    return FamilyResults(pytestconfig.getoption("--lstm-backend"), _selected(pytestconfig))


@pytest.fixture
def lstm_result(request: pytest.FixtureRequest, lstm_results: FamilyResults) -> Result:
    """The result of one case."""
    return lstm_results.of(request.param)


class FamilyResults:
    """Runs each family that the tests of the session need once, in this process."""

    def __init__(self, backend: str, cases: list[Case]) -> None:
        self._backend = backend
        self._families: dict[Any, list[Case]] = {}
        for case in cases:
            self._families.setdefault(case.family, []).append(case)
        self._adapter: Any = None
        self._environment: Mapping[str, str] = {}
        self._evidence: dict[str, Any] = {}
        self._results: Mapping[str, Result] = {}

    def of(self, case: Case) -> Result:
        """The result of a case. All cases of its family run together."""
        from conformance.adapters.base import AdapterStartError
        from conformance.adapters.keras.layer import KerasLayerAdapter
        from conformance.diagnosis.diagnosticians import diagnostician
        from conformance.known.known_differences import classify
        from conformance.running.explanation import Explainer
        from conformance.running.runner import run
        from conformance.system.lifetime import scratch_folder

        if case.id in self._results:
            return self._results[case.id]
        with scratch_folder():
            if self._adapter is None:
                adapter = KerasLayerAdapter(self._backend)
                try:
                    self._environment = adapter.start()
                except AdapterStartError as error:
                    pytest.fail(str(error), pytrace=False)
                self._adapter, self._diagnose = adapter, diagnostician(self._environment).explain
                self._explainer = Explainer(evidence=self._evidence)
            self._evidence.clear()
            results = run(self._families[case.family], self._adapter, self._diagnose, keep_evidence=self._keep)
            judged = [classify(result, self._environment) for result in results]
            self._results = {result.case_id: result for result in self._explainer.explain(judged, pictures=0)}
        return self._results[case.id]

    def _keep(self, evidence: Any) -> None:
        self._evidence[evidence.case.id] = evidence


def _selected(config: pytest.Config) -> list[Case]:
    try:
        from conformance import matrix
        from lstm_ref import LSTMError
    except Exception as error:  # a package that is broken may raise anything
        hint = "install it anew with: pip install --force-reinstall keras-lstm-conformance"
        raise pytest.UsageError(f"lstm-conformance cannot be loaded ({type(error).__name__}: {error}); {hint}") from error
    try:
        cases = list(matrix.documents_matrix(config.getoption("--lstm-seed")))
        return matrix.select(cases, config.getoption("--lstm-case"))
    except LSTMError as error:
        raise pytest.UsageError(str(error)) from error
