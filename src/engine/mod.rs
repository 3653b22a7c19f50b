//! The ordered byte store beneath everything else: one space of byte keys, changed by atomic batches.
//!
//! # What every engine promises
//!
//! - **Order.** [`Engine::append`] numbers a batch before it returns, and batches take effect in the order of
//!   their numbers. The checks of a batch are decided at that moment, against every batch with a lower
//!   number, whether that batch is durable yet or not.
//! - **Durable first, then visible.** The future of `append` resolves once the batch is on stable storage.
//!   Reads see the batch once [`Durable::publish`] is called (or the [`Durable`] is dropped), and they see
//!   all of it or none of it. The two steps are separate so that a caller can change its own memory and the
//!   store in one step, under its own lock.
//! - **Atomic**, across crashes too. A batch whose future resolved is present after any restart. A batch
//!   whose future failed or was never awaited may be present or absent, but never in part, and never without
//!   the batches before it.
//! - **A failure fails what follows.** When a batch fails after it was numbered, every later batch fails as
//!   well, because it may have been planned on the failed one. A failed *check* uses up no number and affects
//!   no other batch.
//! - Dropping the future cancels nothing.
//!
//! An engine that several processes can reach may also **lend** keys. A lease is a number that follows from a key
//! (the function for that is a setting of the engine); keys without one are not lent. While a lease is lent
//! ([`Engine::lend`]), only the process that opened it with its grant writes those keys, and here every batch
//! that would is refused.
//!
//! Scans are not snapshots: a scan may see a part of a batch that is published while the scan runs. Callers
//! that need more hold their own locks (as the table does with its view lock).
//!
//! Nothing in this module knows what the keys and values mean. A caller that changes little of a value may
//! say what it changes ([`Batch::put_changed`]), so that an engine need not store the rest again.
//!
//! # The map, lower ones first
//!
//! | file or room | what it is |
//! | --- | --- |
//! | `error` | what can go wrong in an engine |
//! | `batch`, `range` | keys, values, batches with their limits; ranges of keys |
//! | `difference` | differences of values that consist of items |
//! | `backup` | backups as data that a receiver takes file by file |
//! | `contract` | the trait of an engine, durable batches, and the status |
//! | `caught_up` | writes that wait until the working copy has caught up |
//! | `lock` | how the engines lock a mutex |
//! | `merge`, `pending` | reading a store through the batches that it does not have yet |
//! | [`memory`], [`sled`], [`postgres`] | the engines |

pub mod backup;
mod batch;
mod caught_up;
#[cfg(test)]
pub(crate) mod conformance;
mod contract;
mod difference;
mod error;
#[cfg(test)]
pub(crate) mod faulty;
mod lock;
pub mod memory;
mod merge;
mod pending;
pub mod postgres;
mod range;
pub mod sled;

pub use batch::{Batch, Key, MAX_BATCH_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES, SMALL_BATCH_BYTES, Value};
pub use caught_up::{append_caught_up, commit_caught_up};
pub use contract::{Append, Durable, Engine, EngineStatus, Grant};
#[cfg(test)]
pub(crate) use difference::{apply as apply_difference, put_item};
pub use error::EngineError;
pub use range::{Direction, KeyRange};
