//! What a person sees of a demonstration: a live picture on a terminal, plain lines elsewhere, nothing when the
//! result is wanted as JSON. Every figure is read from the ledger that also decides the outcome.

use std::future::Future;
use std::io::{self, Write};
use std::time::Duration;

use super::Side;
use super::ledger::{Disruption, Ledger};
use super::report::Report;
use super::script::Kind;
use super::shim::Shim;
use crate::output::grouped;

/// How often the picture is drawn anew.
const FRAME: Duration = Duration::from_millis(100);
/// The disruptions that the picture shows, the latest ones.
const MOST_ROWS: usize = 9;
/// The width of the picture, in characters. A terminal of 80 columns then breaks no line; the next picture would begin
/// in the wrong place if it did.
const WIDTH: usize = 79;
/// The width of the road between the two peers.
const ROAD: usize = 40;
/// Names and numbers, of up to an hour of messages.
const COLUMNS: [usize; 8] = [13, 9, 10, 8, 9, 6, 8, 13];

/// How a demonstration is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum View {
    /// A picture that is drawn over itself.
    Picture,
    /// A line for each thing that happens.
    Lines,
    /// Not at all.
    Hidden,
}

/// What there is to see.
pub(crate) struct Scene<'a> {
    pub(super) seed: u64,
    pub(super) total: Duration,
    pub(super) ledger: &'a Ledger,
    pub(super) shim: &'a Shim,
}

impl View {
    /// Shows the scene for as long as `performance` lasts.
    pub(super) async fn show_while<T>(self, scene: &Scene<'_>, performance: impl Future<Output = T>) -> T {
        let mut shown = Shown::default();
        let mut performance = std::pin::pin!(performance);
        loop {
            // Whoever closed the output sees nothing; the result is judged all the same.
            let _ = self.show(scene, &mut shown);
            match tokio::time::timeout(FRAME, &mut performance).await {
                Ok(outcome) => {
                    let _ = self.show(scene, &mut shown);
                    return outcome;
                }
                Err(_) => continue,
            }
        }
    }

    fn show(self, scene: &Scene<'_>, shown: &mut Shown) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self {
            Self::Picture => scene.draw(&mut out, shown)?,
            Self::Lines => scene.tell(&mut out, shown)?,
            Self::Hidden => {}
        }
        out.flush()
    }

    /// Prints the result in words.
    pub(crate) fn conclude(self, report: &Report) -> io::Result<()> {
        if self == Self::Hidden {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(out)?;
        report.write_words(&mut out)?;
        out.flush()
    }
}

/// What has been shown already.
#[derive(Default)]
struct Shown {
    /// Lines of the last picture.
    lines: usize,
    /// Whether the opening words were said.
    opened: bool,
    /// For each disruption, how many of its lines were said.
    told: Vec<usize>,
}

impl Scene<'_> {
    fn draw(&self, out: &mut impl Write, shown: &mut Shown) -> io::Result<()> {
        let picture: Vec<String> = self.picture().iter().map(|line| clipped(line)).collect();
        if shown.lines > 0 {
            write!(out, "\x1b[{}A", shown.lines)?;
        }
        for line in &picture {
            writeln!(out, "\r{line}\x1b[K")?;
        }
        write!(out, "\x1b[J")?;
        shown.lines = picture.len();
        Ok(())
    }

    fn picture(&self) -> Vec<String> {
        let now = self.ledger.now();
        let disruptions = self.ledger.disruptions();
        let mut lines = vec![
            format!("everlink demo: two peers, and a bad network between (seed {})", self.seed),
            String::new(),
            format!("   alice {} bob   {}", road(disruptions.last()), self.clock(now)),
            String::new(),
            format!("   {}", happening(now, disruptions.last())),
            String::new(),
        ];
        lines.extend(self.table());
        lines.push(String::new());
        lines.push(format!("   {:<40} {}", "what was done to them", "messages flow again after"));
        let first = disruptions.len().saturating_sub(MOST_ROWS);
        lines.extend(disruptions[first..].iter().map(|disruption| row(now, disruption)));
        lines.resize(lines.len() + MOST_ROWS.saturating_sub(disruptions.len()), String::new());
        lines
    }

    fn clock(&self, now: Duration) -> String {
        match self.total.checked_sub(now) {
            Some(_) => format!("{:>4.1} of {} s", now.as_secs_f64(), self.total.as_secs()),
            None => "the last verdicts".to_owned(),
        }
    }

    fn table(&self) -> Vec<String> {
        let head = ["", "accepted", "delivered", "queued", "in doubt", "lost", "doubled", "out of order"];
        let mut lines = vec![columns(&head.map(str::to_owned))];
        for side in Side::BOTH {
            let tally = self.ledger.tally(side);
            lines.push(columns(&[
                format!("{side} → {}", side.other()),
                grouped(tally.accepted),
                grouped(tally.delivered),
                grouped(tally.waiting()),
                grouped(tally.unknown),
                grouped(tally.lost),
                grouped(tally.duplicated),
                grouped(tally.out_of_order),
            ]));
        }
        let (passed, dropped) = self.shim.counts();
        lines.push(format!(
            "   stream  {} KiB in order  ·  network  {} packets, {} lost",
            grouped(self.ledger.chain().logged() >> 10),
            grouped(passed),
            grouped(dropped),
        ));
        lines
    }

    fn tell(&self, out: &mut impl Write, shown: &mut Shown) -> io::Result<()> {
        if !shown.opened {
            shown.opened = true;
            writeln!(
                out,
                "everlink demo: alice and bob send each other 500 numbered messages a second and a byte stream, for \
                 {} s, over real UDP through a bad network (seed {})",
                self.total.as_secs(),
                self.seed
            )?;
        }
        let disruptions = self.ledger.disruptions();
        shown.told.resize(disruptions.len(), 0);
        for (disruption, told) in disruptions.iter().zip(&mut shown.told) {
            if *told == 0 {
                *told = 1;
                let at = disruption.began_at.as_secs_f64();
                writeln!(out, "{at:5.1} s  {}", deed(disruption))?;
            }
            if let (1, Some(line)) = (*told, outcome(disruption)) {
                *told = 2;
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }
}

/// As much of a line as fits.
fn clipped(line: &str) -> String {
    line.chars().take(WIDTH).collect()
}

/// A name and numbers, one below the other.
fn columns(cells: &[String; COLUMNS.len()]) -> String {
    let [name, numbers @ ..] = cells;
    let [width, widths @ ..] = COLUMNS;
    let numbers = numbers.iter().zip(widths).map(|(number, width)| format!("{number:>width$}"));
    format!("   {name:<width$}{}", numbers.collect::<String>())
}

/// What was done, in a few words.
fn deed(disruption: &Disruption) -> String {
    let side = disruption.side;
    match disruption.kind {
        Kind::Cut => "cable pulled: nothing passes".to_owned(),
        Kind::Rebind => format!("NAT forgot {side}: another port"),
        Kind::CrossingDial => "both dial at the same moment".to_owned(),
        Kind::Replace => format!("{side} replaces the connection"),
        Kind::Socket => format!("{side}'s socket closed by the system"),
        Kind::RestartAbrupt => format!("{side} crashed and restarted"),
        Kind::RestartGraceful => format!("{side} stopped and restarted"),
        Kind::Sleep => format!("{side} fell asleep"),
    }
}

/// Whether it goes on for a while.
fn lasts(kind: Kind) -> bool {
    matches!(kind, Kind::Cut | Kind::Sleep | Kind::RestartAbrupt | Kind::RestartGraceful)
}

/// How it ended, once messages flow again both ways.
fn outcome(disruption: &Disruption) -> Option<String> {
    let passes_at = disruption.passes_at?;
    let recovered = recovered(disruption)?;
    let at = (passes_at + recovered).as_secs_f64();
    let lasted = passes_at.saturating_sub(disruption.began_at).as_secs_f64();
    Some(if lasts(disruption.kind) {
        format!(
            "{at:5.1} s    over after {lasted:.1} s with {} messages waiting; {} later they flow both ways",
            grouped(disruption.waiting),
            millis(recovered)
        )
    } else {
        format!("{at:5.1} s    messages flow both ways {} later", millis(recovered))
    })
}

/// The slower direction's recovery.
fn recovered(disruption: &Disruption) -> Option<Duration> {
    let [there, back] = disruption.recovery;
    Some(there?.max(back?))
}

fn row(now: Duration, disruption: &Disruption) -> String {
    let began = disruption.began_at.as_secs_f64();
    let end = disruption.passes_at.unwrap_or(now);
    let lasted = end.saturating_sub(disruption.began_at).as_secs_f64();
    let lasted = if lasts(disruption.kind) { format!("{lasted:.1} s") } else { String::new() };
    let recovered = match (disruption.passes_at, recovered(disruption)) {
        (None, _) => "…".to_owned(),
        (Some(passes_at), None) => format!("… {}", millis(now.saturating_sub(passes_at))),
        (Some(_), Some(recovered)) => millis(recovered),
    };
    format!("   {began:5.1} s  {:<36} {lasted:>6} {recovered:>12}", deed(disruption))
}

/// The road between the peers, as the latest disruption left it.
fn road(latest: Option<&Disruption>) -> String {
    let blocked = latest.filter(|latest| latest.passes_at.is_none());
    let (line, word) = match blocked.map(|blocked| (blocked.kind, blocked.side)) {
        None => ("━", String::new()),
        Some((Kind::Cut, _)) => (" ", " ✂  nothing passes ".to_owned()),
        Some((Kind::Sleep, side)) => ("╌", format!(" {side} sleeps ")),
        Some((Kind::RestartAbrupt | Kind::RestartGraceful, side)) => ("╌", format!(" {side} is away ")),
        Some((Kind::Rebind | Kind::CrossingDial | Kind::Replace | Kind::Socket, _)) => ("━", String::new()),
    };
    let rest = ROAD.saturating_sub(word.chars().count());
    let (left, right) = (rest / 2, rest - rest / 2);
    let edge = if line == " " { "━━━" } else { "" };
    let inner = |count: usize| line.repeat(count.saturating_sub(edge.chars().count()));
    format!("{edge}{}{word}{}{edge}", inner(left), inner(right))
}

/// What is going on, and for how long.
fn happening(now: Duration, latest: Option<&Disruption>) -> String {
    let Some(latest) = latest else { return "now   they have met and exchange messages".to_owned() };
    match (latest.passes_at, recovered(latest)) {
        (None, _) => {
            let outage = now.saturating_sub(latest.began_at).as_secs_f64();
            format!("now   {}, for {outage:.1} s", deed(latest))
        }
        (Some(passes_at), None) => {
            format!("now   packets pass again, for {}", millis(now.saturating_sub(passes_at)))
        }
        (Some(_), Some(_)) => "now   messages flow".to_owned(),
    }
}

fn millis(time: Duration) -> String {
    format!("{} ms", grouped(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene<'a>(ledger: &'a Ledger, shim: &'a Shim) -> Scene<'a> {
        Scene { seed: 1, total: Duration::from_secs(45), ledger, shim }
    }

    fn cut() -> (Ledger, Shim, usize) {
        let ledger = Ledger::new(1);
        let cut = ledger.began(Kind::Cut, Side::Alice);
        (ledger, Shim::start(1).unwrap(), cut)
    }

    #[test]
    fn the_picture_keeps_its_height_and_fits_a_terminal() {
        let (ledger, shim, cut) = cut();
        let height = scene(&ledger, &shim).picture().len();
        ledger.passes(cut, ledger.now());
        for _ in 0..20 {
            let sleep = ledger.began(Kind::Sleep, Side::Bob);
            ledger.passes(sleep, ledger.now());
        }
        for number in 0..1_200 {
            ledger.accepted(Side::Bob, number);
        }
        let long = Scene { seed: u64::MAX, total: Duration::from_secs(3_600), ..scene(&ledger, &shim) };
        let picture = long.picture();
        assert_eq!(picture.len(), height);
        assert!(picture.len() <= 23, "{}", picture.len());
        for line in picture {
            assert_eq!(clipped(&line), line, "it is {} characters wide", line.chars().count());
        }
    }

    #[test]
    fn what_is_drawn_is_never_wider_than_a_terminal() {
        assert_eq!(clipped(&"━".repeat(200)).chars().count(), 79);
    }

    #[test]
    fn the_picture_tells_what_is_done_and_what_was_counted() {
        let (ledger, shim, _) = cut();
        for number in 0..1_200 {
            ledger.accepted(Side::Bob, number);
        }
        let picture = scene(&ledger, &shim).picture().join("\n");
        for words in ["nothing passes", "bob → alice", "1 200"] {
            assert!(picture.contains(words), "{words} is missing in\n{picture}");
        }
    }

    #[test]
    fn lines_tell_each_thing_once() {
        let (ledger, shim, cut) = cut();
        let (mut out, mut shown) = (Vec::new(), Shown::default());
        scene(&ledger, &shim).tell(&mut out, &mut shown).unwrap();
        ledger.passes(cut, ledger.now());
        for side in Side::BOTH {
            ledger.accepted(side, 0);
            ledger.received(side, 0);
            ledger.settled(side, 0, super::super::ledger::Fate::Delivered);
        }
        for _ in 0..3 {
            scene(&ledger, &shim).tell(&mut out, &mut shown).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("cable pulled") && text.contains("they flow both ways"), "{text}");
    }
}
