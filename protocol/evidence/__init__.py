"""Evidence: what a record says, how its bytes are made, and how the records hang together."""
