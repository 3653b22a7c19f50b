//! The files that lists of members come in: shared by import and export.

mod columns;
mod kind;

pub use self::columns::{COLUMNS, SERVER_COLUMNS, header, is_header};
pub use self::kind::FileFormat;
