"""Identity management: users, groups, roles, their policies and access keys, and what they amount to for a call."""
