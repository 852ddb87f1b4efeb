"""What requests hold and what answers say, as types; the OpenAPI document is made of them."""
