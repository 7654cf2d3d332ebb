"""Baidu Cloud Push, REST 3.0, for Android devices."""
