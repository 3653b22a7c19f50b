//! Members of a page as bytes, without their messages: one buffer, into which every text is copied once from
//! where it was read.
//!
//! [`ToWire::member`](super::member::ToWire::member) makes the message of a member for replies that are
//! messages. The bytes here are those of that message. What holds both together: a new field of the message
//! does not compile there until it has a value, a new field of the member does not compile here until it is
//! written, and the tests compare the bytes for random members, in which every field occurs with and without
//! a value.

use prost::encoding::{WireType, encode_key, encode_varint};

use super::timestamp;
use crate::directory::Items;
use crate::model::{
    BaseNumber, BorrowedAccount, BorrowedMember, BorrowedValue, Gender, Row, Sealer, Timestamp,
};

/// The number of the field with the members: 1 in every message that has members or one.
const MEMBERS: u32 = 1;

/// What a member usually takes at most, in bytes.
const USUAL_BYTES: usize = 320;

/// The beginning of a page: its members. Their fields come first in its message.
pub struct WrittenMembers<'a> {
    sealer: &'a Sealer,
    base: BaseNumber,
    base_id: &'a str,
    out: Vec<u8>,
}

impl<'a> WrittenMembers<'a> {
    /// No members yet of `base`, which has this id. They are written after `before`.
    pub fn new(sealer: &'a Sealer, base: BaseNumber, base_id: &'a str, before: &[u8]) -> Self {
        let mut out = Vec::with_capacity(before.len() + USUAL_BYTES);
        out.extend_from_slice(before);
        Self { sealer, base, base_id, out }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

impl Items for WrittenMembers<'_> {
    fn expect(&mut self, count: usize) {
        self.out.reserve(count.saturating_mul(USUAL_BYTES));
    }

    fn add(&mut self, row: Row, member: &BorrowedMember<'_>) {
        let Self { sealer, base, base_id, out } = self;
        nested(out, MEMBERS, |out| {
            nested(out, 1, |out| sealer.write_member_id(*base, row, out));
            text(out, 2, base_id);
            fields(out, member);
        });
    }
}

/// The fields of a member after its ids, in the order of their numbers.
fn fields(out: &mut Vec<u8>, member: &BorrowedMember<'_>) {
    let BorrowedMember {
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
        attributes,
        aliases,
        status,
        created_at,
        updated_at,
        revision,
    } = member;
    optional(out, 3, *ref_);
    optional(out, 4, *email);
    optional(out, 5, *first_name);
    optional(out, 6, *last_name);
    optional(out, 7, *phone);
    optional(out, 8, *worker_id);
    optional(out, 9, *tier);
    text(out, 10, status.as_str());
    if let Some(dob) = dob {
        bytes(out, 11, &dob.to_ascii());
    }
    optional(out, 12, gender.map(Gender::as_str));
    optional(out, 13, *role);
    optional(out, 14, *company);
    if let Some(enabled) = enable_payroll {
        number(out, 15, u64::from(*enabled));
    }
    if let Some(account) = account_details {
        nested(out, 16, |out| self::account(out, *account));
    }
    if !attributes.is_empty() {
        nested(out, 17, |out| attributes.iter().for_each(|(key, value)| attribute(out, key, value)));
    }
    nested(out, 18, |out| instant(out, *created_at));
    nested(out, 19, |out| instant(out, *updated_at));
    unless_zero(out, 20, *revision);
    for alias in aliases {
        nested(out, 21, |out| {
            unless_empty(out, 1, alias.ref_);
            nested(out, 2, |out| instant(out, alias.until));
        });
    }
}

fn account(out: &mut Vec<u8>, account: BorrowedAccount<'_>) {
    match account {
        BorrowedAccount::Uk { account_holder, sort_code, account_number } => nested(out, 1, |out| {
            unless_empty(out, 1, account_holder);
            unless_empty(out, 2, sort_code);
            unless_empty(out, 3, account_number);
        }),
        BorrowedAccount::Eu { account_holder, iban } => nested(out, 2, |out| {
            unless_empty(out, 1, account_holder);
            unless_empty(out, 2, iban);
        }),
    }
}

/// An entry of `google.protobuf.Struct.fields`.
fn attribute(out: &mut Vec<u8>, key: &str, value: &BorrowedValue<'_>) {
    nested(out, 1, |out| {
        unless_empty(out, 1, key);
        nested(out, 2, |out| self::value(out, value));
    });
}

/// A `google.protobuf.Value`. The number of its field says its type, so none is left out.
fn value(out: &mut Vec<u8>, value: &BorrowedValue<'_>) {
    match value {
        BorrowedValue::Number(number) => {
            encode_key(2, WireType::SixtyFourBit, out);
            out.extend_from_slice(&number.to_le_bytes());
        }
        BorrowedValue::Text(content) => text(out, 3, content),
        BorrowedValue::Date(at) => text(out, 3, &at.to_string()),
        BorrowedValue::Bool(value) => number(out, 4, u64::from(*value)),
        BorrowedValue::List(items) => nested(out, 6, |out| {
            items.iter().for_each(|item| nested(out, 1, |out| text(out, 3, item)));
        }),
    }
}

/// A `google.protobuf.Timestamp`.
fn instant(out: &mut Vec<u8>, at: Timestamp) {
    let prost_types::Timestamp { seconds, nanos } = timestamp(at);
    unless_zero(out, 1, seconds.cast_unsigned());
    unless_zero(out, 2, i64::from(nanos).cast_unsigned());
}

fn optional(out: &mut Vec<u8>, field: u32, content: Option<&str>) {
    if let Some(content) = content {
        text(out, field, content);
    }
}

fn unless_empty(out: &mut Vec<u8>, field: u32, content: &str) {
    optional(out, field, Some(content).filter(|content| !content.is_empty()));
}

fn unless_zero(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        number(out, field, value);
    }
}

fn text(out: &mut Vec<u8>, field: u32, content: &str) {
    bytes(out, field, content.as_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u32, content: &[u8]) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(u64::try_from(content.len()).unwrap_or(u64::MAX), out);
    out.extend_from_slice(content);
}

fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    encode_key(field, WireType::Varint, out);
    encode_varint(value, out);
}

/// A field whose length is known once it is written. Most are short, so one byte is kept for the length; a
/// longer one moves what was written, which for a member takes less time than computing its length before.
fn nested(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    encode_key(field, WireType::LengthDelimited, out);
    let mut place = out.len();
    out.push(0);
    write(out);
    let mut left = out.len() - place - 1;
    loop {
        let [low, ..] = left.to_le_bytes();
        left >>= 7;
        let is_last = left == 0;
        if let Some(byte) = out.get_mut(place) {
            *byte = if is_last { low & 0x7f } else { low | 0x80 };
        }
        if is_last {
            return;
        }
        place += 1;
        out.insert(place, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use prost::Message;

    use super::super::member::ToWire;
    use super::*;
    use crate::api::grpc::v1;
    use crate::model::{AttributeValue, Attributes, IdKey, Member, Name, Profile, Ref, RefAlias, samples};

    const BASE: BaseNumber = BaseNumber(7);

    /// The members as bytes, and the bytes of their messages.
    fn both(members: Vec<(Row, Member)>) -> (Vec<u8>, Vec<u8>) {
        let sealer = Sealer::new(IdKey([3; 16]));
        let base_id = sealer.base_id(BASE);
        let mut written = WrittenMembers::new(&sealer, BASE, &base_id, &[]);
        members.iter().for_each(|(row, member)| written.add(*row, &member.into()));
        let members = ToWire::new(&sealer, BASE).members(members);
        let page = v1::ListMembersResponse { members, ..Default::default() };
        (written.into_bytes(), page.encode_to_vec())
    }

    /// A text, also an empty one. Its length, and that of what surrounds it, takes one to three bytes.
    fn text() -> impl Strategy<Value = String> {
        let usual = prop::sample::select(vec![0_usize, 1, 20, 110, 120, 127, 128, 300]);
        let length = prop_oneof![30 => usual, 1 => 16_300..16_400_usize];
        (length, any::<char>())
            .prop_map(|(length, one)| one.to_string().repeat(length.div_ceil(one.len_utf8())))
    }

    fn value() -> impl Strategy<Value = AttributeValue> {
        prop_oneof![
            text().prop_map(AttributeValue::Text),
            any::<f64>().prop_map(AttributeValue::Number),
            any::<bool>().prop_map(AttributeValue::Bool),
            vec(text(), 0..4).prop_map(AttributeValue::List),
            any::<i64>().prop_map(|at| AttributeValue::Date(Timestamp::from_micros(at))),
        ]
    }

    /// Any member of the samples, in which texts of any length and instants of any year take the place of
    /// some.
    fn member() -> impl Strategy<Value = Member> {
        let attributes = vec((text(), value()), 0..5);
        let alias = (text(), any::<i64>());
        let alias = alias.prop_map(|(ref_, until)| RefAlias {
            ref_: Ref::from_stored(ref_),
            until: Timestamp::from_micros(until),
        });
        let texts = (prop::option::of(text()), prop::option::of(text()));
        let times = (any::<i64>(), any::<i64>(), any::<u64>());
        (samples::member(), any::<bool>(), attributes, vec(alias, 0..3), texts, times).prop_map(
            |(member, is_sample, attributes, aliases, (ref_, role), (created, updated, revision))| {
                if is_sample {
                    return member;
                }
                Member {
                    profile: Profile {
                        ref_: ref_.map(Ref::from_stored),
                        role: role.map(Name::from_stored),
                        ..member.profile
                    },
                    attributes: Attributes::from_stored(attributes),
                    aliases,
                    created_at: Timestamp::from_micros(created),
                    updated_at: Timestamp::from_micros(updated),
                    revision,
                    ..member
                }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn members_are_written_as_their_messages_are(
            members in vec((any::<u64>().prop_map(Row), member()), 0..4),
        ) {
            let (written, message) = both(members);
            prop_assert!(written == message);
        }
    }

    #[test]
    fn a_member_without_anything_is_written_as_its_message_is() {
        let (written, message) = both(vec![(Row(0), Member::default())]);
        assert_eq!(written, message);
        assert!(v1::ListMembersResponse::decode(&written[..]).unwrap().members.len() == 1);
    }

    #[test]
    fn lengths_of_one_to_four_bytes_are_written_as_numbers_are() {
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 16_385, 2_097_151, 2_097_152] {
            let content = "x".repeat(length);
            let (mut written, mut expected) = (b"before".to_vec(), b"before".to_vec());
            nested(&mut written, 5, |out| out.extend_from_slice(content.as_bytes()));
            super::text(&mut expected, 5, &content);
            assert!(written == expected, "{length}");
        }
    }
}
