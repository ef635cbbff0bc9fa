//! One machine: a clock, an address, perhaps a process, and what may befall them.

use crate::app::{App, AppPlan};
use crate::check::Process;
use crate::clock::{Clock, Micros};
use crate::dice::Dice;
use crate::net::fabric::{Parcel, address};
use crate::subject::Endpoint;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// How many datagrams a socket buffers while its process does not run.
pub(crate) const SOCKET_BUFFER: usize = 256;

/// One life of the program on a machine.
pub(crate) struct Life {
    pub(crate) process: Process,
    pub(crate) endpoint: Endpoint,
    pub(crate) app: App,
    /// When the endpoint's timer is set for, in world time.
    pub(crate) alarm: Micros,
    /// When the application wants to act, in world time.
    pub(crate) appointment: Micros,
}

/// What a machine is capable of now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Condition {
    /// Everything.
    Awake,
    /// Nothing, and what is sent to it is lost.
    Asleep,
    /// Nothing, but its socket still fills.
    Stalled,
}

/// A computer.
pub(crate) struct Machine {
    pub(crate) number: usize,
    pub(crate) identity: usize,
    pub(crate) clock: Clock,
    pub(crate) address: SocketAddr,
    pub(crate) ipv6: bool,
    networks: u32,
    port: u16,
    pub(crate) condition: Condition,
    pub(crate) until: Micros,
    pub(crate) socket_works: bool,
    pub(crate) waiting: VecDeque<Parcel>,
    pub(crate) life: Option<Life>,
    pub(crate) plan: AppPlan,
    pub(crate) dice: Dice,
    /// Most datagrams it takes out of the endpoint at once.
    pub(crate) batch: usize,
}

impl Machine {
    /// A machine that has not started its process yet.
    pub(crate) fn new(
        number: usize,
        identity: usize,
        clock: Clock,
        ipv6: bool,
        plan: AppPlan,
        mut dice: Dice,
    ) -> Self {
        let batch = dice.pick(&[1, 8, 64]);
        Self {
            number,
            identity,
            clock,
            address: address(number, 0, 4_001, ipv6),
            ipv6,
            networks: 0,
            port: 4_001,
            condition: Condition::Awake,
            until: 0,
            socket_works: true,
            waiting: VecDeque::new(),
            life: None,
            plan,
            dice,
            batch,
        }
    }

    /// Moves to another network, or only to another port of the same one.
    pub(crate) fn next_address(&mut self, only_port: bool) -> SocketAddr {
        self.port = self.port.checked_add(1).unwrap_or(4_001);
        if !only_port {
            self.networks += 1;
        }
        self.address = address(self.number, self.networks, self.port, self.ipv6);
        self.address
    }

    /// Whether its process can do anything now.
    pub(crate) fn runs(&self) -> bool {
        self.life.is_some() && self.condition == Condition::Awake
    }

    /// The process that runs or would run here.
    pub(crate) fn process(&self) -> Option<Process> {
        self.life.as_ref().map(|life| life.process)
    }
}
