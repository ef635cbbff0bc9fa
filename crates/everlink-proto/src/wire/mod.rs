//! Bytes to values and back, and nothing else.
//!
//! ```text
//! short packet   flags 1 | connection id 8 | packet number 4 | sealed { frame frame .. } | tag 16
//! message 1      kind 1 | version 1 | 0 0 | id 8 | e 32 | e1 816 | s 48 | payload 260 | mac1 16 | mac2 16
//! message 2      kind 1 | version 1 | 0 0 | id 8 | id 8 | e 32 | ekem1 784 | payload 332 | mac1 16 | zeros 16
//! COOKIE         kind 1 | version 1 | 0 0 | id 8 | nonce 24 | sealed 32
//! UNKNOWN        kind 1 | version 1 | 0 0 | id 8 | token 16
//! VERSIONS       kind 1 | version 1 | 0 0 | id 8 | nonce 24 | sealed 24
//! ```
//!
//! The panic contract: nothing in this module panics, whatever the bytes. Parsers are total; a value that
//! came out of one is legal (SPEC 5), so nobody checks it again. The lints below hold the module to it.

// Tests may panic: that is how they fail.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

pub mod codec;
pub mod frame;
pub mod handshake;
pub mod header;

#[cfg(test)]
mod golden;

/// The version of everything on the wire.
pub const WIRE_VERSION: u8 = 1;

/// The longest datagram (SPEC 1.3): the least that RFC 9000 section 14 asks of a path.
pub const MAX_DATAGRAM: usize = 1200;

/// The tag of every AEAD in use (RFC 8439 section 2.8, RFC 5116 section 5.1).
pub const TAG: usize = 16;
