"""What holds for every test of the project."""

import os

# Read when NumPy is first imported by a process: the tests' processes are the parallelism.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
