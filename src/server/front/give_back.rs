//! Returns freed memory to the system while the server is idle.
//!
//! - mimalloc returns freed memory after a delay, but only when another page is freed after that. An idle
//!   server frees no pages, so it would keep the memory of its last burst. Therefore a block that is a page
//!   of its own is allocated and freed now and then. Nothing is written to it, so it takes no memory.
//! - If one thread frees memory that another one allocated, it is reclaimed only when the allocating thread
//!   ends or collects it, which happens after ten thousand allocations. Therefore the worker threads allocate
//!   and free as many blocks now and then. Threads that were started for a burst end soon after it (`main`).
//!
//! The allocator has functions for both, but calling them needs unsafe code.

use std::hint::black_box;

use tokio::runtime::Handle;

use crate::tasks;

/// The size of a block that does not share its page.
const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// The smallest block that counts, because it does not come from a list of small blocks.
const COUNTED_BYTES: usize = 2 * 1024;
/// After this many such blocks the allocator collects what other threads freed (its option
/// `generic_collect`).
const COUNTED_BLOCKS: usize = 10_000;
/// Tasks for each worker thread. More than one, because a task cannot choose its thread.
const TRIES: usize = 2;

/// Makes the allocator return freed memory.
pub fn give_back() {
    allocate_and_free(PAGE_BYTES);
}

/// Makes the worker threads reclaim memory that other threads freed. Takes half a millisecond of each.
pub fn tidy_threads() {
    for _ in 0..TRIES * Handle::current().metrics().num_workers() {
        tasks::for_caller(async { (0..COUNTED_BLOCKS).for_each(|_| allocate_and_free(COUNTED_BYTES)) });
    }
}

fn allocate_and_free(bytes: usize) {
    drop(black_box(Vec::<u8>::with_capacity(bytes)));
}
