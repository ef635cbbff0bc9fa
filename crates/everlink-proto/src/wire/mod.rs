//! Bytes to values and back, and nothing else.
//!
//! ```text
//! short packet   flags 1 | connection id 8 | packet number 4 | sealed { frame frame .. } | tag 16
//! message 1      kind 1 | version 1 | 0 0 | id 8 | e 32 | e1 816 | s 48 | payload 260 | mac1 16 | mac2 16
//! message 2      kind 1 | version 1 | 0 0 | id 8 | id 8 | e 32 | ekem1 784 | payload 332 | mac1 16 | zeros 16
//! ```
//!
//! The panic contract: nothing in this module panics, whatever the bytes. Parsers are total; a value that
//! came out of one is legal (SPEC 5), so nobody checks it again.

pub mod frame;
