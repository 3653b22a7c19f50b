//! A new ref for a member, and its former refs.

use crate::model::effect::upsert::Update;
use crate::model::limits::REF_ALIASES_MAX;
use crate::model::membership::alias::RefAlias;
use crate::model::membership::borrowed::BorrowedMember;
use crate::model::membership::member::Member;
use crate::model::refusal::error::{Reason, Refusal};
use crate::model::row::change::Change;
use crate::model::row::patch::MemberPatch;
use crate::model::value::text::Ref;
use crate::model::value::time::Timestamp;

/// A change of a member's ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    patch: MemberPatch,
    alias_micros: i64,
}

impl Rename {
    /// Changes the ref to `ref_`. The present ref stays valid for `alias_micros` microseconds.
    #[must_use]
    pub fn new(ref_: Ref, alias_micros: i64) -> Self {
        Self { patch: MemberPatch { ref_: Change::Set(ref_), ..MemberPatch::default() }, alias_micros }
    }

    /// The patch that it writes, which sets only the ref.
    #[must_use]
    pub fn patch(&self) -> &MemberPatch {
        &self.patch
    }

    /// What the rename does to `current`. If the member already has the ref nothing changes, not even its
    /// former refs.
    pub fn apply(&self, current: &Member, now: Timestamp) -> Result<Update, Refusal> {
        if self.patch.ref_.as_set() == current.profile.ref_.as_ref() {
            return Ok(Update::Unchanged);
        }
        let mut new = Member { updated_at: now, ..current.clone() };
        let old = std::mem::replace(&mut new.profile.ref_, self.patch.ref_.as_set().cloned());
        if let Some(ref_) = old.filter(|_| self.alias_micros > 0) {
            let until = Timestamp::from_micros(now.micros().saturating_add(self.alias_micros));
            new.aliases.push(RefAlias { ref_, until });
        }
        new.drop_aliases(now);
        if new.aliases.len() > REF_ALIASES_MAX {
            let text =
                format!("cannot change: the member already has {REF_ALIASES_MAX} former refs that are valid");
            return Err(Refusal::field(Reason::TooManyAliases, "ref", text));
        }
        Ok(Update::Updated(new))
    }
}

impl Member {
    /// Whether the member has this ref, or had it and it is still valid.
    #[must_use]
    pub fn answers_to(&self, ref_: &Ref, now: Timestamp) -> bool {
        self.profile.ref_.as_ref() == Some(ref_)
            || self.aliases.iter().any(|alias| alias.ref_ == *ref_ && alias.until > now)
    }

    /// Drops former refs that have expired, and one that is the member's ref again.
    pub fn drop_aliases(&mut self, now: Timestamp) {
        let own = self.profile.ref_.as_ref();
        self.aliases.retain(|alias| alias.until > now && Some(&alias.ref_) != own);
    }
}

impl BorrowedMember<'_> {
    /// The same as [`Member::answers_to`].
    #[must_use]
    pub fn answers_to(&self, ref_: &Ref, now: Timestamp) -> bool {
        let wanted = ref_.as_str();
        self.ref_ == Some(wanted)
            || self.aliases.iter().any(|alias| alias.ref_ == wanted && alias.until > now)
    }

    /// The same as [`Member::drop_aliases`].
    pub fn drop_aliases(&mut self, now: Timestamp) {
        let own = self.ref_;
        self.aliases.retain(|alias| alias.until > now && Some(alias.ref_) != own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ref_of(text: &str) -> Ref {
        Ref::parse(text).unwrap()
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn renamed(member: &Member, to: &str, alias_micros: i64, now: i64) -> Member {
        match Rename::new(ref_of(to), alias_micros).apply(member, at(now)) {
            Ok(Update::Updated(member)) => member,
            other => panic!("{other:?}"),
        }
    }

    fn named(text: &str) -> Member {
        let mut member = Member::default();
        member.profile.ref_ = Some(ref_of(text));
        member
    }

    #[test]
    fn a_former_ref_is_valid_until_its_time_is_over() {
        let member = renamed(&named("a"), "b", 10, 100);
        let answers = |text: &str, now| member.answers_to(&ref_of(text), at(now));
        assert_eq!([100, 109, 110].map(|now| answers("a", now)), [true, true, false]);
        assert!(answers("b", 1_000) && !answers("c", 100));
        assert_eq!(member.updated_at, at(100));
        assert_eq!(renamed(&named("a"), "b", 0, 100).aliases, []);
        assert_eq!(renamed(&Member::default(), "b", 10, 100).aliases, []);
    }

    #[test]
    fn the_same_ref_changes_nothing_and_renaming_back_ends_the_alias() {
        let same = Rename::new(ref_of("a"), 10).apply(&named("a"), at(1));
        assert_eq!(same, Ok(Update::Unchanged));
        let back = renamed(&renamed(&named("a"), "b", 10, 1), "a", 10, 2);
        assert_eq!(back.profile.ref_, Some(ref_of("a")));
        assert_eq!(back.aliases, [RefAlias { ref_: ref_of("b"), until: at(12) }]);
    }

    #[test]
    fn a_member_has_only_a_few_valid_former_refs() {
        let mut member = named("r0");
        for n in 1..=REF_ALIASES_MAX {
            member = renamed(&member, &format!("r{n}"), 10, 1);
        }
        let one_more = Rename::new(ref_of("x"), 10);
        assert_eq!(one_more.apply(&member, at(1)).unwrap_err().reason, Reason::TooManyAliases);
        assert_eq!(renamed(&member, "x", 0, 1).aliases.len(), REF_ALIASES_MAX);
        // Expired refs do not count.
        assert_eq!(renamed(&member, "x", 10, 11).aliases.len(), 1);
    }
}
