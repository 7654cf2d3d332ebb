"""The Apple Push Notification service. docs/providers.md says which facts the code rests on."""
