"""What changes from one version to another, judged against the reference: an improvement, a regression or a convention.

It imports `explaining`, `running` and what is below; `model_file` does not know it.
"""
