//! The write-ahead log, which keeps the engine's promises: a batch in the log is durable.
//!
//! - A batch is numbered and queued in one step, so the order of the numbers is the order of the log.
//! - Reading stops at the first bad entry and reports whether that is a torn tail or corruption.
//! - Only this room writes the files of the log.
//!
//! | file, lower ones first | what it is |
//! | --- | --- |
//! | `payload` | the content of an entry: the writes of a batch |
//! | `entry` | an entry, byte by byte; snapshots consist of entries too |
//! | `header` | the header of a file that consists of entries |
//! | `segment` | a file of the log: its name and its header, and the list of all |
//! | `reader`, `chain` | reading one segment, and the log as a whole: its end, replay |
//! | `watch` | whether the log's files are still those that are open |
//! | `writer` | writing groups of batches |
//! | `prepare` | what an opening writes before the log accepts batches |
//! | `queue` | the queue of batches and the thread that makes them durable |

pub(crate) mod chain;
pub(crate) mod entry;
pub(crate) mod header;
pub(crate) mod payload;
pub(crate) mod prepare;
pub(crate) mod queue;
pub(crate) mod reader;
pub(crate) mod segment;
pub(crate) mod watch;
pub(crate) mod writer;
