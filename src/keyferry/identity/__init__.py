"""Who is calling: a credential in, a caller out."""
