"""The SQL files that make the database, in order; see `store/migrate.py`."""
