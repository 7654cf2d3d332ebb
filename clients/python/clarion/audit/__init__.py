"""Versions of the package clarion.audit."""
