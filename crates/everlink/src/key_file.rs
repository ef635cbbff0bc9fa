//! The file that keeps an identity from one run to the next: one line of text, readable by its owner
//! only.
//!
//! ```text
//! everlink-key1 hexadecimal { seed 32 }
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use everlink_proto::crypto::identity::Identity;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

const PREFIX: &str = "everlink-key1";

/// The line and its end; whatever is longer is not a key file.
const MAX_LEN: u64 = 128;

/// A file with an identity in it.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
}

/// Why a key file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is none.
    #[error("{0} does not exist: make a key there first")]
    Missing(PathBuf),
    /// There is one already, which is not overwritten.
    #[error("{0} exists and was left as it is: an identity that is overwritten is lost for ever")]
    Exists(PathBuf),
    /// It is something else.
    #[error(
        "{path} is not a key file: expected one line, \"everlink-key1\" and 64 hexadecimal digits, but {found}"
    )]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        found: &'static str,
    },
    /// Others than its owner can read or change it.
    #[error(
        "{path} has mode {mode:03o}, and others must have no access to a key: chmod 600 it, or make a new key"
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes, without which no key is safe")]
    NoRandomness,
}

impl KeyFile {
    /// The key file at `path`, which need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a new identity and the file. Never overwrites.
    pub fn create(&self) -> Result<Identity, KeyFileError> {
        let mut seed = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(seed.as_mut()).map_err(|_| KeyFileError::NoRandomness)?;
        let line = Zeroizing::new(format!("{PREFIX}{}\n", HEXLOWER_PERMISSIVE.encode(seed.as_ref())));
        self.write_new(line.as_bytes()).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => KeyFileError::Exists(self.path.clone()),
            _ => self.io(source),
        })?;
        Ok(Identity::from_seed(&seed))
    }

    /// Reads the identity.
    pub fn load(&self) -> Result<Identity, KeyFileError> {
        let file = File::open(&self.path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => KeyFileError::Missing(self.path.clone()),
            _ => self.io(source),
        })?;
        self.check_private(&file)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LEN as usize));
        file.take(MAX_LEN).read_to_end(&mut bytes).map_err(|source| self.io(source))?;
        let seed =
            parse(&bytes).map_err(|found| KeyFileError::Malformed { path: self.path.clone(), found })?;
        Ok(Identity::from_seed(&seed))
    }

    /// Reads the identity, or makes one if there is no file.
    pub fn load_or_create(&self) -> Result<Identity, KeyFileError> {
        match self.load() {
            // Another process may make it in this moment.
            Err(KeyFileError::Missing(_)) => match self.create() {
                Err(KeyFileError::Exists(_)) => self.load(),
                created => created,
            },
            loaded => loaded,
        }
    }

    /// Under its name there is the whole line or nothing, whoever reads it when, and whatever fails meanwhile: it is
    /// written under another name and then linked, which never overwrites.
    fn write_new(&self, line: &[u8]) -> io::Result<()> {
        // In a directory that others own, this is the better answer than that nothing can be written there.
        if self.path.symlink_metadata().is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let draft = Draft::beside(&self.path)?;
        write_private(&draft.path, line)?;
        match fs::hard_link(&draft.path, &self.path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
            // Not every file system has links.
            Err(_) => write_private(&self.path, line)?,
            Ok(()) => {}
        }
        drop(draft);
        sync_directory(&self.path);
        Ok(())
    }

    #[cfg(unix)]
    fn check_private(&self, file: &File) -> Result<(), KeyFileError> {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(|source| self.io(source))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed { path: self.path.clone(), mode });
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn check_private(&self, _: &File) -> Result<(), KeyFileError> {
        Ok(())
    }

    fn io(&self, source: io::Error) -> KeyFileError {
        KeyFileError::Io { path: self.path.clone(), source }
    }
}

/// A file under a name that nobody knows, removed in the end.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn beside(path: &Path) -> io::Result<Self> {
        let mut nonce = [0; 8];
        SystemRandom::new().fill(&mut nonce).map_err(|_| io::Error::other("no random bytes"))?;
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}", HEXLOWER_PERMISSIVE.encode(&nonce)));
        Ok(Self { path: path.with_file_name(name) })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // If it cannot be removed, or was not made, there is nobody to tell.
        let _ = fs::remove_file(&self.path);
    }
}

fn write_private(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(line).and_then(|()| file.sync_all()).inspect_err(|_| {
        // It is ours, and half a key is none. Where even that fails, the error says enough.
        let _ = fs::remove_file(path);
    })
}

/// Makes the name of a file as lasting as its content, where the system can. Where it cannot, the file is there all
/// the same.
fn sync_directory(path: &Path) {
    #[cfg(unix)]
    {
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let _ = File::open(directory.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}

fn parse(bytes: &[u8]) -> Result<Zeroizing<[u8; 32]>, &'static str> {
    let digits = bytes.trim_ascii().strip_prefix(PREFIX.as_bytes()).ok_or("it begins differently")?;
    if digits.len() != 64 {
        return Err("it has another number of digits");
    }
    let mut seed = Zeroizing::new([0; 32]);
    HEXLOWER_PERMISSIVE
        .decode_mut(digits, seed.as_mut())
        .map_err(|_| "it has characters that are not hexadecimal digits")?;
    Ok(seed)
}

#[cfg(test)]
mod tests;
