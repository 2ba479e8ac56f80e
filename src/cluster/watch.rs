//! Watching, without losing an event and without hammering a server.
