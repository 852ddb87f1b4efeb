"""What was asked of Azure, in the words that errors and advice need."""

from dataclasses import dataclass

_MANAGED_HSM = ".managedhsm."


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call, to a vault, the management plane or Microsoft Graph.

    Attributes:
        place: the host that it goes to, with the port if not 443.
        what: what it shall do, to follow 'would not': `import the key tenant`.
        key: the key that it is about.
        permission: what a caller needs for it, as access policies spell it.
        changes: whether doing it twice is not the same as doing it once, so that it is sent once only, and an answer
            that does not come leaves open whether it was done.
        look: how to look whether it was done, to end advice with; about a key that is known already.
        field: the input that would have to change if the name will not do.
    """

    place: str
    what: str
    key: str | None = None
    permission: str | None = None
    changes: bool = False
    look: str | None = None
    field: str | None = None

    @property
    def vault(self) -> str:
        """The vault's or Managed HSM's name, for `az`."""
        return self.place.partition(":")[0].partition(".")[0]

    @property
    def managed_hsm(self) -> bool:
        """Whether it goes to a Managed HSM."""
        return _MANAGED_HSM in self.place

    @property
    def vault_option(self) -> str:
        """How `az keyvault key` is told the vault."""
        return f"{'--hsm-name' if self.managed_hsm else '--vault-name'} {self.vault}"

    @property
    def key_options(self) -> str:
        """How `az keyvault key` is told the vault and the key."""
        return f"{self.vault_option} --name {self.key or 'NAME'}"
