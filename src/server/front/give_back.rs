//! Memory that goes back to the system while nothing happens.
//!
//! - mimalloc gives back what was freed after a moment, but only when a page is freed later on: a server that has nothing to
//!   do any more frees none, and would keep what its last burst took. So a block that is a page of its own is taken and
//!   freed now and then. Nothing is written into it, so it takes no memory.
//! - What a thread took and another one freed comes back only when the first one looks for it, which it does by itself after
//!   ten thousand blocks, or ends. So the threads that serve take and free as many now and then, and those that were started
//!   for a burst end soon after it (`main`).
//!
//! The allocator has calls for both, which only unsafe code could make.

use std::hint::black_box;

use tokio::runtime::Handle;

use crate::tasks;

/// Larger than blocks that share a page.
const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// The least that is not found in a list of small blocks, and so counts.
const COUNTED_BYTES: usize = 2 * 1024;
/// After so many of these the allocator looks over what it has for a thread (its option `generic_collect`).
const COUNTED_BLOCKS: usize = 10_000;
/// Tasks for each thread that serves: none knows which of them it will run on.
const TRIES: usize = 2;

/// Lets the allocator give back what was freed before.
pub fn give_back() {
    take_and_free(PAGE_BYTES);
}

/// Lets the threads that serve take back what others have freed of theirs: half a millisecond for each of them.
pub fn tidy_threads() {
    for _ in 0..TRIES * Handle::current().metrics().num_workers() {
        tasks::for_caller(async { (0..COUNTED_BLOCKS).for_each(|_| take_and_free(COUNTED_BYTES)) });
    }
}

fn take_and_free(bytes: usize) {
    drop(black_box(Vec::<u8>::with_capacity(bytes)));
}
