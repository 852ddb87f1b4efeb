"""Using keys: encrypting, signing, wrapping, and the way back."""

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY
from keyferry.api.keys import KeyReference
from keyferry.api.models.uses import (
    CiphertextAnswer,
    Decryption,
    Encryption,
    MaterialAnswer,
    PlaintextAnswer,
    SignatureAnswer,
    Signing,
    Unwrapping,
    ValidityAnswer,
    Verification,
    Wrapping,
)
from keyferry.api.routers import guarded_router

router = guarded_router("keys")


@router.post("/keys/{key:segment}/encrypt", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def encrypt(key: KeyReference, body: Encryption, visit: Visiting) -> CiphertextAnswer:
    """Encrypt under the key's current version, which has to be active. The nonce is the server's to choose."""
    made = await visit.briefly(
        visit.custody.uses.encrypt,
        key,
        body.secret(),
        algorithm=body.named(),
        associated_data=body.associated(),
    )
    return CiphertextAnswer.of(made)


@router.post("/keys/{key:segment}/decrypt", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def decrypt(key: KeyReference, body: Decryption, visit: Visiting) -> PlaintextAnswer:
    """Decrypt by the version that the envelope names. The answer holds plaintext: keep it out of logs."""
    return PlaintextAnswer.of(await visit.briefly(visit.custody.uses.decrypt, key, body.given()))


@router.post("/keys/{key:segment}/wrap", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def wrap(key: KeyReference, body: Wrapping, visit: Visiting) -> CiphertextAnswer:
    """Wrap another key's bytes under the key's current version, which has to be active."""
    made = await visit.briefly(visit.custody.uses.wrap, key, body.secret(), algorithm=body.named())
    return CiphertextAnswer.of(made)


@router.post("/keys/{key:segment}/unwrap", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def unwrap(key: KeyReference, body: Unwrapping, visit: Visiting) -> MaterialAnswer:
    """Unwrap by the version that the envelope names. The answer holds a key in the clear: keep it out of logs."""
    return MaterialAnswer.of(await visit.briefly(visit.custody.uses.unwrap, key, body.given()))


@router.post("/keys/{key:segment}/sign", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def sign(key: KeyReference, body: Signing, visit: Visiting) -> SignatureAnswer:
    """Sign a message or a digest with the key's current version, which has to be active."""
    signed = await visit.briefly(visit.custody.uses.sign, key, body.payload(), algorithm=body.named(), form=body.format)
    return SignatureAnswer.of(signed, body.format)


@router.post("/keys/{key:segment}/verify", responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY])
async def verify(key: KeyReference, body: Verification, visit: Visiting) -> ValidityAnswer:
    """Say whether a signature is valid, by the current version unless another is named."""
    verified = await visit.briefly(
        visit.custody.uses.verify,
        key,
        body.payload(),
        body.signature_bytes(),
        algorithm=body.named(),
        form=body.format,
        version=body.version,
    )
    return ValidityAnswer.of(verified)
