//! `UpsertMembers`: a stream of rows, with one answer to each, once the row is durable.
//!
//! A stream of rows is an import whose chunks the server makes. A task takes the rows that have arrived, as one
//! group, and submits the group like a chunk of an import; a short queue leads from it to the answers.
//!
//! - **Every row that was read is answered**, unless its call ends before: its client leaves, its deadline
//!   passes, or the whole group is refused. A server that stops reads no further row, and answers those that
//!   it has read.
//! - **Nothing waits for a group to become larger.** A group has the rows that are there when the task looks,
//!   and the task looks once there is a place for another group. So a single row is written at once, and a
//!   client that sends much gets large groups, because rows arrive while others are written.
//! - **A group is one request of the stream's series**, so it is one commit, unless its rows do not fit into
//!   a batch. Requests of a series keep their order, so rows of one member do too.
//! - **An answer tells the revision of its own row**, also when a group became several commits.
//! - **The memory of a stream has a limit.** A group of a few small rows is not counted, like a call about
//!   one member. A larger one takes memory before it takes more rows, and keeps it until its answers were
//!   read. A stream has at most [`start::IN_FLIGHT`] groups, and one that is being answered; then it is not
//!   read, and flow control stops the client.
//! - **Nothing of a stream is stored.** Every row has a key or an id, so a client that sends its unanswered
//!   rows again makes no second member. A client that names itself ([`writers`]) is sure that no row of the
//!   stream before is applied after those.
//!
//! A group waits for memory of one kind at a time, in the order of all calls: for incoming bytes
//! (`receiving`), for itself and its answers, and for its rows (the table).

mod answers;
mod group;
mod read;
mod start;
mod writers;

pub use self::start::{RowAnswers, start};
pub use self::writers::Writers;
