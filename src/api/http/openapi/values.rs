//! The values of fields, as JSON Schema: one entry for each type of the model that occurs in a body. Limits
//! are constants of the model.
//!
//! JSON Schema counts lengths in characters. Where the model counts bytes, the schema has the same number,
//! because a text with more characters has more bytes too, and the description says bytes. A rule that a
//! schema cannot express, such as the check digits of an IBAN, is in the description.

mod email;

use schemars::generate::Contract;
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::model::limits::{
    ACCOUNT_HOLDER_MAX_CHARS, ACCOUNT_NUMBER_DIGITS, ATTRIBUTE_KEY_MAX_BYTES, ATTRIBUTE_LIST_MAX_ITEMS,
    ATTRIBUTE_TEXT_MAX_BYTES, AUDIENCE_NAME_MAX_CHARS, BANK_INPUT_MAX_BYTES, BASE_NAME_MAX_CHARS,
    BIN_MAX_DIGITS, BIN_MIN_DIGITS, FOREIGN_TEXT_MAX_BYTES, NAME_MAX_CHARS, PHONE_INPUT_MAX_BYTES,
    PHONE_MAX_DIGITS, PHONE_MIN_DIGITS, REF_MAX_BYTES, SAFE_INTEGER_MAX, SORT_CODE_DIGITS,
    STAMPS_MAX_AT_ONCE, TIER_MAX_CHARS, TOKEN_DESCRIPTION_MAX_CHARS, TOKEN_RATE_MAX, WORKER_ID_MAX_BYTES,
};
use crate::model::record::{Bin, ClipId, Currency, Network, StampCollectionId};
use crate::model::schema::AttributeType;
use crate::model::token::{AccessLevel, TOKEN_PREFIX, TokenDescription, TokenId};
use crate::model::{self, id};

/// The id of a memberbase, `mb_…`.
pub struct MemberBaseId;
/// The id of an attribute schema, `as_…`.
pub struct SchemaId;
/// The key of an attribute.
pub struct AttributeKey;
/// The holder of a bank account.
pub struct AccountHolder;
/// A UK sort code.
pub struct SortCode;
/// A UK account number.
pub struct AccountNumber;
/// An IBAN.
pub struct Iban;
/// An amount of money.
pub struct Amount;
/// Stamps to add.
pub struct Stamps;
/// A limit of a token.
pub struct Rate;
/// A percentage.
pub struct Percent;
/// The status of new members.
pub struct NewMembers;
/// The order of a list.
pub struct SortKey;
/// The direction of an order.
pub struct Direction;
/// A value of any type, which filters compare with.
pub struct Any;

/// Declares schemas that are written out where they are used, because a reference would hide more than it
/// shows.
macro_rules! values {
    ($($kind:ty, |$generator:ident| $schema:expr;)+) => {$(
        impl ::schemars::JsonSchema for $kind {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($kind).into()
            }

            fn json_schema($generator: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                $schema
            }
        }
    )+};
}
pub(in crate::api::http) use values;

values! {
    MemberBaseId, |g| id(g, &[id::BASE_PREFIX]);
    SchemaId, |g| id(g, &[id::SCHEMA_PREFIX]);
    TokenId, |g| id(g, &[TOKEN_PREFIX]);
    ClipId, |g| id(g, &["dclip_"]);
    StampCollectionId, |g| id(g, &["sc_"]);
    model::Ref, |_g| bytes(REF_MAX_BYTES);
    model::WorkerId, |_g| bytes(WORKER_ID_MAX_BYTES);
    model::ForeignText, |_g| bytes(FOREIGN_TEXT_MAX_BYTES);
    model::Name, |_g| text(NAME_MAX_CHARS);
    model::Tier, |_g| text(TIER_MAX_CHARS);
    model::BaseName, |_g| text(BASE_NAME_MAX_CHARS);
    model::AudienceName, |_g| text(AUDIENCE_NAME_MAX_CHARS);
    TokenDescription, |_g| text(TOKEN_DESCRIPTION_MAX_CHARS);
    model::Email, |g| email::schema(g);
    model::Phone, |g| phone(g);
    model::Dob, |_g| json_schema!({
        "type": "string", "format": "date", "description": "a calendar date from 1900-01-01 to today",
    });
    model::Date, |_g| json_schema!({ "type": "string", "format": "date" });
    model::Timestamp, |_g| json_schema!({ "type": "string", "format": "date-time" });
    model::Status, |_g| words(model::Status::ALL.map(model::Status::as_str));
    model::Gender, |_g| words(model::Gender::ALL.map(model::Gender::as_str));
    model::Reason, |_g| words(model::Reason::ALL.iter().map(|reason| reason.as_str()));
    AccessLevel, |_g| words(AccessLevel::ALL.map(AccessLevel::as_str));
    AttributeType, |_g| words(AttributeType::ALL.map(AttributeType::as_str));
    Network, |_g| words(Network::ALL.map(Network::as_str));
    AccountHolder, |_g| text(ACCOUNT_HOLDER_MAX_CHARS);
    SortCode, |g| digits(g, SORT_CODE_DIGITS);
    AccountNumber, |g| digits(g, ACCOUNT_NUMBER_DIGITS);
    Iban, |g| iban(g);
    Bin, |_g| json_schema!({
        "type": "string", "pattern": format!("^[0-9]{{{BIN_MIN_DIGITS},{BIN_MAX_DIGITS}}}$"),
    });
    Currency, |_g| json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$" });
    Amount, |_g| json_schema!({
        "type": "integer", "minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER, "description": "in minor units",
    });
    Stamps, |_g| json_schema!({ "type": "integer", "minimum": 1, "maximum": STAMPS_MAX_AT_ONCE });
    Rate, |_g| json_schema!({ "type": "integer", "minimum": 1, "maximum": TOKEN_RATE_MAX });
    Percent, |_g| json_schema!({ "type": "integer", "minimum": 0, "maximum": 100 });
    AttributeKey, |_g| json_schema!({
        "type": "string", "pattern": format!("^[0-9A-Za-z_.-]{{1,{ATTRIBUTE_KEY_MAX_BYTES}}}$"),
    });
    NewMembers, |_g| words(["active", "invited"]);
    SortKey, |_g| words(["id", "created_at"]);
    Direction, |_g| words(["asc", "desc"]);
    model::AttributeValue, |_g| attribute();
    Any, |_g| json_schema!({ "description": "any JSON value" });
}

const SAFE_INTEGER: i64 = SAFE_INTEGER_MAX.cast_signed();

/// No control character; the characters of the Unicode category Cc.
const PRINTABLE: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";

/// The characters that are removed between the digits of bank details. In phone numbers brackets are removed
/// too.
macro_rules! separators {
    ($more:literal) => {
        concat!(
            "[",
            $more,
            r" .\/\u00a0\u00ad\u00b7\u1680\u2000-\u2015\u2024\u2028-\u202f\u2044\u205f\u2060\u2066-\u2069\u2212\u2215",
            r"\u3000\ufe58\ufe63\ufeff\uff0d-\uff0f-]*"
        )
    };
}
const BANK_SEPARATORS: &str = separators!("");
const PHONE_SEPARATORS: &str = separators!(r"()\[\]\uff08\uff09");

fn is_input(generator: &SchemaGenerator) -> bool {
    *generator.contract() == Contract::Deserialize
}

fn text(max_chars: usize) -> Schema {
    let description = "spaces and invisible characters (Unicode categories Cf, Co and Cn) are removed from both ends, and \
                       the rest must not be empty";
    json_schema!({
        "type": "string", "minLength": 1, "maxLength": max_chars, "pattern": PRINTABLE, "description": description,
    })
}

fn bytes(max_bytes: usize) -> Schema {
    let description = format!("at most {max_bytes} bytes of UTF-8");
    json_schema!({
        "type": "string", "minLength": 1, "maxLength": max_bytes, "pattern": PRINTABLE, "description": description,
    })
}

fn words(words: impl IntoIterator<Item = &'static str>) -> Schema {
    let words: Vec<&str> = words.into_iter().collect();
    json_schema!({ "type": "string", "enum": words })
}

/// An id with the first of these prefixes; callers may send it with any of them, in upper or lower case.
pub fn id(generator: &SchemaGenerator, prefixes: &[&str]) -> Schema {
    let pattern = if is_input(generator) {
        let any_case = |prefix: &&str| -> String {
            prefix
                .chars()
                .map(|c| if c == '_' { "_".to_owned() } else { format!("[{}{c}]", c.to_ascii_uppercase()) })
                .collect()
        };
        let prefixes: Vec<String> = prefixes.iter().map(any_case).collect();
        format!("^({})[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{{25}}$", prefixes.join("|"))
    } else {
        let prefix = prefixes.first().copied().unwrap_or_default();
        format!("^{prefix}[0-7][0-9a-hjkmnp-tv-z]{{25}}$")
    };
    json_schema!({ "type": "string", "pattern": pattern })
}

fn phone(generator: &SchemaGenerator) -> Schema {
    let count = format!("{{{PHONE_MIN_DIGITS},{PHONE_MAX_DIGITS}}}");
    if !is_input(generator) {
        return json_schema!({ "type": "string", "pattern": format!(r"^\+[0-9]{count}$") });
    }
    json_schema!({
        "type": "string", "maxLength": PHONE_INPUT_MAX_BYTES,
        "pattern": format!(r"^([Tt][Ee][Ll]:)?{PHONE_SEPARATORS}\+({PHONE_SEPARATORS}[0-9]){count}{PHONE_SEPARATORS}$"),
        "description": "E.164: `+` and 7 to 15 digits, the first not 0; spaces, dots, hyphens, dashes, slashes and brackets between them are \
                        removed, and a trunk zero in brackets after the country code; `tel:` may stand before it",
    })
}

fn digits(generator: &SchemaGenerator, count: usize) -> Schema {
    if !is_input(generator) {
        return json_schema!({ "type": "string", "pattern": format!("^[0-9]{{{count}}}$") });
    }
    json_schema!({
        "type": "string", "maxLength": BANK_INPUT_MAX_BYTES,
        "pattern": format!(r"^({BANK_SEPARATORS}[0-9]){{{count}}}{BANK_SEPARATORS}$"),
        "description": format!("{count} digits; spaces, dots, hyphens, dashes and slashes between them are removed"),
    })
}

fn iban(generator: &SchemaGenerator) -> Schema {
    if !is_input(generator) {
        return json_schema!({ "type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}$" });
    }
    json_schema!({
        "type": "string", "maxLength": BANK_INPUT_MAX_BYTES,
        "pattern": format!(
            "^({BANK_SEPARATORS}[A-Za-z]){{2}}({BANK_SEPARATORS}[0-9]){{2}}({BANK_SEPARATORS}[0-9A-Za-z]){{11,30}}{BANK_SEPARATORS}$"
        ),
        "description": "with the structure of its country and a correct check number; spaces, dots, hyphens, dashes and \
                        slashes are removed",
    })
}

fn attribute() -> Schema {
    let text = json_schema!({ "type": "string", "maxLength": ATTRIBUTE_TEXT_MAX_BYTES });
    json_schema!({
        "description": "a value of the type that the schema of the memberbase has for the key",
        "anyOf": [
            text,
            { "type": "number", "minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER },
            { "type": "boolean" },
            { "type": "array", "items": text, "maxItems": ATTRIBUTE_LIST_MAX_ITEMS },
        ],
    })
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn the_patterns_know_the_separators_of_the_model() {
        let class =
            |separators: &str| Regex::new(&format!("^{}$", separators.trim_end_matches('*'))).unwrap();
        let (bank, phone) = (class(BANK_SEPARATORS), class(PHONE_SEPARATORS));
        for character in ('\0'..=char::MAX).filter(|character| !character.is_control()) {
            let text = character.to_string();
            let is_separator = model::separator::is_separator(character);
            assert_eq!(bank.is_match(&text), is_separator, "{character:?}");
            let is_bracket = "()[]（）".contains(character);
            assert_eq!(phone.is_match(&text), is_separator || is_bracket, "{character:?}");
        }
    }
}
