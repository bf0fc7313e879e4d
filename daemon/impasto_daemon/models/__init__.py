"""The weights of the networks: caching, downloading, verifying and loading them."""
