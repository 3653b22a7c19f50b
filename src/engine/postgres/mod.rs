//! The engine on PostgreSQL, for one active server at a time and any number that stand by.
//!
//! # Invariants
//!
//! - **One row orders everything.** Every write changes the row `fence`, which names the owner, and does
//!   nothing if it is not what the owner left there. So nobody writes over anybody, however late a write
//!   arrives.
//! - **What is lent has rows of its own**, a fence and a beat for each lease, and whoever they name writes its
//!   keys: everything that is said here of the owner of the store is said of the tenant of a lease too. Only
//!   the owner of the store moves a lease, by a change of its own beat.
//! - **The contract is that of one process** because the owner alone writes: numbers and checks are decided
//!   in its memory, against batches that the database does not have yet.
//! - **Durable, then visible.** A batch is in the tables before it is published. Readers ask the tables, and
//!   the backlog afterwards, which hides what is not published.
//! - **A commit is unknown until it is proven**, by another write of the fence that waits for it.
//! - **Reads are fenced too**: every statement returns the fence of its snapshot, and no answer leaves
//!   later than a term after a renewal that the database acknowledged ([`Ownership`]). So an answer from
//!   memory needs no statement.
//! - **Every wait has a limit here**, because the database's own limits do not end a commit that hangs.
//! - Nothing here is left to a session: no locks, sequences, savepoints or prepared statements.
//!
//! # The map, lower ones first
//!
//! | file or room | what it is |
//! | --- | --- |
//! | `clock`, `dsn`, `config` | the clock since boot; where the database is; the settings |
//! | `ownership` | whether this server may answer |
//! | `rows`, `scope` | the rows of the table `hot`; which of them decide who writes something |
//! | `peer`, `pieces` | the key that readers of `hot` share; values in pieces that fit the rows of the table `kv` |
//! | `keys` | which keys this process writes and remembers |
//! | `remembered` | values of the tables that memory has |
//! | `backlog` | batches between their number and their publication, and what lies beneath them |
//! | `sql`, `wire` | the statements; connections with limits, TLS and warnings |
//! | `tables` | makes and checks the tables |
//! | `core` | what the tasks share |
//! | `reading`, `writing` | the tasks that read; those that number, write and renew |
//! | `running` | the handle, and how a store is opened and taken over |

mod backlog;
pub mod clock;
mod config;
mod core;
mod dsn;
mod keys;
mod ownership;
mod peer;
mod pieces;
mod reading;
mod remembered;
mod rows;
mod running;
mod scope;
mod sql;
mod tables;
#[cfg(test)]
pub(crate) mod tests;
mod wire;
mod writing;

pub use config::{PostgresConfig, commit_times};
pub use dsn::{Dsn, DsnError};
pub use ownership::Ownership;
pub use peer::PeerKey;
pub use running::{Contention, Owner, PostgresEngine, Standing, StoreLook, look};
