"""`python -m keyferry` is `keyferry`."""

from keyferry.cli import main

if __name__ == "__main__":
    main()
