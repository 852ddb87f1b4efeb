"""`keyferry key export --all`: every key of an owner that may leave, into a folder; taken up again where it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyferry.cli.files import read_public_key
from keyferry.cli.output import BLANK, Output
from keyferry.cli.progress import counting
from keyferry.cli.result_folder import EXPORTED, MANIFEST, REFUSED, Entry, ResultFolder, Terms, opened
from keyferry.cli.transfer_answers import checked_file, import_line, will_not_do
from keyferry.errors import ClientFailed

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

#: keys in a request
LARGEST_BATCH = 1000
#: problems that are shown one by one
MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which keys are to leave, for where, into which folder."""

    destination: str
    public_key: str
    key_identifier: str
    group: str | None
    owner: str | None
    folder: Path


def export_all(server: "Server", out: Output, wanted: Wanted) -> None:
    """Export what is missing in the folder, and check what is there.

    1. The key encryption key is read, and the folder has to be this export's. 2. The owner's keys are listed; those
    that may leave and whose file is not there, whole and of the current version, are missing. 3. They are asked for,
    and each file is checked and written as it comes.

    Raises:
        ClientFailed: (`batch-incomplete`) some were refused; all others are done.
        KeyferryError: nothing can be exported so, or it ended early; what is done is kept.
    """
    public_key, terms = _terms(wanted)
    with opened(wanted.folder, terms) as folder:
        keys = server.items("/keys", group=wanted.group, owner=wanted.owner)
        leaving = [key for key in keys if key["exportable"] and key["state"] == "active" and not key["destroy_at"]]
        missing = [key for key in leaving if not folder.holds(key["id"], key["version"])]
        with counting("Exporting", len(missing)) as advance:
            for start in range(0, len(missing), LARGEST_BATCH):
                batch = missing[start : start + LARGEST_BATCH]
                body = {
                    "destination": wanted.destination,
                    "key_identifier": wanted.key_identifier,
                    "public_key": public_key,
                    "keys": [key["id"] for key in batch],
                }
                for line in server.lines("/export-batches", body):
                    if "totals" not in line:
                        _keep(folder, wanted, batch, line)
                        advance()
        refused = [entry for key in leaving if (entry := folder.entries[key["id"]]).status == REFUSED]
        count = {"keys": len(keys), "exported": len(leaving) - len(refused), "refused": len(refused)}
        count |= {"exported_now": len(missing) - len(refused), "passed_over": len(keys) - len(leaving)}
    _tell(out, wanted.folder, count, refused)


def _terms(wanted: Wanted) -> tuple[str, Terms]:
    """The public key as it is sent, and what the folder has to agree with."""
    from keyferry.byok.destinations import destination_named
    from keyferry.byok.kek import read_kek

    public_key = read_public_key(wanted.public_key)
    identifier = destination_named(wanted.destination).parse_identifier(wanted.key_identifier)
    kek = read_kek(public_key.encode())
    return public_key, Terms(wanted.destination, identifier.canonical, kek.spki_sha256, wanted.group, wanted.owner)


def _keep(folder: ResultFolder, wanted: Wanted, batch: Sequence[dict[str, Any]], line: dict[str, Any]) -> None:
    """Write what a line holds.

    Raises:
        ClientFailed: (`answer-refused`) it is not about a key that was asked for, or its file will not do.
    """
    from keyferry.byok.azure import file_name

    index = line.get("index")
    if not isinstance(index, int) or not 0 <= index < len(batch):
        raise will_not_do("a line is about no key that was asked for")
    key = batch[index]
    made = line.get("export")
    if not isinstance(made, dict):
        problem = line.get("problem") or {}
        why = {name: problem.get(name) for name in ("code", "detail", "advice")}
        folder.keep(Entry(id=key["id"], name=key["name"], version=key["version"], status=REFUSED, problem=why), None)
        return
    if made.get("key_id") != key["id"]:
        raise will_not_do("a file is of another key than the one asked for")
    content = checked_file(made, wanted.key_identifier, wanted.destination)
    name = folder.free_name(key["id"], file_name(key["name"] or f"key-{key['id']}"))
    entry = Entry(
        id=key["id"],
        name=key["name"],
        version=int(made["version"]),
        status=EXPORTED,
        file=name,
        sha256=made["sha256"],
        export_id=made.get("id"),
        import_command=import_line(made, Path(name)),
    )
    folder.keep(entry, content)


def _tell(out: Output, folder: Path, count: dict[str, int], refused: Sequence[Entry]) -> None:
    """
    Raises:
        ClientFailed: (`batch-incomplete`) keys were refused.
    """
    manifest = folder / MANIFEST
    rows = {
        "Exported now": count["exported_now"],
        "There before": count["exported"] - count["exported_now"],
        "Refused": count["refused"] or None,
        "Passed over": f"{count['passed_over']} (not active, or not exportable)" if count["passed_over"] else None,
        "Manifest": str(manifest),
    }
    out.facts({**count, "manifest": str(manifest)}, rows, head=f"{count['exported']} keys are in {folder}")
    if not refused:
        return
    why = [f"{entry.name or BLANK} ({entry.id}): {(entry.problem or {}).get('detail')}" for entry in refused]
    out.warn(why[:MOST_SHOWN])
    raise ClientFailed(
        f"{len(refused)} of {count['exported'] + len(refused)} keys were refused.",
        code="batch-incomplete",
        advice=f"The manifest says why of each: {manifest}; what was exported need not be done again.",
    )
