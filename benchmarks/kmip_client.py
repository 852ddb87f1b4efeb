"""One load client of PyKMIP's server, run by the Python of `.bench`; it talks to its parent as `client.py` does.

It uses PyKMIP's own client over one kept connection with mutual TLS, as a program that uses PyKMIP would.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from kmip import enums  # type: ignore[import-not-found]  # of .bench, and of no other environment
from kmip.pie.client import ProxyKmipClient  # type: ignore[import-not-found]  # as above

_SIGNING = {
    "padding_method": enums.PaddingMethod.PKCS1v15,
    "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
    "digital_signature_algorithm": enums.DigitalSignatureAlgorithm.SHA256_WITH_RSA_ENCRYPTION,
}
_MASK = [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]


def main() -> None:
    """Do one job."""
    job = json.loads(sys.stdin.readline())
    client = ProxyKmipClient(
        hostname=job["host"],
        port=job["port"],
        cert=job["cert"],
        key=job["key"],
        ca=job["ca"],
        config_file=job["config"],
        kmip_version=enums.KMIPVersion.KMIP_1_2,
    )
    with client:
        print("ready", flush=True)
        sys.stdin.readline()
        answer = _prepare(client) if job["operation"] == "prepare" else _run(client, job)
        print(json.dumps(answer), flush=True)


def _prepare(client: ProxyKmipClient) -> dict[str, Any]:
    """Make an RSA-2048 key pair that may sign; answers the ids of its halves."""
    public, private = client.create_key_pair(
        enums.CryptographicAlgorithm.RSA,
        2048,
        public_usage_mask=[enums.CryptographicUsageMask.VERIFY],
        private_usage_mask=[enums.CryptographicUsageMask.SIGN],
    )
    client.activate(private)
    return {"public": public, "private": private}


def _run(client: ProxyKmipClient, job: dict[str, Any]) -> dict[str, Any]:
    operations: dict[str, Callable[[], Any]] = {
        "create": lambda: client.create(enums.CryptographicAlgorithm.AES, 256, cryptographic_usage_mask=_MASK),
        "get": lambda: client.get(job["id"]),
        "sign": lambda: client.sign(b"hello", uid=job["id"], cryptographic_parameters=_SIGNING),
    }
    operation = operations[job["operation"]]
    operation()
    took, kept = [], []
    began = before = time.perf_counter()
    while before < began + job["seconds"]:
        result = operation()
        after = time.perf_counter()
        took.append(after - before)
        before = after
        if job["operation"] == "create":
            kept.append(result)
    for uid in kept:
        client.get(uid)  # raises if it is not there
    return {"took": took, "seconds": before - began, "kept": kept}


if __name__ == "__main__":
    main()
