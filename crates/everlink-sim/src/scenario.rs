//! Written worlds.
