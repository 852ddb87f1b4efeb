"""Client certificates: issued or uploaded, listed, revoked."""

from typing import Annotated

from fastapi import Path, Query, Response

from keyferry.api.callers import Visiting
from keyferry.api.documented import CHANGING, READING
from keyferry.api.idempotency import NO_IDEMPOTENCY_KEY
from keyferry.api.models.certificates import CertificateAnswer, CertificateCreation, NewCertificateAnswer
from keyferry.api.models.pages import PageAnswer, PageQuery, page_size
from keyferry.api.models.values import Id, Reference
from keyferry.api.routers import guarded_router
from keyferry.clock import SECOND
from keyferry.errors import InvalidInput

router = guarded_router("certificates")
CertificateId = Annotated[Id, Path()]
UserReference = Annotated[Reference, Path()]


@router.get("/users/{user:segment}/certificates", responses=READING)
async def list_certificates(
    user: UserReference, query: Annotated[PageQuery, Query()], visit: Visiting
) -> PageAnswer[CertificateAnswer]:
    """Client certificates of a user, those that have ended included."""
    size = page_size(query.limit, visit.settings)
    page = await visit.ask(visit.custody.certificates.list, user=user, size=size, after=query.after)
    return PageAnswer(items=[CertificateAnswer.of(each) for each in page.items], next=page.next)


@router.post(
    "/users/{user:segment}/certificates", status_code=201, responses=CHANGING, dependencies=[NO_IDEMPOTENCY_KEY]
)
async def create_certificate(
    user: UserReference, body: CertificateCreation, visit: Visiting, response: Response
) -> NewCertificateAnswer:
    """Issue a client certificate for a user, or take one that they have. Its private key is answered this once."""
    certificates = visit.custody.certificates
    if body.certificate is None:
        answer = NewCertificateAnswer.issued(await visit.ask(certificates.issue, body.new_certificate(), user=user))
    else:
        _require_upload_alone(body)
        lifetime = None if body.lifetime_seconds is None else body.lifetime_seconds * SECOND
        pem = body.certificate.encode()
        row = await visit.ask(certificates.upload, body.name, pem, user=user, lifetime=lifetime)
        answer = NewCertificateAnswer.uploaded(row)
    response.headers["Location"] = f"/api/v1/certificates/{answer.id}"
    return answer


@router.get("/certificates/{certificate:segment}", responses=READING)
async def show_certificate(certificate: CertificateId, visit: Visiting) -> CertificateAnswer:
    """What is known of a client certificate, and the certificate itself; never a private key."""
    return CertificateAnswer.of(await visit.ask(visit.custody.certificates.show, certificate))


@router.delete("/certificates/{certificate:segment}", status_code=204, responses=CHANGING)
async def revoke_certificate(certificate: CertificateId, visit: Visiting) -> None:
    """End a client certificate at once, with every session and token that it began."""
    await visit.ask(visit.custody.certificates.revoke, certificate)


def _require_upload_alone(body: CertificateCreation) -> None:
    for field in ("request", "password"):
        if getattr(body, field) is not None:
            raise InvalidInput(
                f"A certificate was given, and {field} is for one that is issued.",
                field=field,
                advice="Leave one of the two out.",
            )
