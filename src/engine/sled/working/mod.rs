//! The working copy: sled and its value files, as far as they are trusted.
//!
//! - Nothing that sled says about itself is needed. The log and the snapshots hold everything, so a working
//!   copy that is missing, damaged or of unknown content is rebuilt from them.
//! - A call of sled that panics or never returns harms only the working copy.
//!
//! | file, lower ones first | what it is |
//! | --- | --- |
//! | `trouble` | calls of sled, and what their failures mean |
//! | `values` | value files, in which large values lie |
//! | `aside` | what becomes of a working copy that is not usable |
//! | `filling` | in which order the keys of a group go to sled |
//! | `position` | the last batch that sled has, and what lives in the value files |
//! | `certain` | looking twice before a key is said to be absent |
//! | `copy` | sled and its value files, opened: reading, applying batches, syncing |
//! | `mover` | empties value files in which little lives |
//! | `bounded` | calls of sled that may never return |
//! | `confirmed` | the last batch for which sled's files are on stable storage |
//! | `boot` | whether sled's unsynced writes can still be there |
//! | `replayed` | differences of the log, replayed into a working copy that may be ahead of them |
//! | `restore` | opening sled and bringing it to the end of the log |

pub(crate) mod aside;
pub(crate) mod boot;
pub(crate) mod bounded;
mod certain;
pub(crate) mod confirmed;
pub(crate) mod copy;
mod filling;
pub(crate) mod mover;
mod position;
mod replayed;
pub(crate) mod restore;
mod trouble;
mod values;
