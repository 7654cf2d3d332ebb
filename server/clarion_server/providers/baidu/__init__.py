"""Baidu Cloud Push: what is stored and checked. This build cannot send to it."""
