"""Messages and services of the package clarion.audit.v1, generated from protos/ by `make proto`."""
