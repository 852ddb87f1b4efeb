"""`keyferry demo`."""

from pathlib import Path

import click

from keyferry.cli.failures import Command


@click.command(cls=Command, help="Walk the main job from end to end, on loopback, offline.")
@click.option("--home", type=click.Path(path_type=Path), help="Where its files go; a new temporary folder without it.")
@click.option("--keep", is_flag=True, help="Leave the installation and its passwords there, to go on by hand.")
def demo(home: Path | None, keep: bool) -> None:
    """Walk the main job from end to end, on loopback, offline."""
    from keyferry.rehearsal.demo import run_demo

    run_demo(home, keep=keep)
