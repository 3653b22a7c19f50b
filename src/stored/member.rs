//! The stored form of a member: version, status, times and revision, then tagged fields in ascending order of
//! their tags. Absent fields are left out.
//!
//! It is encoded from a borrowed [`Member`], because this happens for every row of every import.

mod borrow;
mod kind;
mod says;
mod tag;

pub use self::borrow::{borrow, revision};
pub use self::says::says;
use self::tag::{VALUE, VERSION};
use super::bytes::{Reader, Writer};
use super::decode::{DecodeError, versioned};
use crate::model::{
    AccountDetails, AttributeValue, Email, Member, Name, Phone, Profile, Ref, Tier, WorkerId,
};

/// Most members take no more bytes.
const USUAL_BYTES: usize = 256;

/// The stored form of `member`.
#[must_use]
pub fn encode(member: &Member) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_into(&mut bytes, member);
    bytes
}

/// Replaces `bytes` by the stored form of `member`. One buffer serves many members.
pub fn encode_into(bytes: &mut Vec<u8>, member: &Member) {
    bytes.clear();
    bytes.reserve(USUAL_BYTES);
    let mut w = Writer(std::mem::take(bytes));
    w.u8(VERSION);
    w.u8(member.status.index());
    w.zigzag(member.created_at.micros());
    w.zigzag(member.updated_at.micros().wrapping_sub(member.created_at.micros()));
    w.varint(member.revision);
    encode_profile(&mut w, &member.profile);
    for (key, value) in member.attributes.iter() {
        w.u8(tag::ATTRIBUTE);
        w.slice(key.as_bytes());
        encode_value(&mut w, value);
    }
    for alias in &member.aliases {
        w.u8(tag::ALIAS);
        w.slice(alias.ref_.as_str().as_bytes());
        w.zigzag(alias.until.micros());
    }
    *bytes = w.0;
}

/// How many bytes date of birth and bank details take in the stored form of a member. Fields are skipped, not
/// decoded.
pub fn pii_bytes(bytes: &[u8]) -> Result<usize, DecodeError> {
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
    r.u8()?;
    for _ in ["created", "updated", "revision"] {
        r.varint()?;
    }
    let mut personal = 0;
    while !r.is_empty() {
        let (before, tag) = (r.rest().len(), r.u8()?);
        let texts = match tag {
            // Tags ascend, so no personal field can follow.
            tag::ATTRIBUTE.. => break,
            tag::ENABLE_PAYROLL => {
                r.u8()?;
                continue;
            }
            tag::UK_ACCOUNT => 3,
            tag::EU_ACCOUNT => 2,
            _ => 1,
        };
        for _ in 0..texts {
            r.slice()?;
        }
        if matches!(tag, tag::DOB | tag::UK_ACCOUNT | tag::EU_ACCOUNT) {
            personal += before - r.rest().len();
        }
    }
    Ok(personal)
}

fn encode_profile(w: &mut Writer, p: &Profile) {
    text(w, tag::REF, p.ref_.as_ref().map(Ref::as_str));
    text(w, tag::EMAIL, p.email.as_ref().map(Email::as_str));
    text(w, tag::FIRST_NAME, p.first_name.as_ref().map(Name::as_str));
    text(w, tag::LAST_NAME, p.last_name.as_ref().map(Name::as_str));
    text(w, tag::PHONE, p.phone.as_ref().map(Phone::as_str));
    text(w, tag::WORKER_ID, p.worker_id.as_ref().map(WorkerId::as_str));
    text(w, tag::TIER, p.tier.as_ref().map(Tier::as_str));
    encode_dob(w, p);
    text(w, tag::GENDER, p.gender.map(|gender| gender.as_str()));
    text(w, tag::ROLE, p.role.as_ref().map(Name::as_str));
    text(w, tag::COMPANY, p.company.as_ref().map(Name::as_str));
    if let Some(enabled) = p.enable_payroll {
        w.u8(tag::ENABLE_PAYROLL);
        w.u8(u8::from(enabled));
    }
    encode_account(w, p);
}

fn encode_dob(w: &mut Writer, p: &Profile) {
    if let Some(dob) = p.dob {
        w.u8(tag::DOB);
        w.slice(&dob.to_ascii());
    }
}

fn encode_account(w: &mut Writer, p: &Profile) {
    match &p.account_details {
        Some(AccountDetails::Uk { account_holder, sort_code, account_number }) => {
            w.u8(tag::UK_ACCOUNT);
            [account_holder, sort_code, account_number].iter().for_each(|text| w.slice(text.as_bytes()));
        }
        Some(AccountDetails::Eu { account_holder, iban }) => {
            w.u8(tag::EU_ACCOUNT);
            [account_holder, iban].iter().for_each(|text| w.slice(text.as_bytes()));
        }
        None => {}
    }
}

fn text(w: &mut Writer, tag: u8, value: Option<&str>) {
    if let Some(value) = value {
        w.u8(tag);
        w.slice(value.as_bytes());
    }
}

fn encode_value(w: &mut Writer, value: &AttributeValue) {
    match value {
        AttributeValue::Text(text) => {
            w.u8(kind::TEXT);
            w.slice(text.as_bytes());
        }
        AttributeValue::Number(number) => {
            w.u8(kind::NUMBER);
            w.u64(number.to_bits());
        }
        AttributeValue::Bool(value) => {
            w.u8(kind::BOOL);
            w.u8(u8::from(*value));
        }
        AttributeValue::List(items) => {
            w.u8(kind::LIST);
            w.varint(items.len().try_into().unwrap_or(u64::MAX));
            items.iter().for_each(|item| w.slice(item.as_bytes()));
        }
        AttributeValue::Date(at) => {
            w.u8(kind::DATE);
            w.time(*at);
        }
    }
}

/// Reads the stored form.
pub fn decode(bytes: &[u8]) -> Result<Member, DecodeError> {
    Ok(borrow(bytes)?.to_member())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limits::{ACCOUNT_HOLDER_MAX_CHARS, PII_MAX_BYTES};
    use crate::model::{Attributes, Date, Gender, RefAlias, Status, Timestamp};
    use crate::stored::documented::assert_documented;

    #[test]
    fn personal_data_takes_no_more_than_the_room_reserved_for_it() {
        let holder = "\u{1f600}".repeat(ACCOUNT_HOLDER_MAX_CHARS);
        let accounts = [
            AccountDetails::parse_uk(holder.clone(), "200000", "55779911").unwrap(),
            // 32 characters; no IBAN has more than 34.
            AccountDetails::parse_eu(holder, "LC14BOSL123456789012345678901234").unwrap(),
        ];
        for account in accounts {
            let profile = Profile {
                dob: Some(Date::parse("1990-02-03").unwrap()),
                account_details: Some(account),
                ..Profile::default()
            };
            let member = Member { profile, ..Member::default() };
            let without = encode(&Member::default()).len();
            let bytes = pii_bytes(&encode(&member)).unwrap();
            assert_eq!(encode(&member).len() - without, bytes);
            assert!(bytes + 2 <= PII_MAX_BYTES, "{bytes}");
        }
        assert_eq!(pii_bytes(&encode(&Member::default())), Ok(0));
    }

    #[test]
    fn a_buffer_that_is_used_again_has_one_member_at_a_time() {
        let mut bytes = vec![7; 300];
        let profile = Profile { dob: Some(Date::parse("1990-02-03").unwrap()), ..Profile::default() };
        let member = Member { profile, ..Member::default() };
        encode_into(&mut bytes, &member);
        assert_eq!((bytes.len(), decode(&bytes).unwrap()), (encode(&member).len(), member));
    }

    #[test]
    fn personal_data_is_found_between_all_other_fields() {
        let profile = Profile {
            ref_: Some(Ref::parse("a").unwrap()),
            first_name: Some(Name::parse("Ada".to_owned()).unwrap()),
            dob: Some(Date::parse("1990-02-03").unwrap()),
            gender: Some(Gender::parse("female").unwrap()),
            enable_payroll: Some(true),
            account_details: Some(AccountDetails::parse_uk("Ada".to_owned(), "200000", "55779911").unwrap()),
            ..Profile::default()
        };
        let attributes = Attributes::from_stored(vec![("k".to_owned(), AttributeValue::Bool(true))]);
        let aliases = vec![RefAlias { ref_: Ref::parse("old").unwrap(), until: Timestamp::from_micros(1) }];
        let mut member = Member { profile, attributes, aliases, ..Member::default() };
        let whole = encode(&member);
        let bytes = pii_bytes(&whole).unwrap();
        (member.profile.dob, member.profile.account_details) = (None, None);
        assert_eq!((bytes, pii_bytes(&encode(&member))), (whole.len() - encode(&member).len(), Ok(0)));
        assert!(bytes > 0);
        // Every prefix is read or refused, without a panic.
        (0..whole.len()).for_each(|end| drop(pii_bytes(&whole[..end])));
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_member_with_everything_has_its_golden_bytes() {
        let name = |text: &str| Some(Name::parse(text).unwrap());
        let profile = Profile {
            ref_: Some(Ref::parse("a").unwrap()),
            email: Some(Email::parse("a@b.cd").unwrap()),
            first_name: name("A"),
            last_name: name("B"),
            phone: Some(Phone::parse("+1234567").unwrap()),
            worker_id: Some(WorkerId::parse("7").unwrap()),
            tier: Some(Tier::parse("Gold").unwrap()),
            dob: Some(Date::parse("1990-02-28").unwrap()),
            gender: Some(Gender::Female),
            role: name("r"),
            company: name("c"),
            enable_payroll: Some(true),
            account_details: Some(AccountDetails::parse_uk("A B", "200000", "55779911").unwrap()),
        };
        let attributes = [
            ("b", AttributeValue::Bool(true)),
            ("d", AttributeValue::Date(Timestamp::from_micros(300))),
            ("l", AttributeValue::List(vec!["x".to_owned(), String::new()])),
            ("n", AttributeValue::Number(1.5)),
            ("t", AttributeValue::Text("é".to_owned())),
        ];
        let attributes = attributes.map(|(key, value)| (key.to_owned(), value)).to_vec();
        let member = Member {
            profile,
            attributes: Attributes::from_stored(attributes),
            aliases: Vec::new(),
            status: Status::Inactive,
            created_at: Timestamp::from_micros(5),
            updated_at: Timestamp::from_micros(8),
            revision: 300,
        };
        let golden = [
            "01020a06ac02",
            "01016102066140622e6364030141040142",
            "05082b313233343536370601370704476f6c64080a313939302d30322d3238",
            "090646656d616c650a01720b01630c01",
            "0d0341204206323030303030083535373739393131",
            "0f01620301",
            "0f0164052c01000000000000",
            "0f016c0402017800",
            "0f016e02000000000000f83f",
            "0f01740102c3a9",
        ];
        let bytes = encode(&member);
        assert_eq!(hex(&bytes), golden.concat());
        assert_documented(&bytes);
        assert_eq!(decode(&bytes), Ok(member));

        let eu = AccountDetails::parse_eu("A B", "DE89370400440532013000").unwrap();
        let profile = Profile { account_details: Some(eu), ..Profile::default() };
        let bytes = encode(&Member { profile, ..Member::default() });
        let golden = "0e034120421644453839333730343030343430353332303133303030";
        assert!(hex(&bytes).ends_with(golden), "{}", hex(&bytes));
        assert_documented(&bytes[bytes.len() - golden.len() / 2..]);
    }

    #[test]
    fn former_refs_have_their_golden_bytes_and_come_back() {
        let alias = |text: &str, micros| RefAlias {
            ref_: Ref::parse(text).unwrap(),
            until: Timestamp::from_micros(micros),
        };
        let mut member = Member { aliases: vec![alias("a", 300), alias("bc", 1)], ..Member::default() };
        let without = encode(&Member { aliases: Vec::new(), ..member.clone() });
        let bytes = encode(&member);
        assert_eq!(bytes, [without.clone(), vec![16, 1, b'a', 0xd8, 4, 16, 2, b'b', b'c', 2]].concat());
        assert_documented(&bytes[without.len()..without.len() + 5]);
        assert_eq!(decode(&bytes), Ok(member.clone()));
        assert!(decode(&bytes[..bytes.len() - 1]).is_err());
        member.aliases.pop();
        assert_eq!(decode(&bytes[..without.len() + 5]), Ok(member));
    }
}
