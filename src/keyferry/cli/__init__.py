"""The command door: a client of the REST door, and the few commands that run on the server itself.

One file a noun. A command imports what it needs when it runs, so that `keyferry --help` loads click and nothing else of
weight.

    command_line.py   the tree of commands, and how a run ends
    lazy.py           groups whose commands are loaded when they are called for
    failures.py       two lines on standard error
    output.py         facts, tables and JSON on standard output
    secret_input.py   secrets from files, standard input or a prompt
    files.py          files that are read and written whole
    profiles.py       where to sign in, and with which token
    connection.py     requests to the REST door, and what its refusals mean
    remote.py         the options that every command to a server has
    progress.py       a sign of life on a terminal
"""

from keyferry.cli.command_line import command_line


def main() -> None:
    """Run the command line; ends the process with 0 (success), 1 (refused or failed) or 2 (wrong usage)."""
    command_line.main(prog_name="keyferry")
