//! Reading the file: it is cut into rows, rows become members, and members are put into chunks.
//!
//! [`Source`] gives chunks to the rest of the import, and [`Format`] explains failures in terms of the file.
//! Nothing here calls the server.

mod cells;
mod chunk;
mod columns;
mod csv;
mod csv_rows;
mod field;
mod format;
pub(crate) mod fuzz;
mod input;
mod key;
mod limits;
mod match_key;
mod missing;
mod ndjson;
mod object;
mod repeats;
mod rows;
mod source;
mod split;

pub use self::cells::Reading;
pub use self::chunk::Chunk;
pub use self::columns::FAILURE_COLUMNS;
pub use self::csv_rows::{BOM, is_delimiter};
pub use self::format::Format;
pub use self::input::{Opened, is_stdin};
pub use self::key::Key;
pub use self::match_key::MatchKey;
pub use self::missing::{ALL_FIELDS, ClearMissing, Keys};
pub use self::object::{FAILED, fields};
pub use self::repeats::Repeats;
pub use self::rows::{Collector, Row, Rows};
pub use self::source::Source;
