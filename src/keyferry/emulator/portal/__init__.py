"""The emulator's portal: pages by which a person does with a mouse what clients do over the planes.

    browser ──TLS──> application.py: who is signed in, from where, which page
                     ├── vaults.py, vault_creation.py, deleted_vaults.py, vault_access.py
                     ├── keys.py, key_creation.py, deleted_keys.py
                     └── offers.py, offer_form.py    Customer Key

Every page goes through the code that answers the planes (management/, keys/, onboarding/), so that what is refused
there is refused here, in its words, beside the field that it is about. Words and order are those of the Azure portal,
as far as they are known. Nothing is loaded from elsewhere, and all but copying and drag and drop works without scripts.
"""
