"""The rooms that the core opens its doors to, and what each gives it.

- `keys.routes.routes()`: the data plane, below a vault's host
- `management.routes.routes()`: the management plane, and what of Microsoft Graph is needed
- `management.founding.found(state, directory)`: what an emulator starts with; does nothing when it is there already
- `onboarding.routes.routes()`: Customer Key's other side, below /emulator/customer-key
- each room's `rows.SCHEMA`
"""
