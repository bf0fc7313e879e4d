"""The networks: where their weights are, how they are fetched, checked and loaded."""
