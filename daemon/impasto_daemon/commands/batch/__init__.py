"""The command `impasto batch`: photos found, pictures named, painted, and recognised next time."""
