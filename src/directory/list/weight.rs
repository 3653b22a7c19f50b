//! How many bytes a member takes in a reply, without knowing any reply's form.

use crate::model::{AccountDetails, AttributeValue, Member};

/// What every member takes, in bytes: two ids, the status, two instants, the revision and their framing.
const FIXED: usize = 160;
/// What a field takes besides its content, in bytes.
const FIELD: usize = 8;
/// What an attribute takes besides its key and content, in bytes.
const ATTRIBUTE: usize = 24;

/// At least as many bytes as `member` takes in a binary reply.
pub fn weight(member: &Member) -> usize {
    let p = &member.profile;
    let texts = [
        p.ref_.as_ref().map(AsRef::as_ref),
        p.email.as_ref().map(AsRef::as_ref),
        p.first_name.as_ref().map(AsRef::as_ref),
        p.last_name.as_ref().map(AsRef::as_ref),
        p.phone.as_ref().map(AsRef::as_ref),
        p.worker_id.as_ref().map(AsRef::as_ref),
        p.tier.as_ref().map(AsRef::as_ref),
        p.role.as_ref().map(AsRef::as_ref),
        p.company.as_ref().map(AsRef::as_ref),
    ];
    let texts: usize = texts.into_iter().flatten().map(|text: &str| FIELD + text.len()).sum();
    let account = p.account_details.as_ref().map_or(0, account);
    let attributes: usize =
        member.attributes.iter().map(|(key, value)| ATTRIBUTE + key.len() + attribute(value)).sum();
    let aliases: usize = member.aliases.iter().map(|alias| 4 * FIELD + alias.ref_.as_str().len()).sum();
    FIXED + texts + account + attributes + aliases
}

fn account(account: &AccountDetails) -> usize {
    match account {
        AccountDetails::Uk { account_holder, sort_code, account_number } => {
            5 * FIELD + account_holder.len() + sort_code.len() + account_number.len()
        }
        AccountDetails::Eu { account_holder, iban } => 4 * FIELD + account_holder.len() + iban.len(),
    }
}

fn attribute(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Text(text) => text.len(),
        AttributeValue::Number(_) | AttributeValue::Bool(_) => FIELD,
        AttributeValue::Date(_) => 4 * FIELD,
        AttributeValue::List(items) => items.iter().map(|item| 2 * FIELD + item.len()).sum(),
    }
}
