//! Why a command ends early.

use std::io;
use std::path::{Path, PathBuf};

use tonic::Status;

use super::exit;
use super::refusal::Refusal;
use crate::server::ServeError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments contradict each other, or refer to something that does not exist.
    #[error("{0}")]
    Usage(String),
    /// The input is not valid.
    #[error("{0}")]
    Data(String),
    /// A file or stream cannot be opened, read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The action that failed, such as "read".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A result cannot be written to standard output.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    /// The secret of a new token could not be shown on standard output.
    #[error("{0}")]
    Unseen(String),
    /// A thread cannot be started.
    #[error("cannot start threads: {0}")]
    Threads(#[source] io::Error),
    /// The server could not start, or did not stop well.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// No server answers there.
    #[error("no server answers at {server}: {reason}")]
    Unreachable {
        /// The address that was tried.
        server: String,
        /// Why it failed.
        reason: String,
    },
    /// A server answers there, but client and server do not speak the same protocol.
    #[error("cannot speak with the server at {server}: {reason}")]
    Unsuited {
        /// The address that was tried.
        server: String,
        /// Why it failed.
        reason: String,
    },
    /// A server answers there, but its certificate was rejected.
    #[error("the certificate of {server} was refused: {reason}")]
    Untrusted {
        /// The address that was tried.
        server: String,
        /// Why it was rejected.
        reason: String,
    },
    /// The server replied with an error.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A signal asked the command to end.
    #[error("stopped by {signal}")]
    Stopped {
        /// What users call it.
        signal: &'static str,
        /// Its number.
        number: u8,
    },
    /// The server broke the contract, or a child process misbehaved.
    #[error("{0}")]
    Broken(String),
}

impl Error {
    /// The exit code of a command that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::Serve(ServeError::Exposed { .. } | ServeError::Token(_) | ServeError::Until(_)) => {
                exit::EXIT_USAGE
            }
            Self::Serve(error) if error.is_wrong_place() => exit::EXIT_USAGE,
            Self::Refused(refusal) if refusal.is_malformed() => exit::EXIT_USAGE,
            Self::Data(_) => exit::EXIT_DATA,
            Self::Output(error) if is_closed(error) => exit::EXIT_PIPE,
            Self::File { .. } | Self::Output(_) | Self::Unseen(_) | Self::Threads(_) | Self::Serve(_) => {
                exit::EXIT_IO
            }
            Self::Stopped { number, .. } => exit::EXIT_SIGNAL + number,
            Self::Unreachable { .. }
            | Self::Unsuited { .. }
            | Self::Untrusted { .. }
            | Self::Refused(_)
            | Self::Broken(_) => exit::EXIT_SERVICE,
        }
    }

    /// Whether the command ends silently with this error, because nobody reads its result any more.
    pub fn is_quiet(&self) -> bool {
        matches!(self, Self::Output(error) if is_closed(error))
    }

    pub(in crate::cli) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Refused(status.into())
    }
}

/// Whether the reader of a pipe has gone.
fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}
