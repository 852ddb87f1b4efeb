"""OpenID Connect, as the side that relies on a provider: the authorization code flow with PKCE, and nothing else.

addresses.py  where browsers come back to, and providers send sign-outs
kind.py       what a provider's configuration may say
discovery.py  what a provider tells of itself
client.py     who we are to a provider: a secret, a private key, or neither
dialogue.py   a sign-in: sending a browser away, and judging what it brings back
id_token.py   what a provider says of a person, checked
sign_outs.py  sign-outs that a provider tells of by itself
"""
