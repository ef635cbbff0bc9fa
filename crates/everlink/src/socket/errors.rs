//! What an error of a socket says: about the socket itself, about the way to one destination, or
//! nothing.

use std::io::{self, ErrorKind};

/// Whether the socket will never work again and has to be made anew.
pub(super) fn is_fatal(error: &io::Error) -> bool {
    fatal_code(error) || matches!(error.kind(), ErrorKind::NotConnected | ErrorKind::BrokenPipe)
}

/// `EBADF`, `ENOTSOCK`: closed behind our back, as iOS does to programs in the background.
/// `ENETDOWN`, `ENODEV`, `EADDRNOTAVAIL`: the interface or the address it was bound to is gone.
#[cfg(unix)]
fn fatal_code(error: &io::Error) -> bool {
    use rustix::io::Errno;
    const FATAL: [Errno; 5] =
        [Errno::BADF, Errno::NOTSOCK, Errno::NETDOWN, Errno::NODEV, Errno::ADDRNOTAVAIL];
    error.raw_os_error().is_some_and(|code| FATAL.iter().any(|fatal| fatal.raw_os_error() == code))
}

#[cfg(not(unix))]
fn fatal_code(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NetworkDown | ErrorKind::AddrNotAvailable)
}

/// Whether a failed send says something about the way to its destination. A full queue of the
/// kernel (`ENOBUFS`) or a datagram too long for an interface (`EMSGSIZE`) is an ordinary loss.
pub(crate) fn hints_at_path(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::PermissionDenied
    )
}

#[cfg(test)]
mod tests;
