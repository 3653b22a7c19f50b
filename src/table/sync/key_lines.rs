//! The lines of a list that have a key.
//!
//! Keys that a member has, and that its row leaves as they are, are not here: a later row with one of them
//! finds that member. So a list that changes little takes little memory.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::table::index::overlay::Identity;
use crate::table::index::resolve::Wanted;

/// The first line of each key, by the keyed hash of the key, which differs between lookups. 13 bytes a key.
#[derive(Debug, Default)]
pub struct KeyLines(HashMap<KeyHash, u32, BuildHasherDefault<Identity>>);

/// A hash that needs no alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KeyHash([u8; 8]);

impl Hash for KeyHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from_le_bytes(self.0));
    }
}

impl KeyLines {
    /// The first of these keys that an earlier line has too, and that line.
    pub fn find(&self, keys: impl Iterator<Item = Wanted>) -> Option<(Wanted, u64)> {
        if self.0.is_empty() {
            return None;
        }
        let line = |key: &Wanted| self.0.get(&KeyHash(key.1.to_le_bytes()));
        keys.filter_map(|key| Some((key, u64::from(*line(&key)?)))).next()
    }

    /// Notes the keys of a line. The highest lines are not told apart.
    pub fn add(&mut self, keys: impl Iterator<Item = Wanted>, line: u64) {
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        for (_, hash) in keys {
            self.0.entry(KeyHash(hash.to_le_bytes())).or_insert(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::LookupKind;

    #[test]
    fn a_key_keeps_its_first_line() {
        let (a, b, c) = ((LookupKind::Ref, 1), (LookupKind::Email, 2), (LookupKind::Ref, u64::MAX));
        let mut lines = KeyLines::default();
        assert_eq!(lines.find([a].into_iter()), None);
        lines.add([a, b].into_iter(), 3);
        lines.add([b, c].into_iter(), 4);
        let find = |keys: &[Wanted]| lines.find(keys.iter().copied());
        assert_eq!((find(&[c]), find(&[c, b])), (Some((c, 4)), Some((c, 4))));
        assert_eq!((find(&[b, c]), find(&[(LookupKind::Ref, 9)])), (Some((b, 3)), None));
        assert_eq!(size_of::<(KeyHash, u32)>(), 12);
    }
}
