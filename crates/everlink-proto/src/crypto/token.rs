//! Tokens that prove who issued a connection id.
//!
//! A process that has lost its keys can still say so: it computes the token of an id it no longer
//! knows from its identity alone, and only who was given that token with the id believes it.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use super::blake;
use super::identity::Identity;
use crate::id::{ConnectionId, Token};

/// What the tokens of one identity are made from, the same in every process life.
#[derive(Clone, ZeroizeOnDrop)]
pub struct TokenKey([u8; 32]);

impl TokenKey {
    /// The key of `identity`.
    pub fn new(identity: &Identity) -> Self {
        Self(identity.derive_key("everlink token"))
    }

    /// The token of a connection id that this identity has issued.
    pub fn token(&self, id: &ConnectionId) -> Token {
        Token(blake::keyed_16(&self.0, &[&id.0]))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

/// Whether a token that arrived is the one expected. Takes the same time wherever they differ, so
/// that nobody can find a token byte by byte.
pub fn verify(expected: &Token, arrived: &Token) -> bool {
    expected.0.ct_eq(&arrived.0).into()
}

#[cfg(test)]
mod tests;
