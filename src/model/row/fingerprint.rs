//! The fingerprint of a row: it lets a repeat be recognised without reading the member.
//!
//! It covers the options and everything in a row that decides its effect, except `if_revision` and the id
//! that may find the member: rows with one of these have no fingerprint. The encoding is unambiguous: a fixed
//! order, and its length before every value. It is stored, so it is frozen: a change of it must raise
//! `VERSION`. Repeats of older inputs are then only slower to recognise.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::model::attributes::attribute::{AttributePatch, AttributeValue};
use crate::model::bank::account::AccountDetails;
use crate::model::row::change::Change;
use crate::model::row::input::{MemberRow, UpsertOptions};
use crate::model::row::match_by::{MatchBy, Semantics};

/// The version of the encoding; it is hashed first.
const VERSION: u8 = 1;

impl MemberRow {
    /// The keyed fingerprint of this row under these options. It is never 0, which stands for no fingerprint.
    pub fn fingerprint(&self, options: &UpsertOptions, key: (u64, u64)) -> u128 {
        let mut sink = Sink(SipHasher13::new_with_keys(key.0, key.1));
        sink.bytes(&[
            VERSION,
            match options.match_by {
                MatchBy::Ref => 0,
                MatchBy::Email => 1,
                MatchBy::WorkerId => 2,
                MatchBy::Id => 3,
            },
            match options.semantics {
                Semantics::Merge => 0,
                Semantics::Replace => 1,
            },
            u8::from(options.reactivate)
                | u8::from(options.apply_status) << 1
                // Rows with a status set this bit, so that entries of earlier versions are not mistaken for
                // theirs: those were stored even if the member had another status.
                | u8::from(self.status.is_some()) << 2,
            self.status.map_or(u8::MAX, |status| status.index()),
            u8::from(self.patch.attributes.replace_all),
        ]);
        let patch = &self.patch;
        sink.text(&patch.ref_);
        sink.text(&patch.email);
        sink.text(&patch.first_name);
        sink.text(&patch.last_name);
        sink.text(&patch.phone);
        sink.text(&patch.worker_id);
        sink.text(&patch.tier);
        sink.small(&patch.dob, |date| date.to_number());
        sink.small(&patch.gender, |gender| u32::from(gender.index()));
        sink.text(&patch.role);
        sink.text(&patch.company);
        sink.small(&patch.enable_payroll, |flag| u32::from(*flag));
        sink.account(&patch.account_details);
        sink.attributes(&patch.attributes);
        sink.0.finish128().as_u128().max(1)
    }
}

/// Writes prefixes of 8 bytes: a kind in the low byte, and a length or small value above it.
struct Sink(SipHasher13);

const KEEP: u8 = 0;
const CLEAR: u8 = 1;
const SET: u8 = 2;
const UK: u8 = 3;
const EU: u8 = 4;
const TEXT: u8 = 5;
const NUMBER: u8 = 6;
const BOOL: u8 = 7;
const LIST: u8 = 8;
const COUNT: u8 = 9;
const DATE: u8 = 10;

impl Sink {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn prefix(&mut self, kind: u8, value: u64) {
        self.bytes(&(value << 8 | u64::from(kind)).to_le_bytes());
    }

    /// Writes a length. Limits keep lengths far below 2^56.
    fn length(&mut self, kind: u8, length: usize) {
        self.prefix(kind, u64::try_from(length).unwrap_or(u64::MAX >> 8));
    }

    fn string(&mut self, kind: u8, text: &str) {
        self.length(kind, text.len());
        self.bytes(text.as_bytes());
    }

    fn text<T: AsRef<str>>(&mut self, change: &Change<T>) {
        match change {
            Change::Keep => self.prefix(KEEP, 0),
            Change::Clear => self.prefix(CLEAR, 0),
            Change::Set(text) => self.string(SET, text.as_ref()),
        }
    }

    fn small<T>(&mut self, change: &Change<T>, value: impl Fn(&T) -> u32) {
        match change {
            Change::Keep => self.prefix(KEEP, 0),
            Change::Clear => self.prefix(CLEAR, 0),
            Change::Set(set) => self.prefix(SET, u64::from(value(set))),
        }
    }

    fn account(&mut self, change: &Change<AccountDetails>) {
        match change {
            Change::Keep => self.prefix(KEEP, 0),
            Change::Clear => self.prefix(CLEAR, 0),
            Change::Set(AccountDetails::Uk { account_holder, sort_code, account_number }) => {
                self.string(UK, account_holder);
                self.string(UK, sort_code);
                self.string(UK, account_number);
            }
            Change::Set(AccountDetails::Eu { account_holder, iban }) => {
                self.string(EU, account_holder);
                self.string(EU, iban);
            }
        }
    }

    fn attributes(&mut self, patch: &AttributePatch) {
        self.length(COUNT, patch.iter().len());
        for (key, value) in patch.iter() {
            self.string(SET, key);
            match value {
                None => self.prefix(CLEAR, 0),
                Some(AttributeValue::Text(text)) => self.string(TEXT, text),
                Some(AttributeValue::Number(number)) => {
                    self.prefix(NUMBER, 0);
                    self.bytes(&number.to_bits().to_le_bytes());
                }
                Some(AttributeValue::Bool(value)) => self.prefix(BOOL, u64::from(*value)),
                Some(AttributeValue::Date(at)) => {
                    self.prefix(DATE, 0);
                    self.bytes(&at.micros().to_le_bytes());
                }
                Some(AttributeValue::List(items)) => {
                    self.length(LIST, items.len());
                    for item in items {
                        self.string(TEXT, item);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::bank::account::AccountDetails;
    use crate::model::contact::email::Email;
    use crate::model::contact::phone::Phone;
    use crate::model::membership::member::{Gender, Status};
    use crate::model::samples;
    use crate::model::value::text::{Name, Ref, Tier, WorkerId};
    use crate::model::value::time::Date;

    const KEY: (u64, u64) = (1, 2);

    fn full_row() -> MemberRow {
        let mut row = MemberRow { status: Some(Status::Invited), ..MemberRow::default() };
        let patch = &mut row.patch;
        patch.ref_ = Change::Set(Ref::parse("user_001").unwrap());
        patch.email = Change::Set(Email::parse("zoë@example.com").unwrap());
        patch.first_name = Change::Set(Name::parse("Zoë").unwrap());
        patch.last_name = Change::Clear;
        patch.phone = Change::Set(Phone::parse("+442079460018").unwrap());
        patch.worker_id = Change::Set(WorkerId::parse("W-1").unwrap());
        patch.tier = Change::Set(Tier::parse("Gold").unwrap());
        patch.dob = Change::Set(Date::new(1990, 2, 28).unwrap());
        patch.gender = Change::Set(Gender::NonBinary);
        patch.enable_payroll = Change::Set(true);
        patch.account_details =
            Change::Set(AccountDetails::parse_eu("Zoë", "DE89370400440532013000").unwrap());
        patch.attributes.set("list", AttributeValue::list(vec!["a".to_owned()]).unwrap()).unwrap();
        patch.attributes.set("number", AttributeValue::number(1.5).unwrap()).unwrap();
        patch.attributes.set("text", AttributeValue::text("a").unwrap()).unwrap();
        patch.attributes.set("yes", AttributeValue::bool(true)).unwrap();
        patch.attributes.clear("gone").unwrap();
        row
    }

    /// Another program computed the expected values from the encoding.
    #[test]
    fn fingerprints_change_with_their_version_only() {
        let options = UpsertOptions::default();
        assert_eq!(VERSION, 1);
        assert_eq!(
            MemberRow::default().fingerprint(&options, KEY),
            0x8a60_1a97_d0b7_3a11_5931_e00a_ea31_4d46
        );
        assert_eq!(full_row().fingerprint(&options, KEY), 0x335f_e2d7_c3c8_757e_e1a4_afd8_2cf4_9bb8);
    }

    #[test]
    fn a_text_that_moves_to_the_next_field_is_another_input() {
        let row = |ref_: &str, first: &str, last: &str| {
            let mut row = MemberRow::default();
            row.patch.ref_ = Change::Set(Ref::parse(ref_).unwrap());
            row.patch.first_name = Change::Set(Name::parse(first).unwrap());
            row.patch.last_name = Change::Set(Name::parse(last).unwrap());
            row.fingerprint(&UpsertOptions::default(), KEY)
        };
        assert_ne!(row("ab", "c", "d"), row("a", "bc", "d"));
        assert_ne!(row("a", "bc", "d"), row("a", "b", "cd"));
    }

    #[test]
    fn the_fingerprint_depends_on_the_key_and_not_on_if_revision() {
        let row = full_row();
        let asked = MemberRow { if_revision: Some(7), ..row.clone() };
        let options = UpsertOptions::default();
        assert_eq!(row.fingerprint(&options, KEY), asked.fingerprint(&options, KEY));
        assert_ne!(row.fingerprint(&options, KEY), row.fingerprint(&options, (1, 3)));
        assert_ne!(row.fingerprint(&options, KEY), row.fingerprint(&options, (0, 2)));
    }

    fn fields_swapped(row: &MemberRow) -> MemberRow {
        let mut row = row.clone();
        std::mem::swap(&mut row.patch.first_name, &mut row.patch.last_name);
        std::mem::swap(&mut row.patch.role, &mut row.patch.company);
        row
    }

    /// `row` with one field taken from `other`.
    fn with_one_field_of(row: &MemberRow, other: &MemberRow, field: usize) -> MemberRow {
        let mut row = row.clone();
        let (patch, other_patch) = (&mut row.patch, other.patch.clone());
        match field {
            0 => patch.ref_ = other_patch.ref_,
            1 => patch.email = other_patch.email,
            2 => patch.first_name = other_patch.first_name,
            3 => patch.last_name = other_patch.last_name,
            4 => patch.phone = other_patch.phone,
            5 => patch.worker_id = other_patch.worker_id,
            6 => patch.tier = other_patch.tier,
            7 => patch.dob = other_patch.dob,
            8 => patch.gender = other_patch.gender,
            9 => patch.role = other_patch.role,
            10 => patch.company = other_patch.company,
            11 => patch.enable_payroll = other_patch.enable_payroll,
            12 => patch.account_details = other_patch.account_details,
            13 => patch.attributes = other_patch.attributes,
            14 => patch.attributes.replace_all = other_patch.attributes.replace_all,
            _ => row.status = other.status,
        }
        row
    }

    proptest! {
        #[test]
        fn equal_fingerprints_mean_equal_inputs(
            row in samples::row(),
            other in samples::row(),
            field in 0..16_usize,
            options in samples::options(),
            other_options in samples::options(),
        ) {
            let print = row.fingerprint(&options, KEY);
            prop_assert_ne!(print, 0);
            let nearly = with_one_field_of(&row, &other, field);
            for other in [row.clone(), other.clone(), nearly, fields_swapped(&row)] {
                for other_options in [options, other_options] {
                    let same = row == other && options == other_options;
                    prop_assert_eq!(other.fingerprint(&other_options, KEY) == print, same);
                }
            }
        }
    }
}
