//! What a write counts as: case by case, and by a table of fields.

use proptest::prelude::*;

use super::*;
use crate::model::{AccountDetails, AttributeValue, Attributes, Date, Email, Name, Phone, Ref, Tier};

const SEEN: Written = Written { fold: Fold::NEWEST, ref_is_identity: false, unseen: None };

fn whole() -> Member {
    let profile = Profile {
        ref_: Some(Ref::parse("a").unwrap()),
        email: email("ana@example.com"),
        first_name: name("Ana"),
        last_name: name("Silva"),
        phone: Some(Phone::parse("+447700900123").unwrap()),
        tier: Some(Tier::parse("Gold".to_owned()).unwrap()),
        dob: Some(Date::parse("1990-02-03").unwrap()),
        account_details: account("55779911"),
        ..Profile::default()
    };
    let attributes = Attributes::from_stored(vec![("size".to_owned(), AttributeValue::Bool(true))]);
    Member { profile, attributes, ..Member::default() }
}

fn email(text: &str) -> Option<Email> {
    Some(Email::parse(text.to_owned()).unwrap())
}

fn name(text: &str) -> Option<Name> {
    Some(Name::parse(text.to_owned()).unwrap())
}

fn account(number: &str) -> Option<AccountDetails> {
    Some(AccountDetails::parse_uk("Ada", "200000", number).unwrap())
}

/// The words of what is counted if `change` makes a member out of `before`.
fn counted(before: &Member, written: Written, change: impl FnOnce(&mut Member)) -> Vec<&'static str> {
    let mut after = before.clone();
    change(&mut after);
    words(GuardCounts::of_write(Some(before), Some(&after), written))
}

fn words(counts: GuardCounts) -> Vec<&'static str> {
    assert_eq!(counts, counts.at_most(&GuardCounts::ONE_EACH));
    use crate::model::GuardKind;
    GuardKind::ALL.into_iter().filter(|kind| counts.get(*kind) > 0).map(GuardKind::as_str).collect()
}

#[test]
fn another_value_of_an_identifying_field_is_another_identity() {
    let of = |change: fn(&mut Profile)| counted(&whole(), SEEN, |member| change(&mut member.profile));
    assert_eq!(of(|profile| profile.email = email("eva@example.com")), ["identities"]);
    assert_eq!(of(|profile| profile.email = email("ANA@Example.com")), [""; 0]);
    assert_eq!(of(|profile| profile.dob = Some(Date::parse("1990-02-04").unwrap())), ["identities"]);
    assert_eq!(of(|profile| profile.dob = None), [""; 0]);
    assert_eq!(of(|profile| profile.account_details = account("55779912")), ["identities"]);
    assert_eq!(of(|profile| profile.last_name = name("Souza")), [""; 0]);
    assert_eq!(of(|profile| (profile.first_name, profile.last_name) = (name("Eva"), None)), [""; 0]);
    let both = |profile: &mut Profile| (profile.first_name, profile.last_name) = (name("Eva"), name("Bo"));
    assert_eq!(of(both), ["identities"]);
    assert_eq!(of(|profile| profile.phone = Some(Phone::parse("+447700900124").unwrap())), [""; 0]);
}

#[test]
fn the_only_name_of_a_member_identifies_it() {
    let mut one = whole();
    one.profile.last_name = None;
    let first = |member: &mut Member| member.profile.first_name = name("Eva");
    assert_eq!(counted(&one, SEEN, first), ["identities"]);
    let split = |member: &mut Member| member.profile.last_name = name("Silva");
    assert_eq!(counted(&one, SEEN, split), [""; 0]);
    one.profile.first_name = None;
    assert_eq!(counted(&one, SEEN, first), [""; 0]);
}

#[test]
fn a_ref_is_an_identity_only_if_something_else_found_the_member() {
    let other = |member: &mut Member| member.profile.ref_ = Some(Ref::parse("b").unwrap());
    assert_eq!(counted(&whole(), SEEN, other), [""; 0]);
    let found = Written { ref_is_identity: true, ..SEEN };
    assert_eq!(counted(&whole(), found, other), ["identities"]);
    assert_eq!(counted(&Member::default(), found, other), [""; 0]);
}

#[test]
fn lost_data_is_counted_once_and_first_values_never() {
    let of = |change: fn(&mut Member)| counted(&whole(), SEEN, change);
    assert_eq!(of(|member| member.profile.email = None), ["clears"]);
    assert_eq!(of(|member| member.profile.phone = None), ["clears"]);
    assert_eq!(of(|member| member.profile.account_details = None), ["clears"]);
    assert_eq!(of(|member| member.attributes = Attributes::default()), ["clears"]);
    assert_eq!(of(|member| member.profile = Profile::default()), ["clears", "tiers"]);
    assert_eq!(counted(&Member::default(), SEEN, |member| *member = whole()), [""; 0]);
    assert_eq!(counted(&Member::default(), SEEN, |_| ()), [""; 0]);
}

#[test]
fn tiers_are_counted_when_they_are_left_and_members_when_they_leave_or_come_back() {
    let of = |change: fn(&mut Member)| counted(&whole(), SEEN, change);
    assert_eq!(of(|member| member.profile.tier = None), ["tiers"]);
    assert_eq!(of(|member| member.profile.tier = Some(Tier::parse("Tin".to_owned()).unwrap())), ["tiers"]);
    assert_eq!(of(|member| member.status = Status::Invited), [""; 0]);
    assert_eq!(of(|member| member.status = Status::Inactive), ["removals"]);
    let former = Member { status: Status::Inactive, ..whole() };
    for (status, expected) in [(Status::Invited, &["reactivations"][..]), (Status::Inactive, &[])] {
        assert_eq!(counted(&former, SEEN, |member| member.status = status), expected);
    }
    assert_eq!(words(GuardCounts::of_write(Some(&former), None, SEEN)), ["removals"]);
    assert_eq!(words(GuardCounts::of_write(None, Some(&former), SEEN)), [""; 0]);
}

#[test]
fn what_a_sender_may_not_see_counts_whatever_the_member_had() {
    let merge = |patch: &MemberPatch| Unseen::of(Sight::WithoutPii, patch, Semantics::Merge);
    let dob = Change::Set(Date::parse("1990-02-03").unwrap());
    let sets = MemberPatch { dob, ..MemberPatch::default() };
    let clears = MemberPatch { account_details: Change::Clear, ..MemberPatch::default() };
    let neither = MemberPatch::default();
    for (patch, semantics, unseen) in [
        (&sets, Semantics::Merge, Unseen { sets: true, clears: false }),
        (&clears, Semantics::Merge, Unseen { sets: false, clears: true }),
        (&neither, Semantics::Merge, Unseen::default()),
        (&neither, Semantics::Replace, Unseen { sets: false, clears: true }),
    ] {
        assert_eq!(Unseen::of(Sight::WithoutPii, patch, semantics), Some(unseen));
        assert_eq!(Unseen::of(Sight::Whole, patch, semantics), None);
    }
    let hidden: fn(&mut Member) = |member| {
        (member.profile.dob, member.profile.account_details) = (None, account("55779912"));
    };
    let nothing: fn(&mut Member) = |_| ();
    for (patch, expected) in [(&sets, "identities"), (&clears, "clears")] {
        for change in [hidden, nothing] {
            for before in [whole(), Member::default()] {
                assert_eq!(counted(&before, Written { unseen: merge(patch), ..SEEN }, change), [expected]);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_write_counts_by_a_table_of_its_fields(
        before in crate::model::samples::member(),
        after in crate::model::samples::member(),
        ref_is_identity: bool,
    ) {
        let (old, new) = (&before.profile, &after.profile);
        let other = |old: Option<String>, new: Option<String>| matches!((old, new), (Some(old), Some(new)) if old != new);
        let mail = |profile: &Profile| profile.email.as_ref().map(|mail| mail.folded(Fold::NEWEST).into_owned());
        let first = |profile: &Profile| profile.first_name.as_ref().map(|name| name.as_str().to_owned());
        let last = |profile: &Profile| profile.last_name.as_ref().map(|name| name.as_str().to_owned());
        let names = [(first(old), first(new)), (last(old), last(new))];
        let named: Vec<_> = names.into_iter().filter(|pair| *pair != (None, None)).collect();
        let identity = other(mail(old), mail(new))
            || (!named.is_empty() && named.iter().all(|(old, new)| other(old.clone(), new.clone())))
            || other(old.dob.map(|dob| format!("{dob:?}")), new.dob.map(|dob| format!("{dob:?}")))
            // The debug form of an account hides its numbers.
            || (old.account_details.is_some()
                && new.account_details.is_some()
                && old.account_details != new.account_details)
            || (ref_is_identity
                && other(
                    old.ref_.as_ref().map(|ref_| ref_.as_str().to_owned()),
                    new.ref_.as_ref().map(|ref_| ref_.as_str().to_owned()),
                ));
        let has = |member: &Member| [
            member.profile.email.is_some(),
            member.profile.phone.is_some(),
            member.profile.account_details.is_some(),
            !member.attributes.is_empty(),
        ];
        let cleared = has(&before).into_iter().zip(has(&after)).any(|(had, has)| had && !has);
        let there = [before.status, after.status].map(|status| status != Status::Inactive);
        let expected = GuardCounts {
            removals: u64::from(there == [true, false]),
            identities: u64::from(identity),
            clears: u64::from(cleared),
            reactivations: u64::from(there == [false, true]),
            tiers: u64::from(old.tier.is_some() && old.tier != new.tier),
            ..GuardCounts::default()
        };
        let written = Written { ref_is_identity, ..SEEN };
        prop_assert_eq!(GuardCounts::of_write(Some(&before), Some(&after), written), expected);
    }
}
