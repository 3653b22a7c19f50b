//! The settings of a server: their sources, their valid values and their defaults.
//!
//! Every setting can be given as a flag (`--delete-retention`), an environment variable
//! (`MEMBERBASE_DELETE_RETENTION`) or a key of a TOML file (`delete-retention`). A flag overrides the
//! environment, which overrides the file. All problems are reported together. Nothing here reads the
//! environment, files or the command line: texts are passed in.

mod advertised;
mod conflict;
mod file;
mod load;
mod origins;
mod otlp;
mod settings;
mod store;
pub mod units;
mod values;
mod variables;

pub use self::advertised::Advertised;
pub use self::file::File;
pub use self::load::Problems;
pub use self::origins::Origins;
pub use self::otlp::{CollectorTls, OTEL, Otlp, Protocol};
pub use self::settings::{Form, SETTINGS, Setting, keys};
pub use self::store::{Secret, StoreUrl};
pub use self::values::{ADMIN_LISTEN, Config, EngineKind, LogFormat};
pub use self::variables::{PASSWORD, PREFIX, unknown_variables, variable};
