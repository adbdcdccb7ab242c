"""Starts the worker by its path, wherever this folder lies: see PROTOCOL.md."""

import importlib
import json
import os
import sys

if __name__ == "__main__":
    FOLDER = os.path.dirname(os.path.abspath(__file__))
    # The folder above is searched for this package alone: what else lies there must not be taken for a module of the framework.
    sys.path[0] = os.path.dirname(FOLDER)
    PACKAGE = importlib.import_module(os.path.basename(FOLDER)).__name__
    del sys.path[0]
    importlib.import_module(PACKAGE + ".loop").main(json.loads(sys.argv[1]))
