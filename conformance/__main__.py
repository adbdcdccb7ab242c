"""`python -m` with this package's name is `lstm-conformance`."""

from conformance.cli import main

if __name__ == "__main__":
    main()
