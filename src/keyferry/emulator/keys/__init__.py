"""The data plane for keys: what `https://VAULT.vault.azure.net/keys` answers, and the strict reading of transfer files.

Whatever an imported key goes through here is done by PyCryptodome: unwrapping a transfer file, reading PKCS#8, signing,
decrypting. Keyferry's exporter uses another library, so what this vault accepts a second implementation has read.
`cryptography` generates RSA keys, because it is several times as fast, and does nothing else here.
"""
