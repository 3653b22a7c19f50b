//! Backups of a store: a folder with a manifest, and a snapshot and the log since then in the same places as
//! in a data directory.
//!
//! - A backup counts once its manifest is written, which happens after everything was synced and read back.
//! - Verifying finds every flipped bit.
//! - A restored store is on a timeline of its own, so it never mixes with the store that the backup was made
//!   of.
//!
//! | file, lower ones first | what it is |
//! | --- | --- |
//! | `names` | the names of files in a backup |
//! | `manifest` | names, sizes and checksums |
//! | `verify` | finding every flipped bit |
//! | `plan` | what a receiver lacks |
//! | `receive` | the folder while it is written |
//! | `copy` | a backup of a store that no process has open |
//! | `restore` | a new data directory up to a chosen batch |
//! | `site` | the folder in which a restored store is assembled |

mod copy;
mod manifest;
mod names;
mod plan;
mod receive;
mod restore;
mod site;
mod verify;

pub use copy::copy;
pub(crate) use plan::plan;
pub use receive::{Received, Receiver};
pub use restore::{Restored, Write, find, restore};
pub use site::Site;
pub use verify::{Verified, verify};
