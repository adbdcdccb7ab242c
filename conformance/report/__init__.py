"""Verdicts, for people and for machines: text, tables, JSON, JUnit, Markdown and pages.

It imports `matrix`, `known`, `judging` and `cases` for names and counts; it never sees an array.
"""
