"""Keys on their way to a cloud: reading the cloud's public key, wrapping to it, reading transfer files back.

One file a destination (`azure.py`), one table that registers them (`destinations.py`). Everything here is pure: values
in, values out; no files, no network, no clock, no database.
"""
