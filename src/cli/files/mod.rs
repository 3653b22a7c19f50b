//! A command never writes into what it reads, nor among the files of a store or a backup.
//!
//! Names do not tell: a file has several through links, and two paths may lead to one folder. So files are compared by
//! device and inode, before anything is opened for writing.

mod alone;
mod identity;
mod refuse;
mod unfinished;

pub use self::alone::{create_alone, open_alone, stands_at};
pub use self::refuse::{refuse_inside_store, refuse_nesting, refuse_overwriting};
pub use self::unfinished::{begin as begin_unfinished, unfinished};
