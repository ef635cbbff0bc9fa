//! How a command speaks and ends: lines, numbers for people, its exit code, and one line on standard error if it did not
//! do what it was asked.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// The exit codes, which scripts may rely on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// It was tried and did not succeed.
    Failed = 1,
    /// It was asked for in a way that cannot be understood.
    Usage = 2,
    /// Something on this machine is in the way: a key file, a port.
    Local = 8,
    /// A signal ended it (128 + SIGINT, as shells count).
    Interrupted = 130,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    /// Empty if everything has been said.
    text: String,
}

impl Failure {
    /// It was tried and did not succeed.
    pub(crate) fn failed(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Failed, text: text.to_string() }
    }

    /// It was asked for in a way that cannot be understood.
    pub(crate) fn usage(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, text: text.to_string() }
    }

    /// Something on this machine is in the way.
    pub(crate) fn local(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Local, text: text.to_string() }
    }

    /// Says it now, because something is still to be done; what remains is the exit code.
    pub(crate) fn told(self) -> Exit {
        if !self.text.is_empty() {
            say(&self.text);
        }
        self.exit
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::failed("standard output was closed by its reader"),
            _ => Self::failed(error),
        }
    }
}

/// What every command returns.
pub(crate) type Outcome = Result<Exit, Failure>;

/// Says what went wrong, if anything, and gives the exit code.
pub(crate) fn conclude(outcome: Outcome) -> ExitCode {
    ExitCode::from(outcome.unwrap_or_else(Failure::told) as u8)
}

/// One line on standard error. When nobody can read it there, nobody can be told either.
pub(crate) fn say(text: impl fmt::Display) {
    let text = text.to_string().replace('\n', " ");
    let _ = writeln!(io::stderr(), "everlink: {text}");
}

/// One line on standard output, at once.
pub(crate) fn print(text: impl fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// A number with its thousands set apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_in_groups() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1 000", "1 234 567"]);
    }
}
