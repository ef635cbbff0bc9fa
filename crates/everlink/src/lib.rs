//! everlink.
#![forbid(unsafe_code)]
pub mod clock;
pub mod provider;
pub mod socket;
