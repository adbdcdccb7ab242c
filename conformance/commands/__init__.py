"""Commands of the command line, a file for each family of them: arguments in, exit code out.

It may import every other room; it holds no logic of its own.
"""
