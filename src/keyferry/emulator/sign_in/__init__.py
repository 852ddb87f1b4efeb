"""The emulator's sign-in: discovery, tokens, and who presents them."""
