//! The fingerprint of an input: what lets a repeat be recognised without reading the member.
//!
//! It covers everything of a row that decides its effect (`if_revision` does not), and the options. The encoding is
//! unambiguous: fixed order, and before every value its length. It is stored, so it is frozen: whoever changes it
//! raises [`VERSION`], and repeats of older inputs are then merely slower to recognise.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::model::account::AccountDetails;
use crate::model::attribute::{AttributePatch, AttributeValue};
use crate::model::input::{Change, MatchBy, MemberRow, Semantics, UpsertOptions};

/// Version of the encoding; hashed first.
const VERSION: u8 = 1;

impl MemberRow {
    /// The fingerprint of this row under these options, keyed; never 0, which stands for none.
    pub fn fingerprint(&self, options: &UpsertOptions, key: (u64, u64)) -> u128 {
        let mut sink = Sink(SipHasher13::new_with_keys(key.0, key.1));
        sink.bytes(&[
            VERSION,
            match options.match_by {
                MatchBy::Ref => 0,
                MatchBy::Email => 1,
                MatchBy::WorkerId => 2,
            },
            match options.semantics {
                Semantics::Merge => 0,
                Semantics::Replace => 1,
            },
            u8::from(options.reactivate),
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

/// Writes prefixes of 8 bytes: a kind in the low byte, a length or small value above it.
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

impl Sink {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn prefix(&mut self, kind: u8, value: u64) {
        self.bytes(&(value << 8 | u64::from(kind)).to_le_bytes());
    }

    /// Lengths are far below 2^56: limits bound them.
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
