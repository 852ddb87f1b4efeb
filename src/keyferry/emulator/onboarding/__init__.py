"""A stand-in for Microsoft's side of Customer Key: it validates a pair of vault keys, and activates it.

The real service is reached by the cmdlets New-CustomerKeyOnboardingRequest and Get-CustomerKeyOnboardingRequest of the
PowerShell module M365CustomerKeyOnboarding alone; how they speak to it is not known. What is like it here: the
parameters, the two modes, the members of the result. What is not confirmed: the items of FailedValidations, the values
of -Scenario other than MDEP, contact information as part of the request, and what the service does with the keys when
it activates them. Every answer says that it is a stand-in's.
"""
