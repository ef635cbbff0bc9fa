//! Both families of addresses, and tickets with several.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;

use std::net::{Ipv6Addr, SocketAddr, UdpSocket};

use common::{identity, next_message};
use everlink::{Endpoint, Ticket};

async fn everywhere(n: u8) -> Endpoint {
    Endpoint::builder().identity(identity(n)).start().await.unwrap()
}

fn has_ipv6() -> bool {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// The loopback address of the family that `pick` chooses.
fn loopback(endpoint: &Endpoint, pick: fn(&SocketAddr) -> bool) -> SocketAddr {
    let bound = endpoint.local_addrs().into_iter().find(pick).unwrap();
    let ip = if bound.is_ipv4() { "127.0.0.1" } else { "::1" };
    SocketAddr::new(ip.parse().unwrap(), bound.port())
}

#[tokio::test]
async fn one_endpoint_is_reached_over_both_families() {
    let server = everywhere(1).await;
    let mut families: Vec<fn(&SocketAddr) -> bool> = vec![SocketAddr::is_ipv4];
    if has_ipv6() {
        families.push(SocketAddr::is_ipv6);
    }
    for (n, family) in families.into_iter().enumerate() {
        let client = everywhere(2 + u8::try_from(n).unwrap()).await;
        let ticket = Ticket::new(server.peer_id(), [loopback(&server, family)]);
        drop(client.add_ticket(&ticket).send("hello").await.unwrap());
        let message = next_message(&server).await;
        assert_eq!(message.peer, client.peer_id());
        drop(server.link(message.peer).send("hello to you").await.unwrap());
        assert_eq!(next_message(&client).await.body, "hello to you");
    }
}

#[tokio::test]
async fn one_working_address_of_a_ticket_is_enough() {
    let (server, client) = (everywhere(1).await, everywhere(2).await);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addresses =
        [silent.local_addr().unwrap(), "[::1]:9".parse().unwrap(), loopback(&server, SocketAddr::is_ipv4)];
    let ticket: Ticket = Ticket::new(server.peer_id(), addresses).to_string().parse().unwrap();
    drop(client.add_ticket(&ticket).send("hello").await.unwrap());
    assert_eq!(next_message(&server).await.body, "hello");
}

#[tokio::test]
async fn the_ticket_of_an_endpoint_leads_to_it() {
    let (server, client) = (everywhere(1).await, everywhere(2).await);
    assert!(server.ticket().addresses().iter().all(|address| !address.ip().is_unspecified()));
    drop(client.add_ticket(&server.ticket()).send("hello").await.unwrap());
    assert_eq!(next_message(&server).await.body, "hello");
}
