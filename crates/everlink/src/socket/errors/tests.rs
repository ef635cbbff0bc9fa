use rustix::io::Errno;

use super::*;

fn error(code: Errno) -> io::Error {
    io::Error::from_raw_os_error(code.raw_os_error())
}

#[test]
fn a_closed_descriptor_or_a_lost_interface_is_the_end_of_a_socket() {
    for code in [Errno::BADF, Errno::NOTSOCK, Errno::NETDOWN, Errno::NODEV, Errno::ADDRNOTAVAIL] {
        assert!(is_fatal(&error(code)), "{code}");
    }
}

#[test]
fn what_one_destination_or_a_busy_kernel_causes_is_not() {
    for code in
        [Errno::NOBUFS, Errno::AGAIN, Errno::CONNREFUSED, Errno::PERM, Errno::NETUNREACH, Errno::MSGSIZE]
    {
        assert!(!is_fatal(&error(code)), "{code}");
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
