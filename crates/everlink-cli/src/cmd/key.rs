//! `everlink key`: files that hold an identity.

use std::path::Path;

use everlink::{Identity, KeyFile};
use ring::rand::{SecureRandom, SystemRandom};

use crate::args::KeyCommand;
use crate::output::{self, Exit, Failure, Outcome};

pub(super) fn run(command: &KeyCommand) -> Outcome {
    let identity = match command {
        KeyCommand::New { file } => KeyFile::at(file).create().map_err(Failure::local)?,
        KeyCommand::Show { file } => load(file)?,
    };
    output::print(identity.peer_id())?;
    Ok(Exit::Done)
}

/// The identity in a file.
pub(super) fn load(file: &Path) -> Result<Identity, Failure> {
    KeyFile::at(file).load().map_err(Failure::local)
}

/// An identity for as long as this process lives.
pub(super) fn generate() -> Result<Identity, Failure> {
    let mut seed = [0; 32];
    let filled = SystemRandom::new().fill(&mut seed);
    filled.map_err(|_| Failure::local("the system gave no random bytes, without which no key is safe"))?;
    Ok(Identity::from_seed(&seed))
}
