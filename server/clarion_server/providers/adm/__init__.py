"""Amazon Device Messaging."""
