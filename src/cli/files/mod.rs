//! Rules for writing files: a command never writes to a file that it reads, nor into the folder of a store or
//! a backup.
//!
//! Names are not enough: a file can have several through links, and two paths can lead to one folder. So
//! files are compared by device and inode, before any file is opened for writing.

mod alone;
mod identity;
mod place;
mod previous;
mod refuse;
mod unfinished;

pub use self::alone::{open_alone, stands_at};
pub use self::place::{check_place, take_place};
pub use self::previous::remove_if_same;
pub use self::refuse::{refuse_inside_store, refuse_nesting, refuse_overwriting};
pub use self::unfinished::{begin as begin_unfinished, unfinished};
