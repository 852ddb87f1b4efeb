"""Azure's regions, as far as the emulator places anything in them."""

from typing import Final

from keyferry.emulator.failures import AzureFailure

REGIONS: Final[dict[str, str]] = {
    "australiaeast": "Australia East",
    "brazilsouth": "Brazil South",
    "canadacentral": "Canada Central",
    "canadaeast": "Canada East",
    "centralindia": "Central India",
    "centralus": "Central US",
    "eastasia": "East Asia",
    "eastus": "East US",
    "eastus2": "East US 2",
    "francecentral": "France Central",
    "germanywestcentral": "Germany West Central",
    "italynorth": "Italy North",
    "japaneast": "Japan East",
    "japanwest": "Japan West",
    "koreacentral": "Korea Central",
    "northcentralus": "North Central US",
    "northeurope": "North Europe",
    "norwayeast": "Norway East",
    "polandcentral": "Poland Central",
    "southafricanorth": "South Africa North",
    "southcentralus": "South Central US",
    "southeastasia": "Southeast Asia",
    "spaincentral": "Spain Central",
    "swedencentral": "Sweden Central",
    "switzerlandnorth": "Switzerland North",
    "uaenorth": "UAE North",
    "uksouth": "UK South",
    "ukwest": "UK West",
    "westcentralus": "West Central US",
    "westeurope": "West Europe",
    "westus": "West US",
    "westus2": "West US 2",
    "westus3": "West US 3",
}
"""Display name by name."""

PAIRED: Final[dict[str, tuple[str, ...]]] = {
    "australiaeast": ("australiasoutheast",),
    "brazilsouth": ("southcentralus",),
    "canadacentral": ("canadaeast",),
    "canadaeast": ("canadacentral",),
    "centralindia": ("southindia",),
    "centralus": ("eastus2",),
    "eastasia": ("southeastasia",),
    "eastus": ("westus",),
    "eastus2": ("centralus",),
    "francecentral": ("francesouth",),
    "germanywestcentral": ("germanynorth",),
    "japaneast": ("japanwest",),
    "japanwest": ("japaneast",),
    "koreacentral": ("koreasouth",),
    "northcentralus": ("southcentralus",),
    "northeurope": ("westeurope",),
    "norwayeast": ("norwaywest",),
    "southafricanorth": ("southafricawest",),
    "southcentralus": ("northcentralus",),
    "southeastasia": ("eastasia",),
    "swedencentral": ("swedensouth",),
    "switzerlandnorth": ("switzerlandwest",),
    "uaenorth": ("uaecentral",),
    "uksouth": ("ukwest",),
    "ukwest": ("uksouth",),
    "westcentralus": ("westus2",),
    "westeurope": ("northeurope",),
    "westus": ("eastus",),
    "westus2": ("westcentralus",),
    "westus3": ("eastus",),
}
"""The regions that Azure pairs, by region, as its list of regions tells; a region that stands alone is not named.

Source: learn.microsoft.com/azure/reliability/regions-paired.
"""


def region(given: object, resource_type: str) -> str:
    """The name of the region that is meant by `given`, which may be its display name.

    Raises:
        AzureFailure: 400 LocationRequired, or LocationNotAvailableForResourceType with the regions that there are.
    """
    if not isinstance(given, str) or not given.strip():
        raise AzureFailure(400, "LocationRequired", "The location property is required for this definition.")
    name = given.replace(" ", "").lower()
    if name not in REGIONS:
        raise AzureFailure(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{given}' is not available for resource type '{resource_type}'. "
            f"Available are: {', '.join(REGIONS)}.",
        )
    return name
