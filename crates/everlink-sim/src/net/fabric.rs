//! The network as a whole: who has which address, and one link for each direction.

use super::damage::damaged;
use super::link::{Link, LinkOptions, Loss};
use super::rule::{Action, Kind, Rule};
use crate::clock::{MILLI, Micros};
use crate::dice::Dice;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How many datagrams the eavesdropper keeps: all that worlds send while faults last, which are 41,000 at most in the
/// first 2,000 of them, below 40 MB. Beyond that a new one takes the place of some other, every handshake and a fifth
/// of the rest.
pub(crate) const TAPE: usize = 65_536;

/// Where a datagram comes from, as far as the receiver is concerned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Origin {
    /// Its sender.
    Genuine,
    /// Its sender, but it was changed under way.
    Damaged,
    /// Its sender, but the network made a second one.
    Copied,
    /// Somebody who heard it under way and sends it again.
    Replayed,
    /// Somebody who heard it and sends it under an address of his own.
    Spoofed,
    /// Nobody sealed it, but it is addressed to its receiver by name.
    Forged,
    /// Nobody sealed it.
    Junk,
}

/// What the network does to datagrams by itself, as reports name it.
pub(crate) const KINDS: [&str; 8] = [
    "bursty loss",
    "corruption",
    "datagram cut off",
    "duplication",
    "full queue",
    "loss",
    "reordering",
    "spoofed source",
];

/// A datagram under way.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) sender: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) origin: Origin,
}

/// What the network did with a datagram.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It and its copies will arrive at these times.
    Carried(Vec<(Micros, Parcel)>),
    /// It is lost.
    Lost(&'static str),
}

/// All links, all addresses, and those who listen and meddle.
#[derive(Debug)]
pub(crate) struct Fabric {
    machines: usize,
    links: Vec<Link>,
    addresses: BTreeMap<SocketAddr, usize>,
    rules: Vec<Rule>,
    last: Vec<Vec<u8>>,
    tape: Option<Vec<Parcel>>,
    /// How many datagrams were overheard, kept or not.
    pub(crate) overheard: usize,
    dice: Dice,
    /// How often each of the network's faults struck.
    pub(crate) struck: BTreeMap<&'static str, u64>,
}

impl Fabric {
    /// A network of `machines`, whose links are `options[from * machines + to]`.
    pub(crate) fn new(machines: usize, options: &[LinkOptions], tap: bool, dice: Dice) -> Self {
        Self {
            machines,
            links: options.iter().cloned().map(Link::new).collect(),
            addresses: BTreeMap::new(),
            rules: Vec::new(),
            last: vec![Vec::new(); machines],
            tape: tap.then(Vec::new),
            overheard: 0,
            dice,
            struck: BTreeMap::new(),
        }
    }

    /// The link from one machine to another.
    pub(crate) fn link(&mut self, from: usize, to: usize) -> &mut Link {
        &mut self.links[from * self.machines + to]
    }

    /// Adds a standing order.
    pub(crate) fn add_rule(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Revokes all standing orders.
    pub(crate) fn clear_rules(&mut self) {
        self.rules.clear();
    }

    /// Gives `address` to `machine`.
    pub(crate) fn assign(&mut self, address: SocketAddr, machine: usize) {
        self.addresses.insert(address, machine);
    }

    /// Takes `address` from whoever has it.
    pub(crate) fn withdraw(&mut self, address: SocketAddr) {
        self.addresses.remove(&address);
    }

    /// Who has `address` now.
    pub(crate) fn owner(&self, address: SocketAddr) -> Option<usize> {
        self.addresses.get(&address).copied()
    }

    /// The eavesdropper goes, and takes along what he has heard.
    pub(crate) fn stop_listening(&mut self) {
        self.tape = None;
    }

    /// What the eavesdropper has heard.
    pub(crate) fn tape(&self) -> &[Parcel] {
        self.tape.as_deref().unwrap_or_default()
    }

    /// Takes a datagram from `sender`.
    pub(crate) fn send(
        &mut self,
        now: Micros,
        sender: usize,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    ) -> Outcome {
        let Some(receiver) = self.owner(to) else { return Outcome::Lost("nobody there") };
        let kind = Kind::of(&bytes);
        let parcel = Parcel { from, to, sender, bytes, origin: Origin::Genuine };
        self.listen(&parcel, kind);
        let order = self.order(sender, receiver, kind);
        let link = &mut self.links[sender * self.machines + receiver];
        match link.carry(now, parcel.bytes.len(), &mut self.dice) {
            Err(loss) => Outcome::Lost(self.lost(loss)),
            Ok(fate) => {
                let mut carried = Vec::with_capacity(1);
                let mut arrives = fate.arrives;
                match order {
                    Some(Action::CopyFromStranger) => {
                        self.strike("spoofed source");
                        let from = stranger(self.dice.below(STRANGERS));
                        let copy = Parcel { from, origin: Origin::Spoofed, ..parcel.clone() };
                        carried.push((arrives.saturating_sub(MILLI).max(now), copy));
                    }
                    Some(Action::HoldBack(by)) => arrives += by,
                    None => {}
                }
                if fate.late {
                    self.strike("reordering");
                }
                if let Some(at) = fate.copy {
                    self.strike("duplication");
                    carried.push((at, Parcel { origin: Origin::Copied, ..parcel.clone() }));
                }
                carried.push((arrives, self.damage(parcel, fate.corrupt)));
                Outcome::Carried(carried)
            }
        }
    }

    /// Counts that a fault of the network struck.
    pub(crate) fn strike(&mut self, name: &'static str) {
        *self.struck.entry(name).or_default() += 1;
    }

    fn lost(&mut self, loss: Loss) -> &'static str {
        let (fault, text) = match loss {
            Loss::Random => ("loss", "lost"),
            Loss::Burst => ("bursty loss", "lost in a burst"),
            Loss::Queue => ("full queue", "queue full"),
            Loss::Cut => ("datagram cut off", "cut"),
        };
        self.strike(fault);
        text
    }

    fn order(&mut self, from: usize, to: usize, kind: Kind) -> Option<Action> {
        let dice = &mut self.dice;
        self.rules.iter_mut().find_map(|rule| rule.order(from, to, kind, dice))
    }

    fn damage(&mut self, parcel: Parcel, corrupt: bool) -> Parcel {
        if !corrupt {
            if self.dice.chance(50_000) {
                self.last[parcel.sender].clone_from(&parcel.bytes);
            }
            return parcel;
        }
        self.strike("corruption");
        let bytes = damaged(&parcel.bytes, &self.last[parcel.sender], &mut self.dice);
        Parcel { bytes, origin: Origin::Damaged, ..parcel }
    }

    fn listen(&mut self, parcel: &Parcel, kind: Kind) {
        let Some(tape) = &mut self.tape else { return };
        self.overheard += 1;
        if tape.len() < TAPE {
            tape.push(parcel.clone());
        } else if kind != Kind::Short || self.dice.chance(200_000) {
            let place = self.dice.below(TAPE as u64) as usize;
            tape[place] = parcel.clone();
        }
    }
}

/// How many addresses the meddlers use.
pub(crate) const STRANGERS: u64 = 8;

/// An address that belongs to nobody in the world: that of a victim, or of an attacker.
pub(crate) fn stranger(number: u64) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1 + (number % STRANGERS) as u8)), 4_000)
}

/// Whether `address` is a [`stranger`]'s.
pub(crate) fn is_stranger(address: SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V4(ip) if ip.octets()[..3] == [203, 0, 113])
}

/// The address of `machine` in the `network`-th network it has been in, behind `port`.
pub(crate) fn address(machine: usize, network: u32, port: u16, ipv6: bool) -> SocketAddr {
    let (host, [_, _, high, low]) = (machine as u8 + 1, network.to_be_bytes());
    let ip = if ipv6 {
        let machine = machine as u16 + 1;
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, machine, network as u16, 0, 0, 0, 1))
    } else {
        IpAddr::V4(Ipv4Addr::new(60 + host, high, low, host))
    };
    SocketAddr::new(ip, port)
}
