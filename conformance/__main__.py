"""`python -m conformance` is `lstm-conformance`."""

from conformance.cli import main

if __name__ == "__main__":
    main()
