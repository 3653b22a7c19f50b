//! Rows of a chunk as their bytes: texts are parsed where they lie in the message.
//!
//! A row usually has ten short texts, and a message of each row's own would take an allocation for each of
//! them, only to give it back once the row is parsed. What is hardly ever sent is left to prost, so every row
//! becomes what it would become as a message.

use std::collections::BTreeMap;

use prost::{DecodeError, Message};
use prost_types::{Struct, Value};

use super::input::{self, GivenAttributes};
use crate::api::grpc::fields::{Field, Sent, next};
use crate::api::grpc::v1;
use crate::model::{Date, Finder, MemberRow, RawRow, RowError};

/// A row as it was sent.
pub enum SentRow<'a> {
    /// Its texts lie in the message.
    InPlace(RawRow<GivenAttributes, &'a str>),
    /// A message of its own.
    Message(v1::MemberInput),
}

impl<'a> SentRow<'a> {
    /// The row in `bytes`.
    pub fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        match in_place(bytes) {
            Some(row) => Ok(Self::InPlace(row)),
            None => v1::MemberInput::decode(bytes).map(Self::Message),
        }
    }

    /// The ref that it names.
    pub fn named(&self) -> Option<&str> {
        match self {
            Self::InPlace(row) => row.ref_.as_set().copied(),
            Self::Message(row) => row.r#ref.as_deref(),
        }
    }

    /// Parses it, like [`input::row`].
    pub fn parse(self, finder: Option<Finder<'_>>, today: Date) -> Result<MemberRow, RowError> {
        match self {
            Self::InPlace(row) => row.parse(today, finder),
            Self::Message(row) => input::row(row, finder, today),
        }
    }
}

/// The row whose fields prost would read from these bytes; `None` if that is not certain.
fn in_place(bytes: &[u8]) -> Option<RawRow<GivenAttributes, &str>> {
    // Tags and lengths of short texts are characters of ASCII, so most rows are one text from end to end. Its
    // parts need no check but where they begin and end.
    let whole = std::str::from_utf8(bytes).ok();
    let mut row = RawRow::<GivenAttributes, &str>::default();
    let (mut rest, mut account, mut attributes) = (bytes, None, None);
    while !rest.is_empty() {
        let Field { number, sent } = next(&mut rest)?;
        match (number, sent) {
            (13, Sent::Number(flag)) => row.enable_payroll = Some(flag != 0).into(),
            (17, Sent::Number(revision)) => row.if_revision = Some(revision),
            // A message that is sent in two pieces is put together from both.
            (14, Sent::Bytes(part)) if account.is_none() => {
                account = Some(v1::AccountDetails::decode(part).ok()?);
            }
            (15, Sent::Bytes(part)) if attributes.is_none() => attributes = Some(Struct::decode(part).ok()?),
            (_, Sent::Bytes(part)) => {
                let end = bytes.len() - rest.len();
                let text = match whole {
                    Some(whole) => whole.get(end - part.len()..end)?,
                    None => std::str::from_utf8(part).ok()?,
                };
                match number {
                    1 => row.ref_ = Some(text).into(),
                    2 => row.email = Some(text).into(),
                    3 => row.first_name = Some(text).into(),
                    4 => row.last_name = Some(text).into(),
                    5 => row.phone = Some(text).into(),
                    6 => row.worker_id = Some(text).into(),
                    7 => row.tier = Some(text).into(),
                    8 => row.status = Some(text),
                    9 => row.dob = Some(text).into(),
                    10 => row.gender = Some(text).into(),
                    11 => row.role = Some(text).into(),
                    12 => row.company = Some(text).into(),
                    16 => row.clear_fields.push(text.to_owned()),
                    18 => row.id = Some(text),
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
    row.account_details = account.map(input::account).into();
    let attributes: Option<BTreeMap<String, Value>> = attributes.map(|given| given.fields);
    row.attributes = GivenAttributes(attributes.unwrap_or_default());
    Some(row)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost_types::value::Kind;

    use super::*;
    use crate::model::{BaseNumber, IdKey, MatchBy, Sealer};

    fn today() -> Date {
        Date::new(2026, 2, 3).unwrap()
    }

    /// What the bytes become by this module and by prost alone, which must be the same; and whether this
    /// module alone has read them.
    fn read(bytes: &[u8]) -> bool {
        let sealer = Sealer::new(IdKey([7; 16]));
        let finder = || Some(input::finder(MatchBy::Ref, &sealer, BaseNumber(1)));
        match (SentRow::read(bytes), v1::MemberInput::decode(bytes)) {
            (Ok(row), Ok(message)) => {
                assert_eq!(row.named(), message.r#ref.as_deref());
                let is_in_place = matches!(row, SentRow::InPlace(_));
                assert_eq!(row.parse(finder(), today()), input::row(message, finder(), today()), "{bytes:?}");
                is_in_place
            }
            (Err(fault), Err(expected)) => {
                assert_eq!(fault.to_string(), expected.to_string());
                false
            }
            (row, message) => {
                panic!("{:?} {message:?} {bytes:?}", row.map(|row| row.named().map(str::to_owned)))
            }
        }
    }

    fn full() -> v1::MemberInput {
        let list = Kind::ListValue(prost_types::ListValue {
            values: vec![Value { kind: Some(Kind::StringValue("x".into())) }],
        });
        let fields = [("a", Kind::NumberValue(1.5)), ("b", list), ("c", Kind::NullValue(0))];
        let fields = fields.map(|(key, kind)| (key.to_owned(), Value { kind: Some(kind) })).into();
        let iban = "DE89370400440532013000".to_owned();
        let eu = Some(v1::EuAccount { account_holder: "Zoë".into(), iban });
        v1::MemberInput {
            r#ref: Some("crm-1".into()),
            email: Some("zoë@example.com".into()),
            first_name: Some("Zoë".into()),
            last_name: Some("明美".into()),
            phone: Some("+44 20 7946 0018".into()),
            worker_id: Some("w-1".into()),
            tier: Some("\u{200b}Gold".into()),
            status: Some("active".into()),
            dob: Some("1990-02-28".into()),
            gender: Some("Female".into()),
            role: Some("r".repeat(200)),
            company: Some(String::new()),
            enable_payroll: Some(true),
            account_details: Some(v1::AccountDetails { uk: None, eu }),
            attributes: Some(Struct { fields }),
            clear_fields: vec!["phone".into(), "shoe_size".into()],
            if_revision: Some(300),
            id: Some("?".into()),
        }
    }

    #[test]
    fn every_field_is_read_where_it_lies() {
        let whole = full();
        assert!(read(&whole.encode_to_vec()));
        // Each field alone, and the row without it.
        let mut fields = Vec::new();
        let bytes = whole.encode_to_vec();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let before = rest;
            next(&mut rest).unwrap();
            fields.push(&before[..before.len() - rest.len()]);
        }
        assert_eq!(fields.len(), 19, "two are fields to clear");
        for (at, field) in fields.iter().enumerate() {
            assert!(read(field), "{field:?}");
            assert!(read(&[&fields[..at], &fields[at + 1..]].concat().concat()));
            // A field that is sent twice.
            read(&[field, *field].concat());
        }
    }

    #[test]
    fn a_usual_row_is_one_text_and_another_one_is_not() {
        // The tags of fields from 16 on are no characters of ASCII, and neither are numbers in attributes.
        let (role, company) = (Some("Пекарь".into()), Some("é".repeat(63)));
        let (attributes, clear_fields, if_revision, id) = (None, Vec::new(), None, None);
        let usual = v1::MemberInput { role, company, attributes, clear_fields, if_revision, id, ..full() };
        for (row, is_text) in [(usual, true), (full(), false)] {
            let bytes = row.encode_to_vec();
            assert_eq!(std::str::from_utf8(&bytes).is_ok(), is_text);
            assert!(read(&bytes));
        }
        // The bytes are a text, of which a field takes half a character.
        for bytes in [&[0x0a, 1, 0xc3, 0xa9][..], &[0x0a, 2, b'a', 0xc3, 0xa9]] {
            assert!(!read(bytes));
        }
        // Another field, another type of a field, a group, a field without a number, and half a field.
        for bytes in
            [&[0xa0, 1, 1][..], &[0x08, 1], &[0x0b, 0x0c], &[0x02, 0], &[0x0a, 2, b'a'], &[0x0a, 1, 0xff]]
        {
            assert!(!read(bytes));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_as_prost_reads_them(
            cut in 0_usize..400,
            at in 0_usize..400,
            change in proptest::collection::vec(any::<u8>(), 0..4),
        ) {
            let mut bytes = full().encode_to_vec();
            bytes.truncate(cut.max(1));
            let at = at % bytes.len();
            let end = (at + change.len()).min(bytes.len());
            bytes.splice(at..end, change);
            read(&bytes);
        }
    }
}
