"""Metrics for operators, in the text format that Prometheus scrapes. Nothing else knows that format.

docs/operations.md lists them. No label ever has a value that callers choose freely, an address, or a secret.
"""
