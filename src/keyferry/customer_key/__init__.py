"""Microsoft 365 Customer Key: the checks of a pair of vault keys, and the onboarding request.

Pure: no network, no database, no clock. What the checks judge are values that `keyferry.clouds` has read; what the
request writes is text.
"""
