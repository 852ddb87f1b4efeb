"""RSA keys that are ready before they are asked for: how long it takes to be given one."""

import tempfile
from pathlib import Path

from benchmarks.load import Door, rest_load
from benchmarks.measuring import RUNS, Row, row_of
from keyferry.custody.generation import Made, generated
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import identify
from keyferry.rehearsal.local_server import serving
from keyferry.status import status
from keyferry.testing import Kit

#: for all runs, that none finds the pool empty
READY = 2500
RUN_SECONDS = 0.8
CREATE_P99 = 20.0


def rows() -> list[Row]:
    """The rows of this file."""
    with tempfile.TemporaryDirectory(prefix="keyferry-bench-") as folder:
        home = Path(folder) / "home"
        kit = Kit.make(home, pool=True, pool_rsa_2048=READY, pool_rsa_3072=0, pool_rsa_4096=0)
        try:
            kit.user("kim", groups=("bench",))
            # The same few again and again: to generate so many takes minutes, and each has to be handed out once.
            few = [generated(ALGORITHMS["rsa-2048"]).material for _ in range(8)]
            for number in range(READY):
                material = few[number % len(few)]
                kit.custody.pool.put(Made(material, identify(material)))
            token, settings = kit.token("kim"), kit.installation.settings
        finally:
            kit.close()
        runs, made = [], 0
        with serving(home, Path(folder) / "server.log") as url:
            door = Door(url, home / "tls" / "ca.pem", token)
            create = [{"method": "POST", "path": "/api/v1/keys", "body": {"type": "rsa-2048", "group": "bench"}}]
            for _ in range(RUNS):
                load = rest_load(
                    door,
                    create,
                    clients=1,
                    seconds=RUN_SECONDS,
                    status=201,
                    keep="id",
                    read_back="/api/v1/keys/{}",
                    warm=False,
                )
                made += len(load.kept)
                runs.append({"p99 ms": load.p99, "p50 ms": load.p50, "a second": load.rate})
        left = status(settings)["pool"]["rsa-2048"]["ready"]
        if made >= READY or left < READY - made:
            raise RuntimeError(f"{made} keys were made, and of {READY} that were ready {left} are left")
    what = "create RSA-2048 from the pool, one client: 99 of 100 answer within"
    return [row_of(what, "ms", CREATE_P99, runs, figure="p99 ms", at_least=False)]
