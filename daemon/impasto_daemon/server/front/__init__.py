"""The part of the server that clients can reach: connections, authentication, frames."""
