"""Client certificates: which of them stand for whom, until when."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import bindparam

from keyferry import client_certificates, clock
from keyferry.client_certificates import KEY_TYPES, Bundle, CertificateFacts, PrivateKey
from keyferry.clock import DAY, SECOND, Microseconds
from keyferry.custody.activity import Activity
from keyferry.custody.approval_holders import require_credential_approved
from keyferry.custody.approving import Fact
from keyferry.custody.caller import Caller
from keyferry.custody.certificate_rows import BY_FINGERPRINT, MOST, in_force
from keyferry.custody.client_authority import ClientAuthority, require_issuing
from keyferry.custody.gate import Gate
from keyferry.custody.names import check_text
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation
from keyferry.custody.recording import Subject
from keyferry.custody.trusted_certificates import TrustedCertificates
from keyferry.custody.users import load_user
from keyferry.custody.view import Change, Query, View
from keyferry.errors import Conflict, InvalidInput, NotPermitted
from keyferry.ids import is_id_shaped, new_id
from keyferry.material.secret import Secret
from keyferry.store.records import Certificate, User
from keyferry.store.sealed import CERTIFICATES, Lock
from keyferry.store.tables import certificates

SHORTEST_LIFETIME: Microseconds = 60 * SECOND
LONGEST_LIFETIME: Microseconds = 3 * 366 * DAY

_OF_USER = Query(
    CERTIFICATES,
    certificates.c.user_id == bindparam("user_id"),
    certificates.c.id > bindparam("after"),
    order_by=certificates.c.id,
    limit=True,
)


class BundleForm(StrEnum):
    """How a certificate and its private key are handed out."""

    PKCS12 = "pkcs12"
    PEM = "pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCertificate:
    """What is to be issued.

    Attributes:
        request: a certificate signing request in PEM, from whoever keeps the private key; None to have one made here.
        key_type: of the key that is made here, one of `KEY_TYPES`.
        password: of the file; PKCS#12 needs one.
    """

    name: str
    lifetime: Microseconds = 366 * DAY
    key_type: str = "ec-p256"
    form: BundleForm = BundleForm.PKCS12
    password: Secret | None = None
    request: bytes | None = None


@dataclass(frozen=True, slots=True)
class CertificateDetail:
    """A certificate and when it was last used, to the minute; None for never."""

    certificate: Certificate
    last_used_at: Microseconds | None


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate, and the file with its private key, which nobody can show again."""

    certificate: Certificate
    bundle: Bundle


class Certificates:
    """Client certificates. Whoever holds the private key of one acts as its user, and no further; it ends at its date.

    Users have them issued and give their own, several at a time; an Administrator does so for anybody. This is done in
    a session that a person has signed in to: a token or a certificate gets no further certificates, so that what a
    program holds cannot outlast its end. A certificate is bound by its fingerprint, once and to one user for good. All
    of a user's certificates end at once when the account is disabled or deleted, or somebody else sets its password.
    """

    def __init__(self, gate: Gate, activity: Activity, trusted: TrustedCertificates) -> None:
        self._gate = gate
        self._activity = activity
        self._authority = ClientAuthority(gate)
        self._trusted = trusted

    def issue(self, caller: Caller, new: NewCertificate, *, user: str | None = None) -> IssuedCertificate:
        """Issue a certificate for a user (the caller without one), with a new key unless a request brings one.

        Raises:
            InvalidInput: the name, lifetime, key type, password or request will not do; says which.
            NotPermitted: the caller came with a token or a certificate.
            ApprovalRequired: it is for another, and others have to approve it.
            Conflict: the user has as many as there may be.
        """
        asked: dict[str, Fact] = {
            "certificate": new.name,
            "lifetime_seconds": new.lifetime // SECOND,
            "request_sha256": None if new.request is None else sha256(new.request).hexdigest(),
        }
        owner = self._permitted(caller, Operation.CERTIFICATE_ISSUE, user, new.name, asked)
        with self._gate.refusing(caller, Operation.CERTIFICATE_ISSUE, Subject("certificate", None, new.name)):
            require_sound(new)
            public_key = None if new.request is None else client_certificates.read_request(new.request)
        key = None
        if public_key is None:
            key = KEY_TYPES[new.key_type]()
            public_key = key.public_key()
        authority = self._authority.get(caller, owner.id)
        signed = client_certificates.issue(
            authority,
            public_key,
            user_id=owner.id,
            user_name=owner.name,
            now=datetime.now(UTC),
            lifetime=timedelta(microseconds=new.lifetime),
        )
        facts = client_certificates.facts_of(signed)
        bundle = _bundle(new, key, owner, signed, authority.certificate)
        bind = _binding(new.name, "issued", facts, facts.not_after, asked, authority.id)
        row = self._gate.write(caller, Operation.CERTIFICATE_ISSUE, lambda change: bind(change, owner.id))
        self._trusted.tell()
        return IssuedCertificate(row, bundle)

    def upload(
        self, caller: Caller, name: str, pem: bytes, *, user: str | None = None, lifetime: Microseconds | None = None
    ) -> Certificate:
        """Bind a certificate of somebody else's making, a self-signed one too, to a user (the caller without one).

        Args:
            lifetime: after which it ends here, if that comes before its own end.

        Raises:
            InvalidInput: the certificate or another field will not do; says why.
            Conflict: the certificate is bound already, to whomever, or was.
            NotPermitted: the caller came with a token or a certificate.
            ApprovalRequired: it is for another, and others have to approve it.
        """
        owner = self._permitted(caller, Operation.CERTIFICATE_UPLOAD, user, name)
        with self._gate.refusing(caller, Operation.CERTIFICATE_UPLOAD, Subject("certificate", None, name)):
            facts = judge_upload(name, pem, lifetime)
        end = facts.not_after if lifetime is None else min(facts.not_after, clock.now() + lifetime)
        asked: dict[str, Fact] = {
            "certificate": name,
            "fingerprint": facts.fingerprint,
            "lifetime_seconds": None if lifetime is None else lifetime // SECOND,
        }
        bind = _binding(name, "uploaded", facts, end, asked)
        row = self._gate.write(caller, Operation.CERTIFICATE_UPLOAD, lambda change: bind(change, owner.id))
        self._trusted.tell()
        return row

    def list(self, caller: Caller, *, user: str | None = None, size: int, after: str = "") -> Page[CertificateDetail]:
        """Certificates of a user (the caller without one), revoked and expired ones included."""

        def read(view: View) -> Page[CertificateDetail]:
            owner = load_user(view, user or view.actor.user.id)
            found = view.find(CERTIFICATES, _OF_USER, user_id=owner.id, after=after, limit=size + 1)
            return page_of([self._detail(view, each) for each in found], size, [each.id for each in found])

        return self._gate.read(caller, Operation.CERTIFICATE_LIST, read)

    def in_force(self, caller: Caller, *, user: str | None = None) -> tuple[CertificateDetail, ...]:
        """A user's certificates that still open something (the caller's without one), the newest first."""

        def read(view: View) -> tuple[CertificateDetail, ...]:
            owner = load_user(view, user or view.actor.user.id)
            return tuple(self._detail(view, each) for each in in_force(view, owner))

        return self._gate.read(caller, Operation.CERTIFICATE_LIST, read)

    def show(self, caller: Caller, certificate_id: str) -> CertificateDetail:
        """
        Raises:
            NotFound: there is none of that id, or none that the caller may see.
        """

        def read(view: View) -> CertificateDetail:
            return self._detail(view, _load(view, certificate_id))

        return self._gate.read(caller, Operation.CERTIFICATE_LIST, read)

    def revoke(self, caller: Caller, certificate_id: str) -> Certificate:
        """End a certificate at once, and every session and token that it began. It is never taken again.

        Raises:
            Conflict: it was revoked before.
        """

        def change(change: Change) -> Certificate:
            certificate = _load(change, certificate_id, Lock.UPDATE)
            if certificate.revoked_at is not None:
                raise Conflict(
                    "This certificate is revoked already.",
                    field="certificate",
                    advice="There is nothing left to do: it is of no use.",
                )
            return change.update(CERTIFICATES, certificate, revoked_at=change.now)

        return self._gate.write(caller, Operation.CERTIFICATE_REVOKE, change)

    def _permitted(
        self, caller: Caller, operation: Operation, user: str | None, name: str, asked: Mapping[str, Fact] | None = None
    ) -> User:
        """Whose it shall be, once it is known that the caller may; and that it is approved, if it is known what."""

        def read(view: View) -> User:
            owner = load_user(view, user or view.actor.user.id)
            _permit(view, owner, name)
            if asked is not None:
                require_credential_approved(view, owner, asked)
            return owner

        return self._gate.read(caller, operation, read)

    def _detail(self, view: View, certificate: Certificate) -> CertificateDetail:
        return CertificateDetail(certificate, self._activity.last_use(view.tx, certificate.id))


def _binding(
    name: str,
    origin: str,
    facts: CertificateFacts,
    expires_at: Microseconds,
    asked: Mapping[str, Fact],
    authority_id: str | None = None,
) -> Callable[[Change, str], Certificate]:
    def bind(change: Change, user_id: str) -> Certificate:
        user = load_user(change, user_id)
        _permit(change, user, name)
        if len(in_force(change, user)) >= MOST:
            raise Conflict(
                f"This user has {MOST} certificates in force.",
                field="user",
                advice="Revoke those that are not used any more.",
            )
        if change.first(CERTIFICATES, BY_FINGERPRINT, fingerprint=facts.fingerprint) is not None:
            raise Conflict(
                "This certificate is bound already, or was.",
                code="certificate-bound",
                field="certificate",
                advice="Use another: a certificate is bound once, to one user, and after its end not again.",
            )
        if authority_id is not None:
            require_issuing(change, authority_id)
        require_credential_approved(change, user, asked)
        by_another = True if user.id != change.actor.user.id else None
        change.note(user=user.name, fingerprint=facts.fingerprint, by_another=by_another)
        return change.insert(
            CERTIFICATES,
            Certificate(
                id=new_id(),
                user_id=user.id,
                name=check_text(name, "name") or "",
                origin=origin,
                fingerprint=facts.fingerprint,
                certificate=facts.certificate,
                subject=facts.subject,
                issuer=facts.issuer,
                serial=facts.serial,
                key_type=facts.key_type,
                epoch=user.token_epoch,
                not_before=facts.not_before,
                expires_at=expires_at,
                created_at=change.now,
                created_by=change.actor.user.id,
                authority_id=authority_id,
            ),
        )

    return bind


def _permit(view: View, owner: User, name: str) -> None:
    view.permit(view.actor.relation_to_user(owner.id), "certificate", None, name)
    token = view.actor.token
    if token is None or token.kind != "session" or view.actor.certificate is not None:
        raise NotPermitted(
            "Neither a token nor a certificate gets its holder a further certificate.",
            advice="Sign in as yourself, without a certificate, and ask again.",
        )


def _load(view: View, certificate_id: str, lock: Lock | None = None) -> Certificate:
    certificate = view.get(CERTIFICATES, certificate_id, lock) if is_id_shaped(certificate_id) else None
    if certificate is None:
        raise view.missing("certificate", certificate_id)
    relation = view.actor.relation_to_user(certificate.user_id)
    view.permit(relation, "certificate", certificate.id, certificate.name)
    return certificate


def require_sound(new: NewCertificate) -> None:
    """
    Raises:
        InvalidInput: the name, lifetime, key type or password will not do; says which.
    """
    _require_name(new.name)
    _require_lifetime(new.lifetime)
    if new.key_type not in KEY_TYPES:
        raise InvalidInput(
            "Keys of that type are not made for certificates.",
            field="key_type",
            advice=f"Choose one of {', '.join(KEY_TYPES)}, or give a request with a key of your own.",
        )
    if new.request is not None and (new.form is not BundleForm.PEM or new.password is not None):
        raise InvalidInput(
            "The private key of a request is not here: there is nothing to encrypt.",
            field="format" if new.form is not BundleForm.PEM else "password",
            advice="Ask for pem, without a password.",
        )
    if new.password is not None:
        client_certificates.require_password(new.password)
    elif new.form is BundleForm.PKCS12:
        raise InvalidInput(
            "A PKCS#12 file needs a password.",
            field="password",
            advice="Choose one for the file, or ask for pem.",
        )


def judge_upload(name: str, pem: bytes, lifetime: Microseconds | None) -> CertificateFacts:
    """
    Raises:
        InvalidInput: the certificate or another field will not do; says why.
    """
    _require_name(name)
    _require_lifetime(lifetime)
    return client_certificates.judge(pem, datetime.now(UTC))


def _require_name(name: str) -> None:
    if not name.strip():
        raise InvalidInput("A certificate needs a name.", field="name", advice="Name what will use it.")
    check_text(name, "name")


def _require_lifetime(lifetime: Microseconds | None) -> None:
    if lifetime is not None and not SHORTEST_LIFETIME <= lifetime <= LONGEST_LIFETIME:
        raise InvalidInput(
            "A certificate lasts between a minute and 1098 days.",
            field="lifetime",
            advice="Give a lifetime in between.",
        )


def _bundle(new: NewCertificate, key: PrivateKey | None, owner: User, certificate: bytes, authority: bytes) -> Bundle:
    name = f"{owner.name}-{new.name}"
    if new.form is BundleForm.PKCS12 and key is not None and new.password is not None:
        return client_certificates.pkcs12(name, key, certificate, authority, new.password)
    return client_certificates.pem_bundle(name, key, certificate, authority, new.password)
