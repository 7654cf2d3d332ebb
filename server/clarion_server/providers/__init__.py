"""The push providers: one folder each, all of one shape (`contract.py` says which)."""
