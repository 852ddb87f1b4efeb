"""The table of destinations: where keys can go. Adding one means adding a file that knows it, and a row here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from keyferry.byok import azure
from keyferry.byok.identifier import AzureKeyIdentifier, parse_key_identifier
from keyferry.byok.kek import KekPublicKey
from keyferry.byok.transfer_file import TransferFile
from keyferry.errors import InvalidInput
from keyferry.material.algorithms import Algorithm
from keyferry.material.keys import Material

KeyIdentifier = AzureKeyIdentifier
"""How a destination names a KEK. Every kind has `text`, `canonical` (what a public key is bound to) and `warnings`."""


class Wrap(Protocol):
    """What wraps a key to a KEK; see `azure.wrap_for_azure`."""

    def __call__(
        self,
        material: Material,
        kek: KekPublicKey,
        identifier: KeyIdentifier,
        *,
        generator: str = ...,
        name: str | None = ...,
    ) -> TransferFile:
        """Make the destination's transfer file."""
        ...


class ImportCommand(Protocol):
    """What writes the command line that hands a transfer file to the destination; see `azure.import_command`."""

    def __call__(self, identifier: KeyIdentifier, algorithm: Algorithm, *, name: str, file: str) -> str:
        """Write the line, quoted for a POSIX shell."""
        ...


@dataclass(frozen=True, slots=True)
class Destination:
    """A place that keys are wrapped for.

    Attributes:
        name: what commands and REST call it.
        title: what people call it.
        label: the same in one word, where they choose among several.
        parse_identifier: reads and judges a key encryption key's identifier.
        require_target: refuses a key type that the place behind the identifier does not take.
        require_kek_belongs: refuses a public key that came with another identifier.
        wrap: makes the transfer file, having made both checks again.
        warnings: what `wrap` will warn of, known before anything is unsealed.
        import_command: the destination's own command for taking the file.
    """

    name: str
    title: str
    label: str
    parse_identifier: Callable[[str], KeyIdentifier]
    require_target: Callable[[Algorithm, KeyIdentifier], None]
    require_kek_belongs: Callable[[KekPublicKey, KeyIdentifier], None]
    wrap: Wrap
    warnings: Callable[[Algorithm, KekPublicKey, KeyIdentifier], tuple[str, ...]]
    import_command: ImportCommand


DESTINATIONS: dict[str, Destination] = {
    row.name: row
    for row in (
        Destination(
            name="azure",
            title="Azure Key Vault",
            label="Azure",
            parse_identifier=parse_key_identifier,
            require_target=azure.require_azure_takes,
            require_kek_belongs=azure.require_kek_belongs,
            wrap=azure.wrap_for_azure,
            warnings=azure.warnings_for,
            import_command=azure.import_command,
        ),
    )
}


def destination_named(name: str) -> Destination:
    """The destination of that name.

    Raises:
        InvalidInput: `destination-unknown`; the advice lists the names.
    """
    found = DESTINATIONS.get(name)
    if found is None:
        raise InvalidInput(
            "There is no destination of that name",
            code="destination-unknown",
            field="destination",
            advice=f"Use one of: {', '.join(DESTINATIONS)}.",
        )
    return found
