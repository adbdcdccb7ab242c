"""The sentences of Keras' docstrings, each a claim with a verdict or listed as one that says nothing that happens.

| file | what it holds |
|---|---|
| sentences.py | splits a docstring into its sentences |
| *.toml | each sentence of the Keras that `KERAS` names: what settles it, or why nothing does |
| catalogue.py | reads these, and compares them with the docstrings of the installed Keras |
| settling.py | settles a sentence by probes, defaults, or an experiment |
| arguments.py, acceleration.py, calls.py, cells.py, bidirectional.py, wrappers.py, examples.py | the experiments |
| layers.py | what they share |
"""

from conformance.claims.docstrings.catalogue import DOCSTRING_CLAIMS, DOCUMENTS, KERAS, DocstringCoverage, coverage

__all__ = ["DOCSTRING_CLAIMS", "DOCUMENTS", "KERAS", "DocstringCoverage", "coverage"]
