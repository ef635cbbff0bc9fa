//! `everlink sim`: runs the simulator.

use crate::args::SimCommand;
use crate::output::{Failure, Outcome};

pub(super) fn run(_: &SimCommand) -> Outcome {
    Err(Failure::failed("not yet"))
}
