//! The members that rows are for.
//!
//! - A row is for the member that its key finds: the value by which rows are matched or, if the row has none,
//!   the id. One member has several keys: its id, which can be written in two forms, the value, and its
//!   former refs that are still valid.
//! - Two rows with the same key are for the same member. Rows with different keys may be too, which only the
//!   server knows: from the first chunk with a failed row on, its replies contain the id of the member that
//!   each row found.
//! - **The importer never looks up a key to decide what to write.** Keys move: members are renamed by others
//!   at any time, also between two runs of one import. The ids in the replies, however, stay as they were
//!   when the rows were applied, also if a chunk is sent again. The importer only looks up keys to mark rows
//!   that have failed (`sending::ask`).
//!
//! Keys are compared by hashes. Two keys with the same hash count as one, and more spellings of an address
//! count as one than in older stores. Either may fail a row that could have been applied, but never applies a
//! row that must not be.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::api::grpc::v1;
use crate::model::id::{MEMBER_PREFIX, MEMBER_PREFIX_ONSI, read_random, write_random};
use crate::model::{Email, Fold, Ref, WorkerId};

/// A key that finds a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Ref(String),
    Email(String),
    WorkerId(String),
    /// The number in an id, without its prefix and in any case.
    Id(u128),
}

impl Key {
    /// The key by which a row is matched; `None` if it has none that can be parsed.
    pub fn of_row(row: &v1::MemberInput, match_by: v1::MatchBy) -> Option<Self> {
        let value = match match_by {
            v1::MatchBy::Unspecified | v1::MatchBy::Ref => row.r#ref.clone().map(Self::Ref),
            v1::MatchBy::Email => row.email.clone().map(Self::Email),
            v1::MatchBy::WorkerId => row.worker_id.clone().map(Self::WorkerId),
            v1::MatchBy::Id => None,
        };
        value.or_else(|| Self::of_id(row.id.as_deref()?))
    }

    /// The key of an id, if it can be parsed.
    pub fn of_id(id: &str) -> Option<Self> {
        let number = read_random(MEMBER_PREFIX, id).or_else(|_| read_random(MEMBER_PREFIX_ONSI, id));
        number.ok().map(Self::Id)
    }

    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Ref(text) => ("ref", text.as_str()).hash(&mut hasher),
            Self::Email(text) => ("email", Fold::NEWEST.of(text)).hash(&mut hasher),
            Self::WorkerId(text) => ("worker_id", text.as_str()).hash(&mut hasher),
            Self::Id(number) => ("id", number).hash(&mut hasher),
        }
        hasher.finish()
    }

    pub fn is_id(&self) -> bool {
        matches!(self, Self::Id(_))
    }

    /// The id as text, if the key is an id.
    pub fn to_id(&self) -> Option<String> {
        match self {
            Self::Id(number) => Some(write_random(MEMBER_PREFIX, *number)),
            Self::Ref(_) | Self::Email(_) | Self::WorkerId(_) => None,
        }
    }

    /// The key for a lookup; `None` if no member can have it, because the server would reject the call.
    pub fn to_wire(&self) -> Option<v1::MemberKey> {
        let none = v1::MemberKey::default();
        match self.clone() {
            Self::Ref(text) => {
                Ref::parse(text.clone()).ok().map(|_| v1::MemberKey { r#ref: Some(text), ..none })
            }
            Self::Email(text) => {
                Email::parse(text.clone()).ok().map(|_| v1::MemberKey { email: Some(text), ..none })
            }
            Self::WorkerId(text) => {
                WorkerId::parse(text.clone()).ok().map(|_| v1::MemberKey { worker_id: Some(text), ..none })
            }
            Self::Id(number) => Some(v1::MemberKey { id: Some(write_random(MEMBER_PREFIX, number)), ..none }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4ev85xgydy92xynbbqf0rbtnw0";

    fn hash(row: v1::MemberInput, match_by: v1::MatchBy) -> Option<u64> {
        Key::of_row(&row, match_by).map(|key| key.hash())
    }

    #[test]
    fn a_member_is_found_by_every_spelling_of_its_address() {
        let found_by = |email: &str| {
            hash(v1::MemberInput { email: Some(email.into()), ..Default::default() }, v1::MatchBy::Email)
        };
        assert_eq!(found_by("Zo\u{eb}@Bücher.example"), found_by("zoe\u{308}@xn--bcher-kva.example"));
        assert_ne!(found_by("zoe@x.example"), found_by("zoë@x.example"));
    }

    #[test]
    fn an_id_is_one_in_both_forms_and_in_any_case() {
        let found_by =
            |id: String| hash(v1::MemberInput { id: Some(id), ..Default::default() }, v1::MatchBy::Id);
        let one = found_by(format!("m_{ID}"));
        for other in [format!("mem_{ID}"), format!("M_{}", ID.to_uppercase()), format!("MEM_{ID}")] {
            assert_eq!(found_by(other), one);
        }
        assert_ne!(found_by(format!("m_{}", ID.replace('4', "5"))), one);
        assert!(one.is_some() && found_by(format!("m_{ID}0")).is_none() && found_by(ID.into()).is_none());
    }

    #[test]
    fn a_key_that_no_member_can_have_is_not_looked_up() {
        for key in [Key::Ref("\n".into()), Key::Email("bad".into()), Key::WorkerId("x".repeat(256))] {
            assert!(key.to_wire().is_none(), "{key:?}");
        }
        let asked = Key::of_id(&format!("MEM_{ID}")).and_then(|key| key.to_wire()).unwrap();
        assert_eq!(asked.id, Some(format!("m_{ID}")));
        assert_eq!(Key::Ref("a".into()).to_wire().unwrap().r#ref.as_deref(), Some("a"));
    }
}
