//! How many bytes a member takes in a reply, without knowing any reply's form.

use crate::model::{BorrowedAccount, BorrowedMember, BorrowedValue};

/// What every member takes, in bytes: two ids, the status, two instants, the revision and their framing.
const FIXED: usize = 160;
/// What a field takes besides its content, in bytes.
const FIELD: usize = 8;
/// What an attribute takes besides its key and content, in bytes.
const ATTRIBUTE: usize = 24;

/// At least as many bytes as `member` takes in a binary reply.
pub fn weight(member: &BorrowedMember<'_>) -> usize {
    let m = member;
    let texts = [m.ref_, m.email, m.first_name, m.last_name, m.phone, m.worker_id, m.tier, m.role, m.company];
    let texts: usize = texts.into_iter().flatten().map(|text| FIELD + text.len()).sum();
    let account = m.account_details.map_or(0, account);
    let attributes: usize =
        m.attributes.iter().map(|(key, value)| ATTRIBUTE + key.len() + attribute(value)).sum();
    let aliases: usize = m.aliases.iter().map(|alias| 4 * FIELD + alias.ref_.len()).sum();
    FIXED + texts + account + attributes + aliases
}

fn account(account: BorrowedAccount<'_>) -> usize {
    match account {
        BorrowedAccount::Uk { account_holder, sort_code, account_number } => {
            5 * FIELD + account_holder.len() + sort_code.len() + account_number.len()
        }
        BorrowedAccount::Eu { account_holder, iban } => 4 * FIELD + account_holder.len() + iban.len(),
    }
}

fn attribute(value: &BorrowedValue<'_>) -> usize {
    match value {
        BorrowedValue::Text(text) => text.len(),
        BorrowedValue::Number(_) | BorrowedValue::Bool(_) => FIELD,
        BorrowedValue::Date(_) => 4 * FIELD,
        BorrowedValue::List(items) => items.iter().map(|item| 2 * FIELD + item.len()).sum(),
    }
}
