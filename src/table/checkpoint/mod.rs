//! Checkpoints write the overlays into the stored buckets and sets, and move the watermark.
//!
//! What this room promises to the others:
//!
//! - No read misses an entry. A checkpoint freezes the overlays, so new commits go into empty ones, and
//!   writes the frozen entries bucket by bucket in batches. Each batch is published under the view lock
//!   together with the images and the bucket count that it changes, and reads use the frozen overlay until
//!   the last batch.
//! - After a crash in between only work is lost: the last batch moves the watermark, so replay starts at the
//!   old one, and writing an entry that is already there changes nothing.
//! - A checkpoint writes the changes of a lookup into its recent level, which is small, and merges that into
//!   the main one now and then (`lookups`). The main level grows (linear hashing) before it is filled, one
//!   bucket at a time, so the stored bucket count always says how the stored buckets are addressed.
//! - Moves between search sets are frozen in the same way, and written group by group (`words`).
//! - A checkpoint of a large base rewrites nearly every bucket. This is seconds of work, which would slow
//!   down calls that change single members. So while few entries wait for the next checkpoint, this one rests
//!   between its batches (`pace`). It does not rest under a load of many rows, which soon fills the overlay,
//!   or when the base is closing.

mod changes;
mod lookups;
mod merging;
mod pace;
mod words;
mod work;

pub use self::work::{checkpoint, run};
