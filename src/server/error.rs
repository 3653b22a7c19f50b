//! Why a server could not start or stop cleanly, for operators.

use std::fmt;
use std::net::SocketAddr;

use super::connections::TlsError;
use crate::config::Config;
use crate::directory::Error;
use crate::table::{CopyError, EngineError, TableError};

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this data directory.
    Folder(Box<str>),
    /// In the database with this address, which has no password.
    Database(Box<str>),
}

impl Place {
    /// Where the settings say.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        match &config.store {
            Some(url) => Self::Database(url.to_string().into()),
            None => Self::Folder(config.data.display().to_string().into()),
        }
    }

    /// The flag that names it.
    fn flag(&self) -> String {
        match self {
            Self::Folder(data) => format!("--data {data}"),
            Self::Database(url) => format!("--store {url}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(data) => write!(f, "the data directory {data}"),
            Self::Database(url) => write!(f, "the store in {url}"),
        }
    }
}

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
    /// The settings of the database, or of the collector of spans, cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The store cannot be opened.
    #[error("{}{}", opening(place, source), advice(place, source))]
    Open {
        /// Where it is.
        place: Place,
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
         --access admin {}{new}`, or give --insecure-no-auth to serve without tokens",
        place.flag()
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
        /// Where the store is.
        place: Place,
        /// The flag that creates it, if it does not exist yet.
        new: &'static str,
    },
    /// A store cannot be copied.
    #[error("cannot copy {from} into {to}: {source}")]
    Copy {
        /// Where the store is.
        from: Place,
        /// Where it goes.
        to: Place,
        /// Why.
        source: Box<CopyError>,
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
    /// Whether the command was given the wrong place, for example a backup as data directory.
    #[must_use]
    pub fn is_wrong_place(&self) -> bool {
        match self {
            Self::Backup(EngineError::WrongFolder(_))
            | Self::Open { source: TableError::Engine(EngineError::WrongFolder(_)), .. }
            | Self::Setting(_) => true,
            Self::Copy { source, .. } => match &**source {
                CopyError::NoStore | CopyError::NotEmpty => true,
                CopyError::Table(error) => matches!(error, TableError::Engine(EngineError::WrongFolder(_))),
                CopyError::Differs { .. } => false,
            },
            _ => false,
        }
    }
}

/// The text for a store that cannot be opened.
fn opening(place: &Place, error: &TableError) -> String {
    match (place, error) {
        // These texts name the directory themselves.
        (
            Place::Folder(_),
            TableError::Engine(error @ (EngineError::WrongFolder(_) | EngineError::InUse(_))),
        ) => error.to_string(),
        (Place::Database(_), TableError::Engine(EngineError::InUse(owner))) => format!(
            "cannot open {place}: a running server owns it ({owner}); let that server do it, or stop all servers of \
             this store first"
        ),
        (_, error) => format!("cannot open {place}: {error}"),
    }
}

/// What an operator can do if the store cannot be opened.
fn advice(place: &Place, error: &TableError) -> &'static str {
    match (place, error) {
        (Place::Folder(_), TableError::Engine(EngineError::Corrupt { .. })) => {
            "; leave the directory as it is: `memberbase check` lists all damage, and `memberbase restore` \
             restores a backup"
        }
        _ => "",
    }
}
