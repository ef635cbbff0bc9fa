//! everlink.
