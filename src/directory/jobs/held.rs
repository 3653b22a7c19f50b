//! The memory of workbooks that arrive: their readers need the whole file.
//!
//! All uploads together hold at most [`MOST`] of them. One that does not fit is refused, and can be sent
//! again later; lists in text are not held.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::table::TableError;

/// The bytes that all uploads together may hold: three of the largest workbooks.
const MOST: u64 = 192 * 1024 * 1024;

/// The bytes that all uploads hold.
static ALL: AtomicU64 = AtomicU64::new(0);

/// The bytes that one upload holds.
#[derive(Debug)]
pub struct Held {
    of: &'static AtomicU64,
    bytes: u64,
}

impl Default for Held {
    fn default() -> Self {
        Self { of: &ALL, bytes: 0 }
    }
}

impl Held {
    /// Holds more bytes.
    pub fn more(&mut self, bytes: usize) -> Result<(), TableError> {
        let more = u64::try_from(bytes).unwrap_or(u64::MAX);
        let fits = |all: u64| all.checked_add(more).filter(|all| *all <= MOST);
        if self.of.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
            let limit = usize::try_from(MOST).unwrap_or(usize::MAX);
            return Err(TableError::Overloaded { wanted: bytes, limit });
        }
        self.bytes = self.bytes.saturating_add(more);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_share_the_room_and_give_it_back() {
        static ALL: AtomicU64 = AtomicU64::new(0);
        let mib = |count: usize| count * 1024 * 1024;
        let [mut one, mut other] = [(); 2].map(|()| Held { of: &ALL, bytes: 0 });
        one.more(mib(64)).unwrap();
        one.more(mib(64)).unwrap();
        other.more(mib(63)).unwrap();
        assert!(matches!(other.more(mib(2)), Err(TableError::Overloaded { .. })));
        assert!(other.more(usize::MAX).is_err());
        other.more(mib(1)).unwrap();
        drop(one);
        other.more(mib(128)).unwrap();
        drop(other);
        assert_eq!(ALL.load(Ordering::Relaxed), 0);
    }
}
