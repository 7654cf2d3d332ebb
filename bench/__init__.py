"""What the send path costs, measured: see README.md beside this file. `python -m bench --help` says how to run it."""
