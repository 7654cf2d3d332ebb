"""Messages and services of the package clarion.v1, generated from protos/ by `make proto`."""
