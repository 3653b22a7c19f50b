//! Memory that goes back to the system while nothing happens.
//!
//! mimalloc gives back what was freed after a second, but only when a page is freed later on: a server that has nothing to do
//! any more frees none, and would keep what its last burst took. So a block that is a page of its own is taken and freed
//! now and then. Nothing is written into it, so it takes no memory.
//!
//! What a thread took and another one freed comes back only when the first one works or ends. So threads that were started
//! for a burst end soon after it (`main`).

use std::hint::black_box;

/// Larger than blocks that share a page.
const BLOCK_BYTES: usize = 8 * 1024 * 1024;

/// Lets the allocator give back what was freed before.
pub fn give_back() {
    drop(black_box(Vec::<u8>::with_capacity(BLOCK_BYTES)));
}
