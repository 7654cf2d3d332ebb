"""What the commands of `clarion-server` do. `cli.py` declares them, and imports each when it is run."""
