"""Who may do what: identities, policies, decisions, audit records."""
