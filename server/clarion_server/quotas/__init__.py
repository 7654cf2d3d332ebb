"""Quotas: how much the account and each app may do. Kept in the database, counted in every process."""
