"""Migrations of the answers: `database.upgrade` runs them; a new one is a module in `versions`."""
