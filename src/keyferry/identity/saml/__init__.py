"""SAML 2.0: what a service provider needs of it, and no more."""
