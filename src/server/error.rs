//! Why a server could not start, or did not stop well, in the words of an operator.

use std::net::SocketAddr;

use super::connections::TlsError;
use crate::directory::Error;
use crate::table::{EngineError, TableError};

/// Why a server could not start, or did not stop well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("{}{}", opening(data, source), advice(source))]
    Open {
        /// The data directory.
        data: String,
        /// Why.
        source: TableError,
    },
    /// The store could not be closed in order. What was acknowledged is safe all the same.
    #[error(
        "cannot close the store in order: {0}; nothing that was acknowledged is lost, the next start replays the log"
    )]
    Close(TableError),
    /// Other machines would be served although callers need no token.
    #[error(
        "{address} can be reached from other machines, and no token was made yet, so that everybody who reaches it could \
         read and change everything; make the first token with `memberbase token create --access admin --data {data}{new}`, \
         or, to serve it all the same, give --insecure-no-auth"
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
        /// The data directory.
        data: String,
        /// What makes it, where it is not there yet.
        new: &'static str,
    },
    /// A token cannot be made, listed or revoked.
    #[error("{0}")]
    Token(Error),
    /// A backup cannot be made, read or restored, or a store cannot be looked at.
    #[error(transparent)]
    Backup(#[from] EngineError),
    /// The moment to restore to is none that the backup has.
    #[error("{0}")]
    Until(String),
    /// The files of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The descriptors of the services cannot be served.
    #[error("cannot offer reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The runtime or the signals cannot be set up.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

impl ServeError {
    /// Whether a folder was named that is not what it would have to be.
    #[must_use]
    pub fn is_wrong_folder(&self) -> bool {
        matches!(
            self,
            Self::Backup(EngineError::WrongFolder(_))
                | Self::Open { source: TableError::Engine(EngineError::WrongFolder(_)), .. }
        )
    }
}

/// That the store cannot be opened, and why.
fn opening(data: &str, error: &TableError) -> String {
    match error {
        // It names the directory itself.
        TableError::Engine(error @ (EngineError::InUse(_) | EngineError::WrongFolder(_))) => {
            error.to_string()
        }
        error => format!("cannot open the data directory {data}: {error}"),
    }
}

/// What to do when the store cannot be opened.
fn advice(error: &TableError) -> &'static str {
    match error {
        TableError::Engine(EngineError::Corrupt { .. }) => {
            "; leave the directory as it is: `memberbase check` lists all that is damaged, and `memberbase restore` brings \
             back a backup"
        }
        _ => "",
    }
}
