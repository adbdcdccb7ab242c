"""How fast LSTMs are, beside each other and beside the floor: the bare matrix products that any of them has to make.

    uv run --group bench pytest benchmarks --benchmark-json=results.json

times every peer that is installed on the same weights and inputs, in one run; `--threads 2` gives each peer two threads instead of
one, `--quick` times a few small workloads, `-k "text and not eager"` some of them. Nothing here is asserted of time.

A peer computes a workload once before it is timed, and is timed only if it gives what the oracle gives, within its derived σ. Then
all peers take turns, so that what disturbs the machine disturbs all alike; each lives in a process whose threads, CPUs and backend
are fixed when it starts. One of pytest-benchmark's rounds is one turn: the median of the calls made in it.
"""
