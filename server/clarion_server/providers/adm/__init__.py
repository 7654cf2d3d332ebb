"""Amazon Device Messaging: what is stored and checked. This build cannot send to it."""
