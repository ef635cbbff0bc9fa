//! Why a link is as it is, in sentences (the answer to "what is going on with this peer?").

use core::fmt;

use super::{Context, Link, history::Transition, lifecycle::LinkState};
use crate::{event::Deadline, id::PeerId, session::ChannelSnapshot, time::Instant};

/// What is owed to a peer, why it does or does not move, what was tried and what comes next.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Whose link.
    pub peer: PeerId,
    /// Where it is in its life.
    pub state: LinkState,
    /// Sentences for a person, most important first.
    pub sentences: Vec<String>,
    /// The last moves, oldest first.
    pub history: Vec<Transition>,
    /// What happens next by itself.
    pub next: Option<Deadline>,
    /// When this was asked.
    pub at: Instant,
}

impl Link {
    pub(crate) fn explain(&self, ctx: &Context<'_>) -> Explanation {
        let mut sentences = vec![self.say_state(ctx)];
        sentences.extend(self.say_debt());
        sentences.extend(self.say_tries(ctx));
        sentences.extend(self.say_obstacles(ctx));
        Explanation {
            peer: self.peer,
            state: self.state,
            sentences,
            history: self.history.iter().copied().collect(),
            next: self.poll_timeout(ctx),
            at: ctx.now,
        }
    }

    fn say_state(&self, ctx: &Context<'_>) -> String {
        let Some(winner) = self.winner() else {
            return match self.state {
                LinkState::Connecting => "waiting: no connection yet; dialling".into(),
                LinkState::Idle | LinkState::Connected | LinkState::Suspect => {
                    "idle: no connection, and nothing to send".into()
                }
            };
        };
        let heard = ctx.now.saturating_since(winner.last_heard);
        let (remote, rtt) = (winner.path.remote(), winner.path.recovery.rtt().smoothed());
        match winner.path.suspect_since() {
            None => format!("direct: {remote}, round trip {rtt:.1?}, last heard {heard:.1?} ago"),
            Some(since) => {
                let lasted = ctx.now.saturating_since(since);
                format!("waiting: {remote} has not answered for {lasted:.1?}; last heard {heard:.1?} ago")
            }
        }
    }

    fn say_debt(&self) -> Option<String> {
        let (mut sent, mut waiting) = (0, 0);
        for channel in self.session.snapshot().channels {
            if let ChannelSnapshot::Sending { bound, unbound, .. } = channel {
                sent += bound;
                waiting += unbound;
            }
        }
        (sent + waiting > 0)
            .then(|| format!("owed: {waiting} messages not yet sent, {sent} sent and without a verdict"))
    }

    fn say_tries(&self, ctx: &Context<'_>) -> Option<String> {
        let ladder = self.ladder.as_ref()?;
        let (known, other) = ladder.dials();
        let to_dial = [true, false].into_iter().flat_map(|proved| self.addresses.to_dial(proved));
        let addresses: Vec<_> = to_dial.map(|it| it.to_string()).collect();
        let next = ladder.deadline().map(|at| at.saturating_since(ctx.now));
        Some(format!(
            "tried: {} rounds at known and {} at unproved addresses in {:.1?} ({}); next try in {:.1?}",
            known,
            other,
            ctx.now.saturating_since(ladder.since()),
            if self.addresses.is_empty() {
                "no address is known: add a ticket".into()
            } else if addresses.is_empty() {
                "at no address for now".into()
            } else {
                addresses.join(", ")
            },
            next.unwrap_or_default(),
        ))
    }

    fn say_obstacles(&self, ctx: &Context<'_>) -> Vec<String> {
        let mut obstacles = Vec::new();
        if let Some(until) = self.refused_until.filter(|until| *until > ctx.now) {
            let left = until.saturating_since(ctx.now);
            obstacles.push(format!("the peer refused us and may be tried again in {left:.1?}"));
        }
        let shunned: Vec<_> = self.addresses.shunned().map(|it| it.to_string()).collect();
        if let Some(until) = self.switch_settles.filter(|_| !shunned.is_empty()) {
            let left = until.saturating_since(ctx.now);
            obstacles.push(format!(
                "at {} a process answers that was left for another one; it is dialled again in {left:.1?}",
                shunned.join(", ")
            ));
        }
        if !self.closing.is_open() {
            obstacles.push("the session is being closed by this side".into());
        }
        if self.check.is_some() {
            obstacles.push("a second process shows the peer's key; asking the first whether it lives".into());
        }
        if self.session.blocked_by_credit() {
            obstacles.push("the peer's application does not read: no credit to send more".into());
        }
        if self.session.has_unread() {
            obstacles.push("this side's application has unread items in the inbox".into());
        }
        obstacles.extend(self.last_violation.as_ref().map(|what| format!("the peer broke a rule: {what}")));
        obstacles
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:#}: {}", self.peer, self.state)?;
        for sentence in &self.sentences {
            writeln!(f, "  {sentence}")?;
        }
        for step in &self.history {
            let ago = self.at.saturating_since(step.at);
            writeln!(f, "  {ago:.1?} ago {} -> {}: {}", step.from, step.to, step.cause)?;
        }
        Ok(())
    }
}
