//! The parts of a DSN.

use std::fmt;
use std::path::PathBuf;

/// The port of a host that names none.
pub(super) const DEFAULT_PORT: u16 = 5432;
/// The schema that has the tables of the store, if the DSN names none.
pub(super) const DEFAULT_SCHEMA: &str = "memberbase";
/// The most hosts that a DSN may name.
pub(super) const MAX_HOSTS: usize = 16;
/// The longest name of a schema, in bytes: PostgreSQL cuts longer ones.
pub(super) const MAX_SCHEMA_BYTES: usize = 40;

/// A checked DSN.
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn {
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    pub(crate) database: String,
    pub(crate) ssl: Ssl,
    /// The authorities that a server's certificate is checked with; the system's if `None`.
    pub(crate) root_certificates: Option<PathBuf>,
    /// A pooler between here and the database may give each transaction another session.
    pub(crate) transaction_pooler: bool,
    pub(crate) schema: String,
    pub(crate) application_name: String,
}

/// One server of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Tcp {
        name: String,
        port: u16,
    },
    /// A folder with the socket of the server on this port.
    Unix {
        folder: PathBuf,
        port: u16,
    },
}

/// How connections are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ssl {
    Disable,
    /// Encrypted if the server offers it, without looking at its certificate.
    Prefer,
    /// Encrypted, without looking at the certificate.
    Require,
    /// Encrypted; the certificate must be of a known authority and for this host.
    VerifyFull,
}

/// Why a text is not a DSN. The texts name no value that could be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DsnError {
    /// It does not begin as one.
    #[error("a database is named as postgres://user@host:5432/database")]
    Scheme,
    /// Something that a DSN must have is missing.
    #[error("the DSN names no {0}")]
    Missing(&'static str),
    /// A part of it cannot be read.
    #[error("the {0} of the DSN cannot be read")]
    Unreadable(&'static str),
    /// It has too many hosts.
    #[error("the DSN names more than {MAX_HOSTS} hosts")]
    TooManyHosts,
    /// An option that does not exist here.
    #[error(
        "the DSN has the unknown option {0:?}; known are host, sslmode, sslrootcert, target_session_attrs, pooler, \
         schema and application_name"
    )]
    UnknownOption(String),
    /// An option is given more than once.
    #[error("the DSN gives the option {0} more than once")]
    Twice(String),
    /// An option has a value that it cannot have.
    #[error("{option} of the DSN must be {expected}")]
    BadOption {
        /// The option.
        option: &'static str,
        /// Its possible values.
        expected: &'static str,
    },
}

impl Dsn {
    /// Whether it holds a password. One that other users of the machine could read, for example on a command
    /// line, must not.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The same database with this password.
    #[must_use]
    pub fn with_password(mut self, password: String) -> Self {
        self.password = Some(password);
        self
    }

    /// The schema that has the tables.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { name, port } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Tcp { name, port } => write!(f, "{name}:{port}"),
            Self::Unix { folder, port } => write!(f, "{}:{port}", folder.display()),
        }
    }
}

impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.hosts.iter().map(Host::to_string).collect();
        write!(f, "postgres://{}@{}/{}", self.user, hosts.join(","), self.database)?;
        if self.schema != DEFAULT_SCHEMA {
            write!(f, "?schema={}", self.schema)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dsn({self})")
    }
}
