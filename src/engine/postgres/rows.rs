//! The rows of the table `hot`: what they hold, byte by byte. `docs/formats.md` has the same in words.
//!
//! Numbers are big-endian, because a statement compares the front of a fence or beat as bytes.

use crate::engine::EngineError;

/// The version of the tables and of every row here.
pub(super) const FORMAT: u8 = 1;
/// The version of the row `meta` while something may be lent: a program that knows no leases refuses it.
const LENDING_FORMAT: u8 = 2;
/// What the keys of the fence and the beat of a lease begin with; its number follows.
pub(super) const KEYS_OF_LEASES: (&str, &str) = ("fence/", "beat/");
/// A random number that names a server's ownership, a write or a store.
pub(super) type Id = [u8; 16];
/// The owner of a store that nobody owns.
pub(super) const NOBODY: Id = [0; 16];
/// The bytes of a fence or beat that say who owns the store: version, epoch, owner.
pub(super) const WHO_BYTES: usize = 25;
/// The bytes of a fence before the id of its last write.
pub(super) const BEFORE_WRITE_BYTES: usize = 33;
const FENCE_BYTES: usize = 49;
/// The longest name of an owner that is kept, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 200;
/// What stands between a name and an address.
const BEFORE_ADDRESS: char = '\0';

/// What every write changes, and so competes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fence {
    /// How many servers have owned the store, this one included.
    pub(super) epoch: u64,
    pub(super) owner: Id,
    /// The number of the last batch that is in the tables.
    pub(super) last: u64,
    /// Drawn anew by every write, so that a late one finds another value than it expects.
    pub(super) write: Id,
}

/// What the owner renews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Beat {
    pub(super) epoch: u64,
    pub(super) owner: Id,
    /// Counts renewals, so that no two are the same.
    pub(super) count: u64,
    pub(super) name: String,
    /// Where other servers reach the owner, if it says so.
    pub(super) address: Option<String>,
}

impl Fence {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = who(self.epoch, &self.owner);
        bytes.extend(self.last.to_be_bytes());
        bytes.extend(self.write);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, EngineError> {
        let (epoch, owner, rest) = front(bytes, "fence")?;
        let (last, write) = number(rest, "fence")?;
        let write = write.try_into().map_err(|_| damaged("fence"))?;
        debug_assert_eq!(bytes.len(), FENCE_BYTES);
        Ok(Self { epoch, owner, last, write })
    }

    pub(super) fn who(&self) -> Vec<u8> {
        who(self.epoch, &self.owner)
    }

    pub(super) fn is_free(&self) -> bool {
        self.owner == NOBODY
    }
}

impl Beat {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = who(self.epoch, &self.owner);
        bytes.extend(self.count.to_be_bytes());
        bytes.extend(cut_name(&self.name).as_bytes());
        if let Some(address) = &self.address {
            bytes.extend(BEFORE_ADDRESS.to_string().as_bytes());
            bytes.extend(address.as_bytes());
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, EngineError> {
        let (epoch, owner, rest) = front(bytes, "beat")?;
        let (count, name) = number(rest, "beat")?;
        let text = std::str::from_utf8(name).map_err(|_| damaged("beat"))?;
        let (name, address) = match text.split_once(BEFORE_ADDRESS) {
            Some((name, address)) => (name, Some(address.to_owned())),
            None => (text, None),
        };
        Ok(Self { epoch, owner, count, name: name.to_owned(), address })
    }
}

/// The row `meta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    /// The id of the store.
    pub(super) store: Id,
    /// The last change of a lease, while something may be lent.
    pub(super) lending: Option<Id>,
}

impl Meta {
    pub(super) fn encode(&self) -> Vec<u8> {
        match &self.lending {
            None => [&[FORMAT], &self.store[..]].concat(),
            Some(change) => [&[LENDING_FORMAT], &self.store[..], &change[..]].concat(),
        }
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, EngineError> {
        let (version, rest) = bytes.split_first().ok_or_else(|| damaged("meta"))?;
        let (store, rest) = match *version {
            newer if newer > LENDING_FORMAT => return Err(too_new("meta", newer, LENDING_FORMAT)),
            _ => rest.split_first_chunk().ok_or_else(|| damaged("meta"))?,
        };
        let lending = match (*version, rest) {
            (FORMAT, []) => None,
            (LENDING_FORMAT, change) => Some(change.try_into().map_err(|_| damaged("meta"))?),
            _ => return Err(damaged("meta")),
        };
        Ok(Self { store: *store, lending })
    }
}

/// The row `waits`, which a store has once its database waits for standbys: the version.
pub(super) fn encode_waits() -> Vec<u8> {
    vec![FORMAT]
}

/// A new random id.
pub(super) fn random_id() -> Result<Id, EngineError> {
    let mut id = NOBODY;
    getrandom::fill(&mut id).map_err(|error| EngineError::Io(format!("no random numbers: {error}")))?;
    Ok(id)
}

fn cut_name(name: &str) -> &str {
    let name = name.split(BEFORE_ADDRESS).next().unwrap_or_default();
    let mut end = name.len().min(MAX_NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default()
}

fn who(epoch: u64, owner: &Id) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.extend(epoch.to_be_bytes());
    bytes.extend(owner);
    bytes
}

fn front<'a>(bytes: &'a [u8], what: &str) -> Result<(u64, Id, &'a [u8]), EngineError> {
    let (epoch, rest) = number(version(bytes, what)?, what)?;
    let (owner, rest) = rest.split_first_chunk().ok_or_else(|| damaged(what))?;
    Ok((epoch, *owner, rest))
}

fn number<'a>(bytes: &'a [u8], what: &str) -> Result<(u64, &'a [u8]), EngineError> {
    let (number, rest) = bytes.split_first_chunk().ok_or_else(|| damaged(what))?;
    Ok((u64::from_be_bytes(*number), rest))
}

fn version<'a>(bytes: &'a [u8], what: &str) -> Result<&'a [u8], EngineError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => Ok(rest),
        Some((&found, _)) if found > FORMAT => Err(too_new(what, found, FORMAT)),
        _ => Err(damaged(what)),
    }
}

fn too_new(what: &str, found: u8, supported: u8) -> EngineError {
    let file = format!("the row {what} of the database");
    EngineError::NewerFormat { file, found: found.into(), supported: supported.into() }
}

fn damaged(what: &str) -> EngineError {
    EngineError::Corrupt {
        file: format!("the row {what} of the database"),
        offset: 0,
        detail: "it is not what this program writes".to_owned(),
    }
}

/// The bytes of the block of `docs/formats.md` that begins with this comment.
#[cfg(test)]
pub(super) fn golden(name: &str) -> Vec<u8> {
    let page = include_str!("../../../docs/formats.md");
    let start = page.find(&format!("```golden\n# {name}\n")).unwrap_or_else(|| panic!("no golden {name}"));
    let block = page[start..].split("```").nth(1).unwrap();
    let lines = block.lines().skip(1).map(|line| line.split('#').next().unwrap());
    let digits: String = lines.collect::<String>().split_whitespace().collect();
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence() -> Fence {
        Fence { epoch: 2, owner: [0xaa; 16], last: 1000, write: [0xbb; 16] }
    }

    #[test]
    fn rows_have_the_bytes_of_the_documentation() {
        let beat = Beat { epoch: 2, owner: [0xaa; 16], count: 5, name: "mb1 77".to_owned(), address: None };
        let there = Beat { address: Some("http://mb1:50051".to_owned()), ..beat.clone() };
        assert_eq!(fence().encode(), golden("the row fence"));
        assert_eq!(beat.encode(), golden("the row beat"));
        assert_eq!(there.encode(), golden("the row beat with an address"));
        assert_eq!(Beat::decode(&golden("the row beat with an address")).unwrap(), there);
        for (lending, name) in
            [(None, "the row meta"), (Some([0xdd; 16]), "the row meta while something is lent")]
        {
            let meta = Meta { store: [0xcc; 16], lending };
            assert_eq!(meta.encode(), golden(name));
            assert_eq!(Meta::decode(&golden(name)).unwrap(), meta);
        }
        assert_eq!(encode_waits(), golden("the row waits"));
        assert_eq!(Fence::decode(&golden("the row fence")).unwrap(), fence());
        assert_eq!(Beat::decode(&golden("the row beat")).unwrap(), beat);
    }

    #[test]
    fn the_fronts_have_the_lengths_that_statements_cut() {
        let bytes = fence().encode();
        assert_eq!(bytes.len(), FENCE_BYTES);
        assert_eq!(bytes[..WHO_BYTES], fence().who());
        assert_eq!(bytes[BEFORE_WRITE_BYTES..], fence().write);
    }

    #[test]
    fn other_bytes_are_refused() {
        let bytes = fence().encode();
        for len in 0..bytes.len() {
            assert!(matches!(Fence::decode(&bytes[..len]), Err(EngineError::Corrupt { .. })), "{len}");
        }
        let newer = [&[2], &bytes[1..]].concat();
        assert!(matches!(Fence::decode(&newer), Err(EngineError::NewerFormat { found: 2, .. })));
        let meta = |version: u8, len: usize| Meta::decode(&[&[version], &vec![5; len][..]].concat());
        assert!(matches!(meta(9, 16), Err(EngineError::NewerFormat { found: 9, supported: 2, .. })));
        for (version, lens) in [(0, [16, 32]), (1, [15, 32]), (2, [16, 31])] {
            assert!(lens.iter().all(|len| matches!(meta(version, *len), Err(EngineError::Corrupt { .. }))));
        }
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let name = "x".repeat(MAX_NAME_BYTES - 1) + "é";
        let beat = |name: &str, address: Option<&str>| {
            let address = address.map(str::to_owned);
            Beat::decode(&Beat { epoch: 1, owner: NOBODY, count: 0, name: name.to_owned(), address }.encode())
        };
        assert_eq!(beat(&name, None).unwrap().name, "x".repeat(MAX_NAME_BYTES - 1));
        let odd = beat("a\0b", Some("http://c:1")).unwrap();
        assert_eq!((&*odd.name, odd.address.as_deref()), ("a", Some("http://c:1")));
    }
}
