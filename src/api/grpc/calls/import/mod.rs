//! `ImportMembers`: a stream of chunks, with one reply to each, in order, once the chunk is durable.
//!
//! A task reads and checks chunks and submits them, and a short queue leads from it to the replies. So one
//! chunk is received while another is planned and a third is made durable. If a client sends faster than
//! that, or does not read its replies, the queue fills and flow control slows the client down. If the stream
//! breaks, reading ends; submitted chunks are still finished.
//!
//! A reply is made once the reply before it was sent. Its memory is taken before its chunk is submitted,
//! because the results of ten thousand rows are megabytes.

mod read;
mod replies;
mod start;
mod submitted;

pub use self::start::{ChunkReplies, start};
