"""The arguments of the procedures: declared, read, and kept from one run to the next."""
