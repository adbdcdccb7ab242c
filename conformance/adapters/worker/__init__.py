"""Runs LSTMs of one framework version and answers questions about them, by protocol 1: see PROTOCOL.md.

    python worker/__main__.py '{"system": "keras", "paths": [], "folder": "/where/arrays/lie"}'

Interpreters that have nothing else of this project run it: it may import NumPy, the standard library of Python 3.6, the framework
and, by relative imports, itself. It never sees what is expected.
"""

# The number of the protocol.
PROTOCOL = 1
