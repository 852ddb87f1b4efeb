"""The whole way of a key, walked through public interfaces only: the command line, REST, and OpenSSL as a witness."""
