"""The documents' matrix on the installed Keras, one test per case; see the plugin beside this file."""

from conformance.judging.verdict import Result, Verdict


def test_case_is_a_keras_lstm(lstm_result: Result) -> None:
    """Every check accepts the output of the layer."""
    complaints = [f"{check.check}: {check.message}" for check in lstm_result.checks if check.verdict is not Verdict.PASS]
    assert lstm_result.verdict.is_expected, "\n".join([lstm_result.reason, *complaints, *lstm_result.explained_by])
