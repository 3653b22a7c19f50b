//! The digest of a plan, see `docs/formats.md`.

use std::hash::Hasher;

use sha2::{Digest, Sha256};

use crate::model::{
    AttributeValue, Attributes, Filter, ListMatch, ListOptions, MatchBy, Member, Outcome, PlanHash, Profile,
    Row, Timestamp,
};
use crate::stored::member;

/// The version of the bytes that are hashed. Version 1 did not have how members change; 2 is that of reverts.
const VERSION: u8 = 3;
/// Stands for a batch of actions, where a list says how its rows are matched.
const ACTIONS: u8 = 5;
/// The code of an action that offboards its member, beside those of outcomes.
const OFFBOARDED: u8 = 6;
/// Bytes that are gathered before they are hashed.
const GATHERED: usize = 4096;

/// The digest of a plan in the making.
pub struct PlanDigest {
    hash: Sha256,
    gathered: Vec<u8>,
}

impl PlanDigest {
    /// The digest of a plan with these options. `scope` is the parsed scope of the options.
    pub fn new(options: &ListOptions, scope: &Filter) -> Self {
        let mut digest = Self { hash: Sha256::new(), gathered: Vec::with_capacity(GATHERED + 16) };
        let match_by = match options.match_by {
            ListMatch::Key(MatchBy::Ref) => 0,
            ListMatch::Key(MatchBy::Email) => 1,
            ListMatch::Key(MatchBy::WorkerId) => 2,
            ListMatch::Key(MatchBy::Id) => 3,
            ListMatch::WorkerIdOrEmail => 4,
        };
        let flags = u8::from(options.apply_status)
            | u8::from(options.keeps_bank_details) << 1
            | u8::from(options.as_of.is_some()) << 2;
        digest.write(&[VERSION, match_by, flags]);
        if let Some(as_of) = options.as_of {
            digest.write(&as_of.micros().to_le_bytes());
        }
        scope.digest(&mut digest);
        digest
    }

    /// The digest of a batch of actions.
    pub fn of_actions() -> Self {
        let mut digest = Self { hash: Sha256::new(), gathered: Vec::with_capacity(GATHERED + 16) };
        digest.write(&[VERSION, ACTIONS]);
        digest
    }

    /// Adds an action that offboards a member.
    pub fn offboarded(&mut self, member: Option<Row>) {
        self.write(&[OFFBOARDED]);
        self.write(&member.map_or(u64::MAX, |row| row.0).to_le_bytes());
    }

    /// Adds a row: its outcome, and the member that it found, unless it failed.
    pub fn row(&mut self, outcome: Outcome, found: Option<Row>) {
        let code = match outcome {
            Outcome::Created => 1,
            Outcome::Updated => 2,
            Outcome::Reactivated => 3,
            Outcome::Unchanged => 4,
            Outcome::Failed => 5,
        };
        self.write(&[code]);
        if !matches!(outcome, Outcome::Created | Outcome::Failed) {
            self.write(&found.map_or(u64::MAX, |row| row.0).to_le_bytes());
        }
    }

    /// Adds how the row or action that was added last changes its member: the fields that differ.
    pub fn change(&mut self, before: &Member, after: &Member) {
        differing(before.clone(), after.clone()).iter().for_each(|member| self.bare(member));
    }

    /// Adds how a member is before the first action that changes it.
    pub fn changed(&mut self, before: &Member) {
        self.bare(&bare(before.clone()));
    }

    fn bare(&mut self, member: &Member) {
        let bytes = member::encode(member);
        self.write(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.write(&bytes);
    }

    /// The digest of all, and the digest without the members to be removed, which are in ascending order.
    pub fn finish(mut self, removed: &[Row]) -> (PlanHash, PlanHash) {
        self.flush();
        let rows = self.hash.finalize();
        let mut all = Sha256::new_with_prefix(rows);
        all.update(u64::try_from(removed.len()).unwrap_or(u64::MAX).to_le_bytes());
        removed.iter().for_each(|row| all.update(row.0.to_le_bytes()));
        (shortened(&all.finalize()), shortened(&rows))
    }

    fn flush(&mut self) {
        self.hash.update(&self.gathered);
        self.gathered.clear();
    }
}

/// Takes the bytes of a filter.
impl Hasher for PlanDigest {
    fn write(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED {
            self.flush();
        }
    }

    /// Has no meaning here: the digest is longer.
    fn finish(&self) -> u64 {
        0
    }
}

/// The member without times, revision and former refs.
fn bare(mut member: Member) -> Member {
    member.aliases.clear();
    (member.created_at, member.updated_at) = (Timestamp::default(), Timestamp::default());
    member.revision = 0;
    member
}

/// Both members with only the fields and attributes in which they differ, and the status.
fn differing(before: Member, after: Member) -> [Member; 2] {
    let (mut before, mut after) = (bare(before), bare(after));
    keep_differing(&mut before.profile, &mut after.profile);
    let old = std::mem::take(&mut before.attributes);
    let new = std::mem::take(&mut after.attributes);
    before.attributes = without_equal(&old, &new);
    after.attributes = without_equal(&new, &old);
    [before, after]
}

fn keep_differing(before: &mut Profile, after: &mut Profile) {
    fn keep<T: PartialEq>(before: &mut Option<T>, after: &mut Option<T>) {
        if before == after {
            (*before, *after) = (None, None);
        }
    }
    // Names every field, so that none is forgotten.
    let Profile {
        ref_,
        email,
        first_name,
        last_name,
        phone,
        worker_id,
        tier,
        dob,
        gender,
        role,
        company,
        enable_payroll,
        account_details,
    } = before;
    keep(ref_, &mut after.ref_);
    keep(email, &mut after.email);
    keep(first_name, &mut after.first_name);
    keep(last_name, &mut after.last_name);
    keep(phone, &mut after.phone);
    keep(worker_id, &mut after.worker_id);
    keep(tier, &mut after.tier);
    keep(dob, &mut after.dob);
    keep(gender, &mut after.gender);
    keep(role, &mut after.role);
    keep(company, &mut after.company);
    keep(enable_payroll, &mut after.enable_payroll);
    keep(account_details, &mut after.account_details);
}

/// The attributes that `others` does not have with the same value.
fn without_equal(attributes: &Attributes, others: &Attributes) -> Attributes {
    let is_other = |(key, value): &(&str, &AttributeValue)| others.get(key) != Some(*value);
    let kept = attributes.iter().filter(is_other).map(|(key, value)| (key.to_owned(), value.clone()));
    Attributes::from_stored(kept.collect())
}

fn shortened(digest: &[u8]) -> PlanHash {
    let mut hash = PlanHash::default();
    hash.0.iter_mut().zip(digest).for_each(|(short, byte)| *short = *byte);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GuardExpectation, Name, Tier};
    use crate::stored::documented::assert_documented;

    fn sample(options: &ListOptions) -> PlanDigest {
        let mut digest = PlanDigest::new(options, &Filter::True);
        digest.row(Outcome::Created, None);
        digest.row(Outcome::Updated, Some(Row(7)));
        moved(&mut digest, "Silver");
        digest.row(Outcome::Failed, Some(Row(8)));
        digest
    }

    /// A member moves from the tier Gold to another one.
    fn moved(digest: &mut PlanDigest, tier: &str) {
        let of = |tier: &str| {
            let mut member = Member { revision: 9, ..Member::default() };
            member.profile.tier = Some(Tier::parse(tier).unwrap());
            member.profile.company = Some(Name::parse("The same").unwrap());
            member
        };
        digest.change(&of("Gold"), &of(tier));
    }

    fn options() -> ListOptions {
        ListOptions { as_of: Some(Timestamp::from_micros(5)), apply_status: true, ..ListOptions::default() }
    }

    #[test]
    fn digests_never_change() {
        let (hash, rows) = sample(&options()).finish(&[Row(2), Row(300)]);
        assert_documented(&rows.0);
        assert_documented(&hash.0);
    }

    #[test]
    fn digests_of_batches_never_change_and_differ_from_those_of_lists() {
        let mut batch = PlanDigest::of_actions();
        batch.row(Outcome::Created, None);
        batch.offboarded(Some(Row(7)));
        let (hash, rows) = batch.finish(&[]);
        assert_documented(&hash.0);
        let mut list = PlanDigest::new(&ListOptions::default(), &Filter::True);
        list.row(Outcome::Created, None);
        list.row(Outcome::Updated, Some(Row(7)));
        assert_ne!(list.finish(&[]), (hash, rows));
    }

    #[test]
    fn everything_that_a_plan_does_changes_its_digest() {
        let (hash, rows) = sample(&options()).finish(&[Row(2), Row(300)]);
        assert_eq!(sample(&options()).finish(&[Row(2), Row(300)]), (hash, rows));
        let (other, same) = sample(&options()).finish(&[Row(2)]);
        assert!(other != hash && same == rows);
        for other in [
            ListOptions { as_of: None, ..options() },
            ListOptions { apply_status: false, ..options() },
            ListOptions { keeps_bank_details: true, ..options() },
            ListOptions { match_by: ListMatch::WorkerIdOrEmail, ..options() },
        ] {
            assert_ne!(sample(&other).finish(&[Row(2), Row(300)]).1, rows, "{other:?}");
        }
        // What is expected changes nothing that the plan does.
        let expect = GuardExpectation::of_removals(Some(2));
        let expected = ListOptions { expect, ..options() };
        assert_eq!(sample(&expected).finish(&[Row(2), Row(300)]), (hash, rows));
        let mut longer = sample(&options());
        longer.row(Outcome::Unchanged, Some(Row(1)));
        assert_ne!(longer.finish(&[]).1, rows);
        // The row of a failure may be unknown.
        let mut digest = PlanDigest::new(&options(), &Filter::True);
        digest.row(Outcome::Created, None);
        digest.row(Outcome::Updated, Some(Row(7)));
        moved(&mut digest, "Silver");
        digest.row(Outcome::Failed, None);
        assert_eq!(digest.finish(&[]).1, rows);
        // What a member becomes matters, and what it was.
        let mut other = PlanDigest::new(&options(), &Filter::True);
        other.row(Outcome::Created, None);
        other.row(Outcome::Updated, Some(Row(7)));
        moved(&mut other, "Bronze");
        other.row(Outcome::Failed, None);
        assert_ne!(other.finish(&[]).1, rows);
    }
}
