//! Reads a stored member without copying its texts. This is the only reader of all its fields.

use super::super::bytes::Reader;
use super::super::decode::{DecodeError, versioned};
use super::kind;
use super::tag::{self, VALUE, VERSION};
use crate::model::{
    BorrowedAccount, BorrowedAlias, BorrowedAttributes, BorrowedMember, BorrowedValue, Date, Gender, Status,
    Timestamp,
};

/// The member, whose texts stay in `bytes`.
pub fn borrow(bytes: &[u8]) -> Result<BorrowedMember<'_>, DecodeError> {
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
    let status = Status::from_index(r.u8()?).ok_or_else(|| r.damaged("its status is unknown"))?;
    let created = r.zigzag()?;
    let updated = created.wrapping_add(r.zigzag()?);
    let revision = r.varint()?;
    let mut member = BorrowedMember {
        status,
        created_at: Timestamp::from_micros(created),
        updated_at: Timestamp::from_micros(updated),
        revision,
        ..BorrowedMember::default()
    };
    let mut attributes = Vec::new();
    while !r.is_empty() {
        field(&mut r, &mut member, &mut attributes)?;
    }
    member.attributes = BorrowedAttributes::from_stored(attributes);
    Ok(member)
}

/// The revision of its last change, without reading its fields.
pub fn revision(bytes: &[u8]) -> Result<u64, DecodeError> {
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
    r.u8()?;
    for _ in ["created", "updated"] {
        r.varint()?;
    }
    r.varint()
}

fn field<'a>(
    r: &mut Reader<'a>,
    m: &mut BorrowedMember<'a>,
    attributes: &mut Vec<(&'a str, BorrowedValue<'a>)>,
) -> Result<(), DecodeError> {
    match r.u8()? {
        tag::REF => m.ref_ = Some(r.text()?),
        tag::EMAIL => m.email = Some(r.text()?),
        tag::FIRST_NAME => m.first_name = Some(r.text()?),
        tag::LAST_NAME => m.last_name = Some(r.text()?),
        tag::PHONE => m.phone = Some(r.text()?),
        tag::WORKER_ID => m.worker_id = Some(r.text()?),
        tag::TIER => m.tier = Some(r.text()?),
        tag::DOB => {
            m.dob = Some(Date::parse(r.text()?).map_err(|_| r.damaged("its date of birth is not a date"))?)
        }
        tag::GENDER => {
            m.gender = Some(Gender::parse(r.text()?).map_err(|_| r.damaged("its gender is unknown"))?)
        }
        tag::ROLE => m.role = Some(r.text()?),
        tag::COMPANY => m.company = Some(r.text()?),
        tag::ENABLE_PAYROLL => m.enable_payroll = Some(r.u8()? != 0),
        tag::UK_ACCOUNT => {
            m.account_details = Some(BorrowedAccount::Uk {
                account_holder: r.text()?,
                sort_code: r.text()?,
                account_number: r.text()?,
            });
        }
        tag::EU_ACCOUNT => {
            m.account_details = Some(BorrowedAccount::Eu { account_holder: r.text()?, iban: r.text()? });
        }
        tag::ATTRIBUTE => {
            let key = r.text()?;
            attributes.push((key, value(r)?));
        }
        tag::ALIAS => {
            let ref_ = r.text()?;
            m.aliases.push(BorrowedAlias { ref_, until: Timestamp::from_micros(r.zigzag()?) });
        }
        _ => return Err(r.damaged("it has an unknown field")),
    }
    Ok(())
}

fn value<'a>(r: &mut Reader<'a>) -> Result<BorrowedValue<'a>, DecodeError> {
    Ok(match r.u8()? {
        kind::TEXT => BorrowedValue::Text(r.text()?),
        kind::NUMBER => BorrowedValue::Number(f64::from_bits(r.u64()?)),
        kind::BOOL => BorrowedValue::Bool(r.u8()? != 0),
        kind::LIST => {
            let count = r.size()?;
            let mut items = Vec::new();
            for _ in 0..count {
                items.push(r.text()?);
            }
            BorrowedValue::List(items)
        }
        kind::DATE => BorrowedValue::Date(r.time()?),
        _ => return Err(r.damaged("an attribute has an unknown kind")),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::samples;
    use crate::stored::member::encode;

    proptest! {
        #[test]
        fn a_stored_member_is_read_where_it_lies(member in samples::member()) {
            let bytes = encode(&member);
            let borrowed = borrow(&bytes).unwrap();
            prop_assert!(borrowed == BorrowedMember::from(&member));
            prop_assert_eq!(revision(&bytes), Ok(member.revision));
            // Every prefix is read or refused, without a panic.
            (0..bytes.len()).for_each(|end| drop((borrow(&bytes[..end]), revision(&bytes[..end]))));
        }
    }
}
