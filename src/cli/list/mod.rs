//! The files that lists of members come in: shared by import and export.

mod kind;

pub use self::kind::{FileFormat, ListFormat};
