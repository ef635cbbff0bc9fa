use super::*;
use crate::rng::Rng;

fn ticket() -> Ticket {
    let addresses = ["192.0.2.1:4433", "[2001:db8::1]:4433"].map(|text| text.parse().unwrap());
    Ticket::new(PeerId::from_bytes([7; 32]), addresses)
}

/// The text of a ticket with these bytes and the checksum that belongs to them.
fn forged(body: &[u8]) -> String {
    format!("{PREFIX}{}", base32::encode(&[body, &checksum(body)].concat()))
}

fn body(version: u8, items: &[u8]) -> Vec<u8> {
    [&[version], &[7; 32][..], items].concat()
}

#[test]
fn a_ticket_survives_being_written_and_read() {
    for addresses in 0..=Ticket::MAX_ADDRESSES {
        let addresses = ticket().addresses().iter().copied().cycle().take(addresses).collect::<Vec<_>>();
        let ticket = Ticket::new(PeerId::from_bytes([9; 32]), addresses);
        assert_eq!(ticket.to_string().parse(), Ok(ticket));
    }
}

#[test]
fn a_ticket_is_the_text_it_always_was() {
    let text = "everlink1aedqobyha4dqobyha4dqobyha4dqobyha4dqobyha4dqoby\
                ha4dqoaigyaaaeairkebbeiabbw4aaaaaaaaaaaaaaaaaaairkgcfxzfm";
    assert_eq!(ticket().to_string(), text);
}

#[test]
fn case_and_space_around_do_not_matter() {
    let text = format!("  {}\n", ticket().to_string().to_ascii_uppercase());
    assert_eq!(text.parse(), Ok(ticket()));
}

#[test]
fn only_eight_addresses_are_kept_and_no_scopes() {
    let scoped = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 1, 2, 3));
    let ticket = Ticket::new(PeerId::from_bytes([7; 32]), [scoped; 9]);
    assert_eq!(ticket.addresses(), ["[::1]:1".parse::<SocketAddr>().unwrap(); 8]);
    let items = [1, 6, 192, 0, 2, 1, 0, 1].repeat(9);
    assert_eq!(forged(&body(1, &items)).parse::<Ticket>().unwrap().addresses().len(), 8);
}

#[test]
fn items_of_later_versions_are_skipped() {
    let items = [3, 1, 0xff, 0x40, 99, 2, 8, 8, 1, 6, 192, 0, 2, 1, 0x11, 0x51];
    let read: Ticket = forged(&body(1, &items)).parse().unwrap();
    assert_eq!(read.addresses(), ["192.0.2.1:4433".parse::<SocketAddr>().unwrap()]);
}

#[test]
fn every_wrong_letter_is_noticed() {
    let text = ticket().to_string();
    for at in PREFIX.len()..text.len() {
        let other = if text.as_bytes()[at] == b'a' { "b" } else { "a" };
        let wrong = [&text[..at], other, &text[at + 1..]].concat();
        assert_eq!(wrong.parse::<Ticket>(), Err(TicketError::Mistyped));
    }
}

#[test]
fn a_cut_ticket_is_never_read() {
    let text = ticket().to_string();
    for len in 0..text.len() {
        let error = text[..len].parse::<Ticket>().unwrap_err();
        assert!(matches!(error, TicketError::Prefix | TicketError::Truncated | TicketError::Mistyped));
    }
    assert_eq!("everlink1".parse::<Ticket>(), Err(TicketError::Truncated));
    assert_eq!("everlink1aaaa".parse::<Ticket>(), Err(TicketError::Truncated));
}

#[test]
fn each_error_says_what_is_wrong() {
    assert_eq!("everlunk1aaaa".parse::<Ticket>(), Err(TicketError::Prefix));
    assert_eq!("".parse::<Ticket>(), Err(TicketError::Prefix));
    assert_eq!("ééééééé".parse::<Ticket>(), Err(TicketError::Prefix));
    let error = "everlink1aa0a".parse::<Ticket>().unwrap_err();
    assert_eq!(error, TicketError::Character { position: 12, found: '0' });
    assert_eq!(error.to_string(), "character 12 ('0') does not belong in a ticket");
    let error = "everlink1aaéa".parse::<Ticket>().unwrap_err();
    assert_eq!(error, TicketError::Character { position: 12, found: 'é' });
    assert_eq!(forged(&body(2, &[])).parse::<Ticket>(), Err(TicketError::Version(2)));
    assert_eq!(forged(&body(1, &[1, 5, 1, 2, 3, 4, 5])).parse::<Ticket>(), Err(TicketError::Malformed));
    assert_eq!(forged(&body(1, &[9, 60])).parse::<Ticket>(), Err(TicketError::Malformed));
    assert_eq!("a".repeat(5000).parse::<Ticket>(), Err(TicketError::TooLong));
}

#[test]
fn any_sealed_bytes_are_read_or_refused() {
    let mut rng = Rng::from_seed([1; 32]);
    for _ in 0..5_000 {
        let items = rng.bytes::<40>().map(|byte| byte % 24);
        if let Ok(ticket) = forged(&body(1, &items)).parse::<Ticket>() {
            assert_eq!(ticket.to_string().parse(), Ok(ticket));
        }
    }
}
