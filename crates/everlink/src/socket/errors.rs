//! What an error of a socket says: about the socket itself, about the way to one destination, or
//! nothing.

use std::io::{self, ErrorKind};

/// Whether the socket will never work again and has to be made anew: it was closed behind our back
/// (`EBADF`, `ENOTSOCK`), as iOS does to programs in the background.
pub(super) fn is_fatal(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotConnected | ErrorKind::BrokenPipe) || is_closed(error)
}

/// Whether an interface or an address is not there (`ENETDOWN`, `ENODEV`, `EADDRNOTAVAIL`). That is the end of a
/// socket that was bound to it, or that cannot receive. A socket bound to all addresses has only no way to one
/// destination: with IPv6 switched off Linux binds `[::]` and answers every send with `EADDRNOTAVAIL`.
pub(super) fn says_interface_is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NetworkDown | ErrorKind::AddrNotAvailable) || has_no_device(error)
}

/// Whether a failed send says something about the way to its destination. A full queue of the
/// kernel (`ENOBUFS`) or a datagram too long for an interface (`EMSGSIZE`) is an ordinary loss.
pub(crate) fn hints_at_path(error: &io::Error) -> bool {
    let about_the_way = matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::PermissionDenied
    );
    about_the_way || says_interface_is_gone(error)
}

#[cfg(unix)]
fn is_closed(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    [Errno::BADF, Errno::NOTSOCK].iter().any(|closed| code == Some(closed.raw_os_error()))
}

#[cfg(unix)]
fn has_no_device(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}

/// The kinds of errors say all that is known here.
#[cfg(not(unix))]
fn is_closed(_: &io::Error) -> bool {
    false
}

/// The kinds of errors say all that is known here.
#[cfg(not(unix))]
fn has_no_device(_: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests;
