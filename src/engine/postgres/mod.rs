//! The engine on PostgreSQL, for one active server at a time and any number that stand by.
//!
//! # Invariants
//!
//! - **One row orders everything.** Every write changes the row `fence`, which names the owner, and does
//!   nothing if it is not what the owner left there. So nobody writes over anybody, however late a write
//!   arrives.
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
//! | `rows`, `peer`, `pieces` | the rows of the table `hot`; the key that its readers share; values in pieces that fit the rows of the table `kv` |
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
mod ownership;
mod peer;
mod pieces;
mod reading;
mod remembered;
mod rows;
mod running;
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
