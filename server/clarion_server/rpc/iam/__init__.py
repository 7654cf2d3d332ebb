"""IamService: converts and checks; `clarion_server.access.iam` and its store do the work."""
