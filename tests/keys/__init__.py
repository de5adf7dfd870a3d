"""Keys: files, rings, trust, identity, the storage key, the throw-away authority."""
