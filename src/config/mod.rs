//! The settings of a server: where they come from and what they may be.
//!
//! Every setting exists as a flag (`--delete-retention`), an environment variable (`MEMBERBASE_DELETE_RETENTION`) and a
//! key of a TOML file (`delete-retention`); the first of these that gives it counts, then the default. All problems are
//! found at once. Nothing here reads the environment, files or the command line: texts are passed in.

mod file;
mod load;
mod settings;
pub mod units;
mod values;
mod variables;

pub use self::file::File;
pub use self::load::Problems;
pub use self::settings::{Form, SETTINGS, Setting, keys};
pub use self::values::{Config, EngineKind};
pub use self::variables::{PREFIX, unknown_variables, variable};
