"""How fast LSTMs are, compared with each other and with the floor: the bare matrix products that every LSTM needs.

It may import `lstm_ref` and every room of `conformance`; nothing imports it.

    uv run --group bench pytest benchmarks --benchmark-json=results.json

times every installed peer on the same weights and inputs, in one run. `--threads 2` gives each peer two threads instead of one,
`--quick` times a few small workloads, `-k "text and not eager"` selects workloads and peers. No test asserts anything about time.

A peer computes a workload once before it is timed. It is timed only if its results equal the oracle's within the derived σ. Then
all peers take turns, so that a disturbance of the machine affects all of them equally. Each runs in a process whose threads, CPUs
and backend are fixed when it starts. One round of pytest-benchmark is one turn: the median of the calls in it.
"""
