//! The lookups of a base, and one value for each of them.

use std::fmt;

use crate::stored::bucket::Width;
use crate::stored::key::Level;

/// Which lookup. The number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LookupKind {
    /// By ref, byte for byte.
    Ref,
    /// By folded e-mail.
    Email,
    /// By worker id, byte for byte.
    WorkerId,
}

impl LookupKind {
    /// Every lookup, in stored order.
    pub const ALL: [Self; 3] = [Self::Ref, Self::Email, Self::WorkerId];

    /// The stored number, which is also the index in arrays.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ref => 0,
            Self::Email => 1,
            Self::WorkerId => 2,
        }
    }

    /// The lookup with this stored number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Ref),
            1 => Some(Self::Email),
            2 => Some(Self::WorkerId),
            _ => None,
        }
    }

    /// The name of its field.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Ref => "ref",
            Self::Email => "email",
            Self::WorkerId => "worker_id",
        }
    }

    /// The form of its entries: only those of the ref lookup have fingerprints.
    pub const fn width(self) -> Width {
        match self {
            Self::Ref => Width::Fingerprint,
            Self::Email | Self::WorkerId => Width::Plain,
        }
    }
}

/// A level of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelOf(pub Level, pub LookupKind);

impl fmt::Display for LevelOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Level::Main => write!(f, "{:?} lookup", self.1),
            Level::Recent => write!(f, "recent level of the {:?} lookup", self.1),
        }
    }
}

/// One value for each lookup.
#[derive(Debug, Default)]
pub struct PerLookup<T>([T; 3]);

impl<T> PerLookup<T> {
    /// Makes one value for each lookup.
    pub fn from_fn(mut make: impl FnMut(LookupKind) -> T) -> Self {
        Self(LookupKind::ALL.map(&mut make))
    }

    /// The value for `kind`.
    pub fn get(&self, kind: LookupKind) -> &T {
        let [of_ref, of_email, of_worker_id] = &self.0;
        match kind {
            LookupKind::Ref => of_ref,
            LookupKind::Email => of_email,
            LookupKind::WorkerId => of_worker_id,
        }
    }

    /// The value for `kind`, to change.
    pub fn get_mut(&mut self, kind: LookupKind) -> &mut T {
        let [of_ref, of_email, of_worker_id] = &mut self.0;
        match kind {
            LookupKind::Ref => of_ref,
            LookupKind::Email => of_email,
            LookupKind::WorkerId => of_worker_id,
        }
    }

    /// All three.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}
