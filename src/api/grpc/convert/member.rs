//! Members on the wire. Their strings are moved, not copied.

use prost_types::{ListValue, Struct, Value, value::Kind};

use super::timestamp;
use crate::api::grpc::v1;
use crate::model::{
    AccountDetails, AttributeValue, Attributes, BaseNumber, Date, Email, Member, Name, Phone, Ref, RefAlias,
    Row, Sealer, Tier, WorkerId,
};

/// Turns the members of one memberbase into messages; seals the memberbase's id once.
pub struct ToWire<'a> {
    sealer: &'a Sealer,
    base: BaseNumber,
    base_id: String,
}

impl<'a> ToWire<'a> {
    /// For members of `base`.
    pub fn new(sealer: &'a Sealer, base: BaseNumber) -> Self {
        Self { sealer, base, base_id: sealer.base_id(base) }
    }

    /// The member that was found at `row`.
    pub fn member(&self, row: Row, member: Member) -> v1::Member {
        let profile = member.profile;
        v1::Member {
            id: self.sealer.member_id(self.base, row),
            member_base_id: self.base_id.clone(),
            r#ref: profile.ref_.map(Ref::into_string),
            email: profile.email.map(Email::into_string),
            first_name: profile.first_name.map(Name::into_string),
            last_name: profile.last_name.map(Name::into_string),
            phone: profile.phone.map(Phone::into_string),
            worker_id: profile.worker_id.map(WorkerId::into_string),
            tier: profile.tier.map(Tier::into_string),
            status: member.status.as_str().to_owned(),
            dob: profile.dob.map(Date::to_text),
            gender: profile.gender.map(|gender| gender.as_str().to_owned()),
            role: profile.role.map(Name::into_string),
            company: profile.company.map(Name::into_string),
            enable_payroll: profile.enable_payroll,
            account_details: profile.account_details.map(account),
            attributes: attributes(member.attributes),
            created_at: Some(timestamp(member.created_at)),
            updated_at: Some(timestamp(member.updated_at)),
            revision: member.revision,
            ref_aliases: member.aliases.into_iter().map(alias).collect(),
        }
    }

    /// The members, in their order.
    pub fn members(&self, members: Vec<(Row, Member)>) -> Vec<v1::Member> {
        members.into_iter().map(|(row, member)| self.member(row, member)).collect()
    }
}

fn alias(alias: RefAlias) -> v1::RefAlias {
    v1::RefAlias { r#ref: alias.ref_.into_string(), until: Some(timestamp(alias.until)) }
}

fn account(account: AccountDetails) -> v1::AccountDetails {
    match account {
        AccountDetails::Uk { account_holder, sort_code, account_number } => v1::AccountDetails {
            uk: Some(v1::UkAccount { account_holder, sort_code, account_number }),
            eu: None,
        },
        AccountDetails::Eu { account_holder, iban } => {
            v1::AccountDetails { uk: None, eu: Some(v1::EuAccount { account_holder, iban }) }
        }
    }
}

fn attributes(attributes: Attributes) -> Option<Struct> {
    if attributes.is_empty() {
        return None;
    }
    let entries = attributes.into_entries().into_iter();
    Some(Struct { fields: entries.map(|(key, value)| (key, attribute(value))).collect() })
}

/// The value of an attribute; a date as text.
pub fn attribute(value: AttributeValue) -> Value {
    let text = |text: String| Value { kind: Some(Kind::StringValue(text)) };
    match value {
        AttributeValue::Text(content) => text(content),
        AttributeValue::Date(at) => text(at.to_string()),
        AttributeValue::Number(number) => Value { kind: Some(Kind::NumberValue(number)) },
        AttributeValue::Bool(value) => Value { kind: Some(Kind::BoolValue(value)) },
        AttributeValue::List(items) => {
            Value { kind: Some(Kind::ListValue(ListValue { values: items.into_iter().map(text).collect() })) }
        }
    }
}
