"""The emulator's management plane: subscriptions, resource groups, vaults, roles, and who may do what.

What Azure Resource Manager and Microsoft Graph answer at `https://management.azure.com` and `https://graph.microsoft.com`,
as far as `az keyvault`, `az group`, `az role` and the `azure-mgmt-*` packages ask.
"""
