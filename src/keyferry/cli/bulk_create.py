"""`keyferry key create --count`: many keys alike, numbered if they have names."""

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from keyferry.cli.connection import ATTEMPTS, PAUSE, Server
from keyferry.cli.key_facts import COLUMNS, listed
from keyferry.cli.output import Output
from keyferry.cli.progress import counting
from keyferry.errors import ClientFailed

#: keys in a request
LARGEST_BATCH = 1000
#: problems that are shown one by one
MOST_SHOWN = 10


def create_many(server: Server, out: Output, new: Mapping[str, Any], count: int) -> None:
    """Generate `count` keys as `new` says; one with a name is the first of NAME-0001, NAME-0002 and so on.

    A request whose connection broke is sent again under the same idempotency key, and makes only what is missing.

    Raises:
        ClientFailed: (`batch-incomplete`) some were refused; all others are made.
    """
    wanted = [_numbered(new, number, count) for number in range(1, count + 1)]
    made: list[dict[str, Any]] = []
    refused: list[tuple[dict[str, Any], dict[str, Any]]] = []
    with counting("Generating", count) as advance:
        for start in range(0, count, LARGEST_BATCH):
            batch = wanted[start : start + LARGEST_BATCH]
            for index, line in _lines(server, batch):
                advance()
                if isinstance(line.get("key"), dict):
                    made.append(line["key"])
                else:
                    refused.append((batch[index], line.get("problem") or {}))
    problems = [{"name": item.get("name"), **problem} for item, problem in refused]
    if out.as_json:
        out.facts({"items": made, "problems": problems, "created": len(made), "refused": len(refused)}, {})
    else:
        out.say(f"{len(made)} of {count} keys were created.")
        if 0 < len(made) <= MOST_SHOWN:
            out.table([listed(key) for key in made], COLUMNS, none="")
    if refused:
        out.warn([f"{each['name'] or 'a key'}: {each.get('detail')}" for each in problems[:MOST_SHOWN]])
        raise ClientFailed(
            f"{len(refused)} of {count} keys were refused.",
            code="batch-incomplete",
            advice=str(problems[0].get("advice") or "Change what was given; the others are made."),
        )


def _numbered(new: Mapping[str, Any], number: int, count: int) -> dict[str, Any]:
    item = {name: value for name, value in new.items() if value is not None}
    if "name" in item:
        item["name"] = f"{item['name']}-{number:0{max(4, len(str(count)))}}"
    return item


def _lines(server: Server, batch: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of the items, each once, in order, however often the connection breaks.

    Raises:
        ClientFailed: it broke too often.
    """
    key, told, broken = str(uuid.uuid4()), 0, 0
    while True:
        try:
            for line in server.lines("/key-batches", {"keys": batch}, idempotency_key=key):
                if line.get("index") == told and told < len(batch):
                    yield told, line
                    told += 1
            return
        except ClientFailed as failure:
            broken += 1
            if failure.code != "server-unreachable" or broken >= ATTEMPTS:
                raise
            time.sleep(PAUSE)
