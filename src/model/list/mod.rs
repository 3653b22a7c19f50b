//! Pages of lists, and the cursors between them.
//!
//! This room promises that a cursor opens only for the list for which it was sealed, and reveals no counts.

pub mod cursor;
pub mod page;
