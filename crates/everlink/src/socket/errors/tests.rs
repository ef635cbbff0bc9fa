use rustix::io::Errno;

use super::*;

fn error(code: Errno) -> io::Error {
    io::Error::from_raw_os_error(code.raw_os_error())
}

#[test]
fn a_closed_descriptor_is_the_end_of_a_socket() {
    for code in [Errno::BADF, Errno::NOTSOCK] {
        assert!(is_fatal(&error(code)), "{code}");
    }
}

#[test]
fn what_one_destination_or_a_busy_kernel_causes_is_not() {
    let of_destination = [Errno::CONNREFUSED, Errno::PERM, Errno::NETUNREACH, Errno::MSGSIZE];
    for code in of_destination.into_iter().chain([Errno::NOBUFS, Errno::AGAIN]) {
        assert!(!is_fatal(&error(code)), "{code}");
        assert!(!says_interface_is_gone(&error(code)), "{code}");
    }
}

#[test]
fn a_lost_interface_is_the_end_only_of_what_was_bound_to_it() {
    for code in [Errno::NETDOWN, Errno::NODEV, Errno::ADDRNOTAVAIL] {
        assert!(says_interface_is_gone(&error(code)), "{code}");
        assert!(!is_fatal(&error(code)), "{code}");
        assert!(hints_at_path(&error(code)), "{code}");
    }
}

#[test]
fn only_errors_about_the_way_are_hints() {
    for code in [Errno::CONNREFUSED, Errno::PERM, Errno::NETUNREACH, Errno::HOSTUNREACH] {
        assert!(hints_at_path(&error(code)), "{code}");
    }
    for code in [Errno::NOBUFS, Errno::MSGSIZE, Errno::BADF] {
        assert!(!hints_at_path(&error(code)), "{code}");
    }
}
