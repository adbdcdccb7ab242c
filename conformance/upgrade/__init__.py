"""What changes from one version to another, judged against the reference: an improvement, a regression or a convention.

It may import `explaining`, `running` and the rooms below them; `model_file` does not import it.
"""
