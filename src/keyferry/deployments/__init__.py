"""Keys on their way into a vault, and whether what stands there is still what we hold.

A deployment is one key version at one place. A push walks its steps; each is recorded by itself, so that a push that
was stopped anywhere, by whatever, goes on where it was. No transaction is open while the network is used.

    ledger.py          what a push is about, and where its steps are recorded
    push.py            the walk: KEK ready, exported, imported, read back, proved
    kek.py             the key encryption key: found and judged, else made
    arrival.py         whether a key is in the vault already, before and after an import
    drift.py           what we hold against what a vault tells
    observing.py       looking at a pushed key where it is, writing down what was seen, and backing it up
    proof.py           that the vault has the private half of our public key, by use
    patience.py        waiting as long as a throttled vault asks, within bounds
    progress.py        who hears of it
    custody_ledger.py  the server's ledger: custody in this process
    server_push.py     pushes, looks and backups that the server does through a connection
"""
