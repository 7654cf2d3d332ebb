"""Messages and services of the package clarion.iam.v1, generated from protos/ by `make proto`."""
