//! Directories: what every other room of this engine does with files and folders goes through here.
//!
//! - `files`: an operation that makes, renames or removes a file also syncs its directory, so it survives a
//!   power cut.
//! - `folder`: a folder is recognized as a store, a backup or something else before anything is written into
//!   it.
//! - `flock`: one process at a time works in a folder, and the lock ends with its process.

pub(crate) mod files;
pub(crate) mod flock;
pub mod folder;
