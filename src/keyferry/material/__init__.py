"""Key material as values: no database, no network, no clock."""
