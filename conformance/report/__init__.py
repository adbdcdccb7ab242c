"""Reports of verdicts for people and for machines: text, tables, JSON, JUnit, Markdown and HTML pages.

It may import `matrix`, `known`, `judging`, `cases` and `system`. It never reads an array.
"""
