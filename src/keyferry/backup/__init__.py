"""Backups: one encrypted file, made while the store serves, verified, and restored on either database.

`header` is what a backup says of itself without a key, `chunks` its encryption, `entries` files and rows as bytes, and
`rows` what is read of a store. `creating` goes from a store to a file, `verifying` over the whole file, `restoring`
from the file to a new home.
"""
