"""Create a key, by one of the Options: Generate, Import, Restore Backup, and in a Premium vault a KEK."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from starlette.responses import Response

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import backup, encoding, making
from keyferry.emulator.keys.kinds import CURVES, RSA_SIZES
from keyferry.emulator.keys.lookup import PREMIUM
from keyferry.emulator.keys.names import require_name
from keyferry.emulator.management.vault import Vault
from keyferry.emulator.portal import forms, pem
from keyferry.emulator.portal.forms import WHOLE, File, Refused, Submitted
from keyferry.emulator.portal.pages import show
from keyferry.emulator.portal.visit import Visit


class Option(StrEnum):
    """How a key comes to be; its value is what the form sends."""

    GENERATE = "generate"
    IMPORT = "import"
    RESTORE = "restore"
    KEK = "kek"

    @property
    def label(self) -> str:
        """As the portal calls it."""
        return _LABELS[self]


_LABELS: Final = {
    Option.GENERATE: "Generate",
    Option.IMPORT: "Import",
    Option.RESTORE: "Restore Backup",
    Option.KEK: "Generate Key Encryption Key for importing HSM-protected keys",
}
SIZES: Final = tuple(map(str, RSA_SIZES))
TYPES: Final = ("RSA", "EC")
PROTECTIONS: Final = {"software": "Software", "hsm": "HSM"}
ENABLED: Final = {"yes": "Yes", "no": "No"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A key as the form describes it; what does not belong to its option says nothing."""

    option: str = Option.GENERATE.value
    name: str = ""
    type: str = "RSA"
    size: str = "2048"
    curve: str = "P-256"
    protection: str = "software"
    enabled: str = "yes"

    @classmethod
    def of(cls, submitted: Submitted) -> "Wanted":
        """What was sent."""
        return cls(**{name: submitted.text(name) for name in cls.__slots__})

    @property
    def kty(self) -> str:
        """The type as the data plane names it."""
        return f"{self.type}-HSM" if self.protection == "hsm" else self.type

    @property
    def attributes(self) -> dict[str, Any]:
        """What the data plane is told of it beside its material."""
        return {"enabled": self.enabled == "yes"}


def options_of(vault: Vault) -> tuple[Option, ...]:
    """The Options that a vault offers: a KEK is RSA-HSM, which a Standard vault does not have."""
    return tuple(each for each in Option if each is not Option.KEK or vault.sku == PREMIUM)


def begin(visit: Visit) -> Response:
    """The empty form."""
    vault = visit.vault()
    asked = visit.asked("option")
    option = asked if asked in options_of(vault) else Option.GENERATE.value
    return _form(visit, vault, Wanted(option=option))


def create(visit: Visit) -> Response:
    """Make the key, in the way that was chosen."""
    vault, wanted = visit.vault(), Wanted.of(visit.submitted)
    try:
        forms.require({"option": forms.one_of(wanted.option, options_of(vault), "Choose an option that is offered.")})
        name = _MAKERS[Option(wanted.option)](visit, vault, wanted)
    except Refused as refused:
        return _form(visit, vault, wanted, refused)
    return visit.done(_TOLD[Option(wanted.option)].format(name), "vaults", vault.name, "keys")


def _generate(visit: Visit, vault: Vault, wanted: Wanted) -> str:
    rsa = wanted.type == "RSA"
    forms.require(
        {
            "name": _problem_of_name(wanted.name),
            "type": forms.one_of(wanted.type, TYPES, "Choose a key type."),
            "size": forms.one_of(wanted.size, SIZES, "Choose an RSA key size.") if rsa else None,
            "curve": None if rsa else forms.one_of(wanted.curve, CURVES, "Choose a curve."),
            "protection": _problem_of_protection(vault, wanted),
        }
    )
    described = {"key_size": int(wanted.size)} if rsa else {"crv": wanted.curve}
    return _made(visit, vault, wanted, {"kty": wanted.kty, **described})


def _generate_kek(visit: Visit, vault: Vault, wanted: Wanted) -> str:
    forms.require(
        {
            "name": _problem_of_name(wanted.name),
            "type": forms.one_of(wanted.type, ("RSA",), "A key encryption key is of the key type RSA only."),
            "size": forms.one_of(wanted.size, SIZES, "Choose an RSA key size."),
        }
    )
    return _made(visit, vault, wanted, {"kty": "RSA-HSM", "key_size": int(wanted.size), "key_ops": ["import"]})


def _made(visit: Visit, vault: Vault, wanted: Wanted, body: dict[str, Any]) -> str:
    try:
        call = visit.call(vault, "create", wanted.name)
        making.create(call, wanted.name, {**body, "attributes": wanted.attributes})
    except AzureFailure as failure:
        raise Refused.because(failure, "name" if failure.code == "Conflict" else WHOLE) from None
    return wanted.name


def _import(visit: Visit, vault: Vault, wanted: Wanted) -> str:
    file = visit.submitted.file("file")
    forms.require(
        {
            "file": "Choose a .byok or .pem file." if file is None else None,
            "name": _problem_of_name(wanted.name),
            "type": forms.one_of(wanted.type, TYPES, "Choose a key type."),
            "curve": None if wanted.type == "RSA" else forms.one_of(wanted.curve, CURVES, "Choose a curve."),
        }
    )
    assert file is not None
    body = _import_of_pem(vault, wanted, file) if pem.MARK in file.content else _import_of_transfer_file(wanted, file)
    try:
        making.import_key(
            visit.call(vault, "import", wanted.name), wanted.name, {**body, "attributes": wanted.attributes}
        )
    except AzureFailure as failure:
        raise Refused.because(failure, "name" if failure.code == "Conflict" else "file") from None
    return wanted.name


def _import_of_transfer_file(wanted: Wanted, file: File) -> dict[str, Any]:
    curve = {} if wanted.type == "RSA" else {"crv": wanted.curve}
    return {"key": {"kty": f"{wanted.type}-HSM", "key_hsm": encoding.encode(file.content), **curve}}


def _import_of_pem(vault: Vault, wanted: Wanted, file: File) -> dict[str, Any]:
    forms.require({"protection": _problem_of_protection(vault, wanted)})
    try:
        key = pem.private_members(file.content)
    except pem.NoPrivateKey as refused:
        raise Refused({"file": f"The file {file.name[:100]} cannot be imported: {refused}."}) from None
    if key["kty"] != wanted.type:
        raise Refused({"type": f"The key in the file is of the type {key['kty']}. Choose it."})
    if key.get("crv") not in {None, wanted.curve}:
        raise Refused({"curve": f"The key in the file is on the curve {key['crv']}. Choose it."})
    return {"key": key, "Hsm": wanted.protection == "hsm"}


def _restore(visit: Visit, vault: Vault, _wanted: Wanted) -> str:
    file = visit.submitted.file("backup")
    if file is None:
        raise Refused({"backup": "Choose the file that Download Backup gave."})
    try:
        restored = backup.restore(visit.call(vault, "restore"), {"value": encoding.encode(file.content)})
    except AzureFailure as failure:
        raise Refused.because(failure, "backup") from None
    return str(restored["key"]["kid"].split("/")[4])


_MAKERS: Final = {
    Option.GENERATE: _generate,
    Option.IMPORT: _import,
    Option.RESTORE: _restore,
    Option.KEK: _generate_kek,
}
_TOLD: Final = {
    Option.GENERATE: "The key {} was created.",
    Option.IMPORT: "The key {} was imported.",
    Option.RESTORE: "The key {} was restored.",
    Option.KEK: "The key encryption key {} was created.",
}


def _problem_of_name(name: str) -> str | None:
    if not name:
        return "Enter a name: letters, digits and dashes."
    try:
        require_name(name)
    except AzureFailure as failure:
        return failure.message
    return None


def _problem_of_protection(vault: Vault, wanted: Wanted) -> str | None:
    if wanted.protection == "hsm" and vault.sku != PREMIUM:
        return "Keys that an HSM protects need a vault of the pricing tier Premium, and this one is Standard."
    return forms.one_of(wanted.protection, PROTECTIONS, "Choose what protects the key.")


def _form(visit: Visit, vault: Vault, wanted: Wanted, refused: Refused | None = None) -> Response:
    return show(
        visit,
        "key_creation.html",
        refused=refused,
        vault=vault,
        wanted=wanted,
        options=options_of(vault),
        premium=vault.sku == PREMIUM,
        types=TYPES,
        sizes=SIZES,
        curves=tuple(CURVES),
        protections=PROTECTIONS,
        enabled=ENABLED,
    )
