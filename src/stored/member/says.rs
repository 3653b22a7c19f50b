//! Compares a stored member with a row that was not parsed yet.

use super::super::bytes::Reader;
use super::super::decode::{DecodeError, versioned};
use super::tag::{self, VALUE, VERSION};
use crate::model::{Change, RowTexts, Status};

/// The tags of texts are smaller than this.
const TEXTS: usize = 12;

/// Whether the member is active or invited and has exactly what a row says. Nothing is copied.
pub fn says(bytes: &[u8], row: &RowTexts<'_>) -> Result<bool, DecodeError> {
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
    let status = Status::from_index(r.u8()?).ok_or_else(|| r.damaged("its status is unknown"))?;
    if status == Status::Inactive || row.status.is_some_and(|wanted| wanted != status.as_str()) {
        return Ok(false);
    }
    for _ in ["created", "updated", "revision"] {
        r.varint()?;
    }
    let mut texts: [Option<&[u8]>; TEXTS] = [None; TEXTS];
    let (mut payroll, mut has_account) = (None, false);
    while !r.is_empty() {
        match r.u8()? {
            tag::ENABLE_PAYROLL => payroll = Some(r.u8()? != 0),
            // Tags ascend. The row says nothing about what follows.
            tag @ (tag::UK_ACCOUNT..=u8::MAX) => {
                has_account = matches!(tag, tag::UK_ACCOUNT | tag::EU_ACCOUNT);
                break;
            }
            tag => {
                let text = r.slice()?;
                let place = texts.get_mut(usize::from(tag)).filter(|_| tag >= tag::REF);
                *place.ok_or_else(|| r.damaged("it has an unknown field"))? = Some(text);
            }
        }
    }
    let has = |tag: u8, said: &Change<&str>| {
        let text = texts.get(usize::from(tag)).copied().flatten();
        match said {
            Change::Keep => true,
            Change::Clear => text.is_none(),
            Change::Set(said) => text == Some(said.as_bytes()),
        }
    };
    let has_flag = match row.enable_payroll {
        Change::Keep => true,
        Change::Clear => payroll.is_none(),
        Change::Set(flag) => payroll == Some(flag),
    };
    Ok(has_flag
        && !(row.clears_account && has_account)
        && has(tag::REF, &row.ref_)
        && has(tag::EMAIL, &row.email)
        && has(tag::FIRST_NAME, &row.first_name)
        && has(tag::LAST_NAME, &row.last_name)
        && has(tag::PHONE, &row.phone)
        && has(tag::WORKER_ID, &row.worker_id)
        && has(tag::TIER, &row.tier)
        && has(tag::DOB, &row.dob)
        && has(tag::GENDER, &row.gender)
        && has(tag::ROLE, &row.role)
        && has(tag::COMPANY, &row.company))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{
        Change, Date, Gender, Member, MemberPatch, Semantics, Timestamp, Update, samples, upsert,
    };
    use crate::stored::member::encode;

    /// The patch with the member's own values where `own` says so: rows mostly repeat what their members are.
    fn mostly_own(mut patch: MemberPatch, member: &Member, own: [bool; 12]) -> MemberPatch {
        fn set<T: Clone>(change: &mut Change<T>, value: &Option<T>, is_own: bool) {
            if is_own {
                *change = value.clone().map_or(Change::Clear, Change::Set);
            }
        }
        let profile = &member.profile;
        set(&mut patch.ref_, &profile.ref_, own[0]);
        set(&mut patch.email, &profile.email, own[1]);
        set(&mut patch.first_name, &profile.first_name, own[2]);
        set(&mut patch.last_name, &profile.last_name, own[3]);
        set(&mut patch.phone, &profile.phone, own[4]);
        set(&mut patch.worker_id, &profile.worker_id, own[5]);
        set(&mut patch.tier, &profile.tier, own[6]);
        set(&mut patch.dob, &profile.dob, own[7]);
        set(&mut patch.gender, &profile.gender, own[8]);
        set(&mut patch.role, &profile.role, own[9]);
        set(&mut patch.company, &profile.company, own[10]);
        set(&mut patch.enable_payroll, &profile.enable_payroll, own[11]);
        // Texts name no attributes, and at most clear the bank details.
        patch.attributes = Default::default();
        if patch.account_details.as_set().is_some() {
            patch.account_details = Change::Keep;
        }
        patch
    }

    fn text_of<T: AsRef<str>>(change: &Change<T>) -> Change<&str> {
        match change {
            Change::Keep => Change::Keep,
            Change::Clear => Change::Clear,
            Change::Set(text) => Change::Set(text.as_ref()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_member_says_a_row_exactly_if_the_row_leaves_it_as_it_is(
            member in samples::member(),
            patch in samples::patch(),
            own in prop_oneof![Just([true; 12]), any::<[bool; 12]>()],
            status in proptest::option::of(samples::status()),
        ) {
            let patch = mostly_own(patch, &member, own);
            let dob = match &patch.dob {
                Change::Set(date) => Change::Set(date.to_text()),
                Change::Clear => Change::Clear,
                Change::Keep => Change::Keep,
            };
            let gender = match &patch.gender {
                Change::Set(gender) => Change::Set(Gender::as_str(*gender)),
                Change::Clear => Change::Clear,
                Change::Keep => Change::Keep,
            };
            let row = RowTexts {
                ref_: text_of(&patch.ref_),
                email: text_of(&patch.email),
                first_name: text_of(&patch.first_name),
                last_name: text_of(&patch.last_name),
                phone: text_of(&patch.phone),
                worker_id: text_of(&patch.worker_id),
                tier: text_of(&patch.tier),
                dob: text_of(&dob),
                gender: text_of(&gender),
                role: text_of(&patch.role),
                company: text_of(&patch.company),
                enable_payroll: patch.enable_payroll.clone(),
                clears_account: patch.account_details == Change::Clear,
                status: status.map(Status::as_str),
                has_no_controls: false,
            };
            let now = Timestamp::from_micros(9);
            let is_unchanged = upsert::patch(&member, &patch, Semantics::Merge, now) == Ok(Update::Unchanged);
            let keeps_status = status.is_none_or(|status| status == member.status);
            let expected = is_unchanged && keeps_status && member.status != Status::Inactive;
            prop_assert_eq!(says(&encode(&member), &row), Ok(expected));
            prop_assert!(row.are_stored_as_they_are(Date::parse("2026-02-03").unwrap()));
        }
    }

    #[test]
    fn damaged_members_are_refused() {
        let mut member = Member::default();
        member.profile.enable_payroll = Some(true);
        let row = RowTexts::default();
        let whole = encode(&Member { status: Status::Active, ..member });
        assert_eq!(says(&whole, &row), Ok(true));
        for end in 0..whole.len() - 2 {
            assert!(says(&whole[..end], &row).is_err(), "{end}");
        }
        assert!(says(&[&whole[..], &[0, 1, 65]].concat(), &row).is_err(), "no field has the tag 0");
    }
}
