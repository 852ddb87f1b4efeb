"""The emulator is a witness of its own: what it may import, and that nobody who keeps keys leans on it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import keyferry

SOURCE = Path(keyferry.__file__).parent
MAY_USE_IT = {"cli", "rehearsal", "testing.py"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they lead"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def of_keyferry(path: Path) -> set[str]:
    return {name for name in imported(path) if name.partition(".")[0] == "keyferry"}


def test_of_keyferry_it_imports_itself_and_the_errors_alone() -> None:
    files = list((SOURCE / "emulator").rglob("*.py"))
    assert len(files) > 40
    strangers = {
        f"{path.relative_to(SOURCE)}: {name}"
        for path in files
        for name in of_keyferry(path)
        if not name.startswith(("keyferry.emulator.", "keyferry.errors.")) and name != "keyferry.emulator"
    }
    assert strangers == set()


def test_nobody_but_the_command_line_and_the_rehearsal_imports_it() -> None:
    leaning = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if path.relative_to(SOURCE).parts[0] not in {"emulator", *MAY_USE_IT}
        and any(name.startswith("keyferry.emulator") for name in of_keyferry(path))
    }
    assert leaning == set()


def test_it_unwraps_with_another_library_than_the_exporter() -> None:
    """What the exporter wraps with `cryptography`'s AES and RSA, a second implementation reads."""
    of_the_exporter = {"ciphers", "keywrap", "padding", "aead"}
    for path in (SOURCE / "emulator").rglob("*.py"):
        words = {word for name in imported(path) if name.startswith("cryptography.") for word in name.split(".")}
        assert words.isdisjoint(of_the_exporter), path
    assert "Crypto" in {name.partition(".")[0] for name in imported(SOURCE / "emulator" / "state.py")}
