"""Firebase Cloud Messaging, HTTP v1. Facts about it, with what each field becomes, are in docs/providers.md."""
