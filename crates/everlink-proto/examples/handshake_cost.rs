//! How much CPU a handshake costs each side. Run with `--release`.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_types,
    reason = "a program that measures time and prints it"
)]

use std::time::{Duration, Instant};

use everlink_proto::crypto::identity::Identity;
use everlink_proto::crypto::macs::{Mac1Key, verify_mac1, write_macs};
use everlink_proto::crypto::noise::{
    HEADER_1_LEN, HEADER_2_LEN, HandshakeError, Initiator, MESSAGE_LEN, Network, PAYLOAD_1_LEN,
    PAYLOAD_2_LEN, Responder,
};
use everlink_proto::rng::Rng;

const ROUNDS: u32 = 2000;

fn main() -> Result<(), HandshakeError> {
    let mut rng = Rng::from_seed([1; 32]);
    let (alice, bob) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
    let network = Network { id: [0; 16], psk: [0; 32] };
    let mut spent = [Duration::ZERO; 4];
    let mut bill = |row: usize, since: Instant| spent[row] += since.elapsed();

    for _ in 0..ROUNDS {
        let clock = Instant::now();
        let (header, payload) = (&[0; HEADER_1_LEN], &[0; PAYLOAD_1_LEN]);
        let (initiator, body) =
            Initiator::start(&alice, &bob.peer_id(), &network, header, payload, &mut rng)?;
        bill(0, clock);

        let clock = Instant::now();
        let received = Responder::read(&bob, &network, header, &body)?;
        let (header, payload) = (&[0; HEADER_2_LEN], &[0; PAYLOAD_2_LEN]);
        let (body, _) = received.responder.reply(header, payload, &mut rng)?;
        bill(1, clock);

        let clock = Instant::now();
        initiator.read(header, &body)?;
        bill(2, clock);

        let mut datagram = [0; MESSAGE_LEN];
        let key = Mac1Key::for_receiver(&bob.peer_id());
        write_macs(&mut datagram, &key, None);
        let clock = Instant::now();
        assert!(verify_mac1(&datagram, &key));
        bill(3, clock);
    }

    let [start, responder, read, junk] = spent.map(|total| total / ROUNDS);
    println!("initiator  {:?} (message 1 {start:?}, message 2 {read:?})", start + read);
    println!("responder  {responder:?}");
    println!("mac1       {junk:?}");
    Ok(())
}
