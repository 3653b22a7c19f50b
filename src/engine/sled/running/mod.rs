//! The open store.
//!
//! - Nothing is served before the log, the snapshots and the working copy are found and brought up to date.
//! - Four threads run until the store closes: the syncer of the log, the applier, the confirmer and the
//!   keeper of snapshots. The store cannot live without them: a panic in one ends the process.
//! - Closing is orderly and happens once; dropping the handle leaves the store as a crash would.
//!
//! | file, lower ones first | what it is |
//! | --- | --- |
//! | `shared` | the state that the handle and the threads share |
//! | `confirmer` | makes sled durable and moves the confirmed position |
//! | `applier` | writes published batches to sled, and heals sled |
//! | `keeper` | makes snapshots when they are due, and removes what they replace |
//! | `threads` | starting and ending the threads |
//! | `open` | opening a store |
//! | `engine` | the handle: the engine's contract |

mod applier;
mod confirmer;
mod engine;
mod keeper;
mod open;
mod shared;
mod threads;

pub use engine::SledEngine;
