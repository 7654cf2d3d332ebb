"""What several tests share: fakes, servers, makers of keys and messages."""
