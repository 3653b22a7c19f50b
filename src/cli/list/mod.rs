//! The files that lists of members come in, and what is said about rows that failed: shared by import, sync
//! and export.

mod failure;
mod kind;
mod renamed;

pub use self::failure::{RowFailure, annotated, where_failed};
pub use self::kind::{FileFormat, ListFormat};
pub use self::renamed::renamed;
