"""Migrations of the store, run by `keyferry.store.migrating`.

Code runs before and after each: columns come as NULL first.
"""
