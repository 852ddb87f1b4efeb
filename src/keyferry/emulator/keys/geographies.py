"""Which geography a region lies in: a backup is restored within it.

Source: learn.microsoft.com/azure/reliability/regions-list.
"""

from typing import Final

_REGIONS: Final = {
    "Asia Pacific": ("eastasia", "southeastasia"),
    "Australia": ("australiacentral", "australiacentral2", "australiaeast", "australiasoutheast"),
    "Brazil": ("brazilsouth", "brazilsoutheast"),
    "Canada": ("canadacentral", "canadaeast"),
    "Europe": ("northeurope", "westeurope"),
    "France": ("francecentral", "francesouth"),
    "Germany": ("germanynorth", "germanywestcentral"),
    "India": ("centralindia", "southindia", "westindia"),
    "Japan": ("japaneast", "japanwest"),
    "Korea": ("koreacentral", "koreasouth"),
    "Norway": ("norwayeast", "norwaywest"),
    "South Africa": ("southafricanorth", "southafricawest"),
    "Sweden": ("swedencentral", "swedensouth"),
    "Switzerland": ("switzerlandnorth", "switzerlandwest"),
    "United Arab Emirates": ("uaecentral", "uaenorth"),
    "United Kingdom": ("uksouth", "ukwest"),
    "United States": (
        "centralus",
        "eastus",
        "eastus2",
        "northcentralus",
        "southcentralus",
        "westcentralus",
        "westus",
        "westus2",
        "westus3",
    ),
}
_GEOGRAPHY: Final = {region: geography for geography, regions in _REGIONS.items() for region in regions}


def geography_of(region: str) -> str:
    """The geography of a region; one that shares its geography with no other is its own."""
    return _GEOGRAPHY.get(region.replace(" ", "").lower(), region)
