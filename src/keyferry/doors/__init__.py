"""What the doors share: threads for custody, who asks from where, what every request and answer goes through."""
