"""The process that reads key material: `python -I -m keyferry.material.worker`, started by `read_material_apart`.

It reads one request from standard input, answers on standard output, and ends.
"""

import ctypes
import resource
import sys

from keyferry.errors import MaterialRefused
from keyferry.material.apart import CPU_SECONDS, MEMORY_BYTES, decode_request, encode_material, encode_refusal
from keyferry.material.importing import read_material
from keyferry.material.refusals import too_costly

_PR_SET_DUMPABLE = 4
"""prctl(2): with 0, there is no core dump even where the kernel pipes it to a program, and no process of the same user
may attach or read this one's memory."""


def answer(request: bytes) -> bytes:
    """The answer to one request: the material, or why it is refused."""
    data, algorithm, passphrase = decode_request(request)
    try:
        return encode_material(read_material(data, algorithm=algorithm, passphrase=passphrase))
    except MaterialRefused as refusal:
        return encode_refusal(refusal)
    except MemoryError:
        return encode_refusal(too_costly("memory"))


def limit() -> None:
    """No core dump, which would hold the key; and an end to what a file can make us compute."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def main() -> None:
    """Answer the one request on standard input."""
    limit()
    sys.stdout.buffer.write(answer(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
