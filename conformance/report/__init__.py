"""Verdicts, for people and for machines; no array comes this far."""
