"""The tests: unit (no sockets), contract (every adapter of a seam), integration (real servers)."""
