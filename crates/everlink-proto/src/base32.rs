//! Base32 (RFC 4648 section 6) for people: lower case, no padding, and read in either case, since
//! QR codes hold upper case in less space.

use data_encoding::BASE32_NOPAD;

/// Why a text is not base32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base32Error {
    /// A character, counted from 0, is not of the alphabet.
    Character(usize, char),
    /// No bytes have this many characters.
    Length,
    /// The last character holds bits of no byte.
    Trailing,
}

/// The text for `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// The bytes of `text`.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, Base32Error> {
    let stranger = text.chars().enumerate().find(|(_, found)| !is_base32(*found));
    if let Some((position, found)) = stranger {
        return Err(Base32Error::Character(position, found));
    }
    if matches!(text.len() % 8, 1 | 3 | 6) {
        return Err(Base32Error::Length);
    }
    BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).map_err(|_| Base32Error::Trailing)
}

const fn is_base32(character: char) -> bool {
    matches!(character, 'a'..='z' | 'A'..='Z' | '2'..='7')
}
