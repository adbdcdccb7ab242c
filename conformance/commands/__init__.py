"""The commands of the command line. A command parses its arguments, calls the suite, and returns an exit code.

It may import every other room. It has no logic of its own.
"""
