"""Alembic migrations, run by `Database.migrate`; packaged with the server, so that a wheel can migrate too."""
