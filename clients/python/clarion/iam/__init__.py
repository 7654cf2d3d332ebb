"""Identity management: users, groups, roles, policies and access keys; `clarion.Client.iam`."""
