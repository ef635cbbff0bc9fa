//! `everlink key`: files that hold an identity.

use std::path::Path;

use everlink::Identity;

use crate::args::KeyCommand;
use crate::output::{self, Exit, Failure, Outcome};

pub(super) fn run(command: &KeyCommand) -> Outcome {
    let identity = match command {
        KeyCommand::New { file } => everlink::key_file::create(file).map_err(Failure::local)?,
        KeyCommand::Show { file } => load(file)?,
    };
    output::print(identity.peer_id())?;
    Ok(Exit::Done)
}

/// The identity in a file.
pub(super) fn load(file: &Path) -> Result<Identity, Failure> {
    everlink::key_file::load(file).map_err(Failure::local)
}

/// An identity for as long as this process lives.
pub(super) fn generate() -> Result<Identity, Failure> {
    everlink::key_file::generate().map_err(Failure::local)
}
