//! Reading the file: the rows of [`crate::lists`] become members, and members are put into chunks.
//!
//! [`Source`] gives chunks to the rest of the import, and [`Format`] explains failures in terms of the file.
//! Nothing here calls the server.

mod chunk;
mod format;
mod input;
mod key;
mod match_key;
mod member;
mod missing;
mod refused;
mod repeats;
mod source;

pub use self::chunk::Chunk;
pub use self::format::{Format, Row, Table};
pub use self::input::{Opened, is_stdin};
pub use self::key::Key;
pub use self::match_key::MatchKey;
pub use self::missing::{ALL_FIELDS, ClearMissing, Keys};
pub use self::repeats::Repeats;
pub use self::source::Source;
