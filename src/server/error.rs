//! Why a server could not start or stop cleanly, for operators.

use std::net::SocketAddr;

use super::connections::TlsError;
use crate::directory::Error;
use crate::table::{EngineError, TableError};

/// Why a server could not start or stop cleanly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The server cannot listen on the address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
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
    /// The store could not be closed cleanly. Acknowledged writes are safe all the same.
    #[error(
        "cannot close the store cleanly: {0}; no acknowledged write is lost, the next start replays the log"
    )]
    Close(TableError),
    /// The server would serve other machines although callers need no token.
    #[error(
        "{address} can be reached from other machines, and no token has been created yet, so that everybody \
         who can connect could read and change everything; create the first token with `memberbase token create \
         --access admin --data {data}{new}`, or give --insecure-no-auth to serve without tokens"
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
        /// The data directory.
        data: String,
        /// The flag that creates it, if it does not exist yet.
        new: &'static str,
    },
    /// A token cannot be created, listed or revoked.
    #[error("{0}")]
    Token(Error),
    /// A backup cannot be made, read or restored, or a store cannot be checked.
    #[error(transparent)]
    Backup(#[from] EngineError),
    /// The backup cannot be restored to the requested moment.
    #[error("{0}")]
    Until(String),
    /// The TLS files cannot be used.
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
    /// Whether the command was given the wrong folder, for example a backup as data directory.
    #[must_use]
    pub fn is_wrong_folder(&self) -> bool {
        matches!(
            self,
            Self::Backup(EngineError::WrongFolder(_))
                | Self::Open { source: TableError::Engine(EngineError::WrongFolder(_)), .. }
        )
    }
}

/// The text for a store that cannot be opened.
fn opening(data: &str, error: &TableError) -> String {
    match error {
        // These texts name the directory themselves.
        TableError::Engine(error @ (EngineError::InUse(_) | EngineError::WrongFolder(_))) => {
            error.to_string()
        }
        error => format!("cannot open the data directory {data}: {error}"),
    }
}

/// What an operator can do if the store cannot be opened.
fn advice(error: &TableError) -> &'static str {
    match error {
        TableError::Engine(EngineError::Corrupt { .. }) => {
            "; leave the directory as it is: `memberbase check` lists all damage, and `memberbase restore` \
             restores a backup"
        }
        _ => "",
    }
}
