"""The REST door. It translates requests for custody, and what custody answers or refuses into responses.

It decides nothing.
"""
