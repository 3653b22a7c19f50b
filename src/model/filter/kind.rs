//! What each key holds, which operators go with it, and how its operands are read.

use crate::model::attribute::{check_key, checked_number};
use crate::model::email::Fold;
use crate::model::error::Reason;
use crate::model::filter::raw::RawValue;
use crate::model::filter::{Field, Operand};
use crate::model::id::{BaseNumber, IdError, Sealer};
use crate::model::limits::{
    BASE_NAME_MAX_CHARS, EMAIL_MAX_BYTES, MEMBER_RECORD_MAX_BYTES, NAME_MAX_CHARS, PHONE_INPUT_MAX_BYTES,
    REF_MAX_BYTES, TIER_MAX_CHARS, WORKER_ID_MAX_BYTES,
};
use crate::model::member::{Gender, Status};
use crate::model::phone::{Phone, without_separators};
use crate::model::schema::instant;
use crate::model::time::{Date, Timestamp};
use crate::model::violation::Rule;
use crate::model::words::{did_you_mean, nearest};

/// What a filter is about.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// Members of one base.
    Members { sealer: &'a Sealer, base: BaseNumber, fold: Fold },
    /// Memberbases.
    Bases { sealer: &'a Sealer },
}

/// The type of the values that a key has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    Text,
    /// A text that is put in order, not compared for equality, so that parts of values are good ones.
    Part,
    Email,
    Phone,
    /// The beginning of a number, or a number that is put in order.
    PhonePart,
    Status,
    Gender,
    Date,
    Instant,
    Bool,
    Attribute,
    Presence,
}

impl Kind {
    /// Whether `gt`, `gte`, `lt` and `lte` go with it.
    pub(super) fn is_ordered(self) -> bool {
        match self {
            Self::Date | Self::Instant => true,
            _ => self.is_text(),
        }
    }

    /// Whether `prefix` and `regex` go with it.
    pub(super) fn is_text(self) -> bool {
        match self {
            Self::Text
            | Self::Part
            | Self::Email
            | Self::Phone
            | Self::PhonePart
            | Self::Status
            | Self::Gender
            | Self::Attribute => true,
            Self::Id | Self::Bool | Self::Date | Self::Instant | Self::Presence => false,
        }
    }

    /// The type as it is put in order: addresses and words are plain texts then.
    pub(super) fn when_ordered(self) -> Self {
        match self {
            Self::Text | Self::Email | Self::Status | Self::Gender => Self::Part,
            Self::Phone => Self::PhonePart,
            other => other,
        }
    }

    /// A prefix as values of this type are compared with it.
    pub(super) fn prefix(self, prefix: String) -> Result<String, Fault> {
        let begins = |words: &[&str]| words.iter().any(|word| word.starts_with(&prefix));
        let words: &[&str] = match self {
            Self::Phone => return phone_part(&prefix),
            Self::Status => &Status::ALL.map(Status::as_str),
            Self::Gender => &Gender::ALL.map(Gender::as_str),
            _ => return Ok(prefix),
        };
        let one_of = || invalid(format!("must be the beginning of one of {}", words.join(", ")));
        if begins(words) { Ok(prefix) } else { Err(one_of()) }
    }
}

const MEMBER_KEYS: &[(&str, Field, Kind)] = &[
    ("id", Field::Id, Kind::Id),
    ("ref", Field::Ref, Kind::Text),
    ("email", Field::Email, Kind::Email),
    ("first_name", Field::FirstName, Kind::Text),
    ("last_name", Field::LastName, Kind::Text),
    ("phone", Field::Phone, Kind::Phone),
    ("worker_id", Field::WorkerId, Kind::Text),
    ("tier", Field::Tier, Kind::Text),
    ("status", Field::Status, Kind::Status),
    ("dob", Field::Dob, Kind::Date),
    ("gender", Field::Gender, Kind::Gender),
    ("role", Field::Role, Kind::Text),
    ("company", Field::Company, Kind::Text),
    ("enable_payroll", Field::EnablePayroll, Kind::Bool),
    ("account_details", Field::AccountDetails, Kind::Presence),
    ("created_at", Field::CreatedAt, Kind::Instant),
    ("updated_at", Field::UpdatedAt, Kind::Instant),
];
const BASE_KEYS: &[(&str, Field, Kind)] = &[
    ("id", Field::Id, Kind::Id),
    ("name", Field::Name, Kind::Text),
    ("created_at", Field::CreatedAt, Kind::Instant),
    ("updated_at", Field::UpdatedAt, Kind::Instant),
];

impl Field {
    /// The longest text, or all texts of a list together, that a regular expression reads in this field of one record, in bytes.
    pub(super) fn text_max_bytes(&self) -> u64 {
        let characters = |count: usize| count * char::MAX.len_utf8();
        let bytes = match self {
            Self::Ref => REF_MAX_BYTES,
            Self::Email => EMAIL_MAX_BYTES,
            Self::FirstName | Self::LastName | Self::Role | Self::Company => characters(NAME_MAX_CHARS),
            Self::Phone => PHONE_INPUT_MAX_BYTES,
            Self::WorkerId => WORKER_ID_MAX_BYTES,
            Self::Tier => characters(TIER_MAX_CHARS),
            Self::Name => characters(BASE_NAME_MAX_CHARS),
            Self::Attribute(_) => MEMBER_RECORD_MAX_BYTES,
            // Words of ours; the others are no texts.
            Self::Status
            | Self::Gender
            | Self::Id
            | Self::Dob
            | Self::EnablePayroll
            | Self::CreatedAt
            | Self::UpdatedAt
            | Self::AccountDetails => WORD_MAX_BYTES,
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// The longest word of a status or gender, generously, in bytes.
const WORD_MAX_BYTES: usize = 32;
const ATTRIBUTE_PREFIX: &str = "attributes.";

/// Why an operand or key is refused: reason and description.
pub(super) type Fault = (Reason, String);

fn invalid(description: impl Into<String>) -> Fault {
    (Reason::FilterInvalid, description.into())
}

impl Subject<'_> {
    /// The field that a key names, and what it holds.
    pub(super) fn field(self, key: &str) -> Result<(Field, Kind), Fault> {
        let keys = match self {
            Self::Members { .. } => MEMBER_KEYS,
            Self::Bases { .. } => BASE_KEYS,
        };
        if let Some((_, field, kind)) = keys.iter().find(|(name, _, _)| *name == key) {
            return Ok((field.clone(), *kind));
        }
        if let (Self::Members { .. }, Some(attribute)) = (self, key.strip_prefix(ATTRIBUTE_PREFIX)) {
            check_key(attribute).map_err(|rule| invalid(rule.describe()))?;
            return Ok((Field::Attribute(attribute.to_owned()), Kind::Attribute));
        }
        let mut names: Vec<&str> = keys.iter().map(|(name, _, _)| *name).collect();
        let meant = nearest(key, names.iter().copied());
        if matches!(self, Self::Members { .. }) {
            names.push("attributes.<key>");
        }
        Err(invalid(format!("must be one of {}{}", names.join(", "), did_you_mean(meant))))
    }

    /// An operand for values of `kind`, which `key` has; `None` for an id that names nothing here. One that no value can equal
    /// because of its form is refused: a list that is empty for that reason looks like an answer.
    pub(super) fn operand(self, key: &str, kind: Kind, value: RawValue) -> Result<Option<Operand>, Fault> {
        if value == RawValue::Null {
            return Err(invalid("must not be null; use exists: false for absent values"));
        }
        let is = |rule: Rule| invalid(format!("{}, as {key} is", rule.describe()));
        let text = |value: RawValue| match value {
            RawValue::Text(text) => Ok(text),
            _ => Err(invalid("must be a string")),
        };
        let some = |value: RawValue| match text(value)? {
            text if text.is_empty() => Err(invalid("must not be empty; use exists: false for absent values")),
            text => Ok(text),
        };
        let operand = match kind {
            Kind::Id => return self.id(&text(value)?),
            Kind::Text => Operand::Text(some(value)?),
            Kind::Part => Operand::Text(text(value)?),
            Kind::Email => match some(value)? {
                // No more than that: older stores may have addresses that are refused today.
                address if address.contains('@') => Operand::Text(self.fold().of(&address).into_owned()),
                _ => return Err(invalid(format!("must be an e-mail address, as {key} is"))),
            },
            Kind::Phone => Operand::Text(
                Phone::parse(some(value)?).map_err(|rule| invalid(rule.describe()))?.into_string(),
            ),
            Kind::PhonePart => Operand::Text(phone_part(&text(value)?)?),
            Kind::Status => Operand::Status(Status::parse(&text(value)?).map_err(is)?),
            Kind::Gender => Operand::Gender(Gender::parse(&text(value)?).map_err(is)?),
            Kind::Date => Operand::Date(Date::parse(&text(value)?).map_err(is)?),
            Kind::Instant => Operand::Instant(Timestamp::parse(&text(value)?).map_err(is)?),
            Kind::Bool => match value {
                RawValue::Bool(value) => Operand::Bool(value),
                _ => return Err(invalid(format!("must be true or false, as {key} is"))),
            },
            Kind::Attribute => attribute(value)?,
            Kind::Presence => return Err(invalid("does not go with this key, which takes exists only")),
        };
        Ok(Some(operand))
    }

    /// Bases have no addresses.
    fn fold(self) -> Fold {
        match self {
            Self::Members { fold, .. } => fold,
            Self::Bases { .. } => Fold::NEWEST,
        }
    }

    fn id(self, id: &str) -> Result<Option<Operand>, Fault> {
        let opened = match self {
            Self::Members { sealer, base, .. } => {
                sealer.open_member(id).map(|(of, row)| (of == base).then_some(Operand::Row(row)))
            }
            Self::Bases { sealer } => sealer.open_base(id).map(|base| Some(Operand::Base(base))),
        };
        match opened {
            Ok(operand) => Ok(operand),
            Err(IdError::Unknown) => Ok(None),
            Err(error) => Err((Reason::IdMalformed, error.to_string())),
        }
    }
}

/// The beginning of a phone number as it is stored. Separators alone would be the empty text, which everything begins with.
fn phone_part(text: &str) -> Result<String, Fault> {
    let number = without_separators(text).map_err(|rule| invalid(rule.describe()))?;
    match number.strip_prefix('+') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(invalid("must begin with `+` and the country code, as phone numbers do: +4420 and not 020")),
    }
}

/// Numbers obey the rule of stored numbers: what JSON rounds cannot be asked for in vain.
fn attribute(value: RawValue) -> Result<Operand, Fault> {
    match value {
        RawValue::Text(text) => Ok(match instant(&text) {
            Some(at) => Operand::Moment(text, at),
            None => Operand::Text(text),
        }),
        RawValue::Bool(value) => Ok(Operand::Bool(value)),
        RawValue::Number(number) => {
            checked_number(number).map(Operand::Number).map_err(|rule| invalid(rule.describe()))
        }
        RawValue::Null | RawValue::List(_) | RawValue::Object => {
            Err(invalid("must be a string, a number, true or false"))
        }
    }
}
