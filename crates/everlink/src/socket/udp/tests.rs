use std::future::poll_fn;

use super::*;

fn localhost() -> UdpSockets {
    UdpSockets::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap()
}

async fn send(socket: &UdpSockets, to: SocketAddr, contents: &[u8], segment: usize) {
    let mut sent = 0;
    while sent < contents.len() {
        poll_fn(|cx| socket.poll_writable(cx, to)).await.unwrap();
        match socket.try_send(&Transmit { to, contents: &contents[sent..], segment }) {
            Ok(taken) => sent += taken,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

/// Receives until `total` bytes are there, and gives the datagrams.
async fn receive(socket: &UdpSockets, total: usize) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    while datagrams.iter().map(Vec::len).sum::<usize>() < total {
        let mut space = vec![0; 4 * 65_536];
        let mut buffers: Vec<_> = space.chunks_mut(65_536).map(IoSliceMut::new).collect();
        let mut received = [Received::EMPTY; 4];
        let count = poll_fn(|cx| socket.poll_recv(cx, &mut buffers, &mut received)).await.unwrap();
        for (one, bytes) in received[..count].iter().zip(space.chunks(65_536)) {
            datagrams.extend(bytes[..one.len].chunks(one.segment).map(<[u8]>::to_vec));
        }
    }
    datagrams
}

#[tokio::test]
async fn a_batch_arrives_as_the_datagrams_it_was_made_of() {
    let (a, b) = (localhost(), localhost());
    let batch: Vec<u8> = (0..10 * 1_200 + 77).map(|i: u32| (i / 1_200) as u8).collect();
    send(&a, b.local_addrs()[0], &batch, 1_200).await;
    let datagrams = receive(&b, batch.len()).await;
    assert_eq!(datagrams.len(), 11);
    assert!(datagrams.iter().enumerate().all(|(i, d)| d.iter().all(|byte| usize::from(*byte) == i)));
}

#[tokio::test]
async fn binding_again_keeps_the_port() {
    let (a, b) = (localhost(), localhost());
    let before = b.local_addrs();
    assert!(b.rebind(Rebind::All).unwrap());
    assert_eq!(b.local_addrs(), before);
    send(&a, before[0], b"still here", 1_200).await;
    assert_eq!(receive(&b, 10).await, [b"still here".to_vec()]);
}

#[tokio::test]
async fn only_dead_sockets_are_bound_again_when_nothing_changed() {
    assert!(!localhost().rebind(Rebind::Dead).unwrap());
}

#[tokio::test]
async fn a_half_that_cannot_be_bound_again_does_not_keep_the_other_from_it() {
    let bind = || Half::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = bind();
    let at = std::mem::replace(&mut *gone.address.lock().unwrap(), "192.0.2.1:0".parse().unwrap());
    let sockets = UdpSockets { v4: Some(gone), v6: Some(bind()), v6_first: AtomicBool::new(false) };
    assert!(sockets.rebind(Rebind::All).unwrap(), "one was replaced");
    assert!(sockets.rebind(Rebind::Dead).is_err(), "the other is tried again alone");
    *sockets.v4.as_ref().unwrap().address.lock().unwrap() = at;
    assert!(sockets.rebind(Rebind::Dead).unwrap());
    assert!(!sockets.rebind(Rebind::Dead).unwrap(), "nothing is dead any more");
}

#[tokio::test]
async fn a_destination_out_of_reach_leaves_a_socket_bound_to_all_addresses_alive() {
    let no_address = io::Error::from(ErrorKind::AddrNotAvailable);
    let everywhere = UdpSockets::bind(&["0.0.0.0:0".parse().unwrap()]).unwrap();
    everywhere.halves().for_each(|half| half.note_unsent(&no_address));
    assert!(!everywhere.rebind(Rebind::Dead).unwrap());
    let at_one = localhost();
    at_one.halves().for_each(|half| half.note_unsent(&no_address));
    assert!(at_one.rebind(Rebind::Dead).unwrap(), "the address it is bound to may be gone");
}

/// Puts a descriptor under the socket that is none, as if the system had closed the socket and given
/// its number to something else.
#[cfg(target_os = "linux")]
fn kill_descriptor(sockets: &UdpSockets) {
    use std::os::fd::OwnedFd;
    let (_reader, writer) = io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let io = UdpSocket::from_std(OwnedFd::from(writer).into()).unwrap();
    let mut bound = sockets.halves().next().unwrap().bound.write().unwrap();
    let state = bound.take().unwrap().state;
    *bound = Some(Bound { io, state });
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_descriptor_that_the_kernel_no_longer_takes_for_a_socket_is_bound_again() {
    let (a, b) = (localhost(), localhost());
    let (to, port) = (a.local_addrs()[0], b.local_addrs());
    kill_descriptor(&b);
    poll_fn(|cx| b.poll_writable(cx, to)).await.unwrap();
    let error = b.try_send(&Transmit { to, contents: b"x", segment: 1 }).unwrap_err();
    assert!(is_fatal(&error), "{error}");
    assert!(b.rebind(Rebind::Dead).unwrap());
    assert_eq!(b.local_addrs(), port);
    send(&b, to, b"alive", 1_200).await;
    assert_eq!(receive(&a, 5).await, [b"alive".to_vec()]);
    send(&a, port[0], b"again", 1_200).await;
    assert_eq!(receive(&b, 5).await, [b"again".to_vec()]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_endpoint_goes_on_when_its_descriptor_dies() {
    let endpoint = |n: u8, sockets: UdpSockets| {
        let identity = everlink_proto::crypto::identity::Identity::from_seed(&[n; 32]);
        crate::Endpoint::builder().identity(identity).socket(Box::new(sockets)).start()
    };
    let dead = localhost();
    kill_descriptor(&dead);
    let (a, b) = (endpoint(1, dead).await.unwrap(), endpoint(2, localhost()).await.unwrap());
    let receipt = a.add_ticket(&b.ticket()).send("hello").await.unwrap();
    assert_eq!(receipt.verdict().await, Ok(crate::Verdict::Delivered));
}

#[tokio::test]
async fn a_family_without_a_socket_is_unreachable() {
    let transmit = Transmit { to: "[::1]:9".parse().unwrap(), contents: b"x", segment: 1 };
    assert_eq!(localhost().try_send(&transmit).unwrap_err().kind(), ErrorKind::NetworkUnreachable);
}

#[test]
fn every_address_has_one_spelling() {
    assert_eq!(canonical("[::ffff:192.0.2.1]:7".parse().unwrap()), "192.0.2.1:7".parse().unwrap());
    let v6 = std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 7, 99, 3);
    assert_eq!(canonical(v6.into()), std::net::SocketAddrV6::new(*v6.ip(), 7, 0, 3).into());
}
