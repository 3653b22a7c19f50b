//! The kind of value of each key, and which operators can be used with it.

use crate::model::attributes::attribute::check_key;
use crate::model::contact::email::Fold;
use crate::model::filter::Field;
use crate::model::id::{BaseNumber, Sealer};
use crate::model::limits::{
    BASE_NAME_MAX_CHARS, EMAIL_MAX_BYTES, MEMBER_MAX_BYTES, NAME_MAX_CHARS, PHONE_INPUT_MAX_BYTES,
    REF_MAX_BYTES, TIER_MAX_CHARS, WORKER_ID_MAX_BYTES,
};
use crate::model::refusal::error::Reason;
use crate::model::value::text::Limit;
use crate::model::value::time::{Date, Timestamp};
use crate::model::words::{did_you_mean, nearest};

/// What a filter selects.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// Members of one base.
    Members { sealer: &'a Sealer, base: BaseNumber, fold: Fold, today: Date },
    /// Memberbases.
    Bases { sealer: &'a Sealer },
}

/// The kind of value that a key has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    /// The id of an audience.
    Audience,
    /// A text of at most this length.
    Text(Limit),
    Email,
    Phone,
    Status,
    Gender,
    Date,
    Instant,
    Bool,
    Attribute,
    Presence,
}

impl Kind {
    /// Whether `gt`, `gte`, `lt` and `lte` can be used with it.
    pub(super) fn is_ordered(self) -> bool {
        match self {
            Self::Date | Self::Instant => true,
            _ => self.is_text(),
        }
    }

    /// Whether `prefix` and `regex` can be used with it.
    pub(super) fn is_text(self) -> bool {
        match self {
            Self::Text(_) | Self::Email | Self::Phone | Self::Status | Self::Gender | Self::Attribute => true,
            Self::Id | Self::Audience | Self::Bool | Self::Date | Self::Instant | Self::Presence => false,
        }
    }

    /// The most bytes of text, in a list all texts together, that a regular expression reads of one member.
    pub(super) fn text_max_bytes(self) -> u64 {
        let bytes = match self {
            Self::Text(limit) => limit.bytes(),
            Self::Email => EMAIL_MAX_BYTES,
            Self::Phone => PHONE_INPUT_MAX_BYTES,
            Self::Attribute => MEMBER_MAX_BYTES,
            // Fixed words; the other kinds are not texts.
            Self::Status
            | Self::Gender
            | Self::Id
            | Self::Audience
            | Self::Date
            | Self::Instant
            | Self::Bool
            | Self::Presence => WORD_MAX_BYTES,
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl Field {
    /// The most bytes of text that a regular expression reads of one member in this field.
    pub(super) fn text_max_bytes(&self) -> u64 {
        let known = MEMBER_KEYS.iter().find(|(_, field, _)| field == self);
        known.map_or(Kind::Attribute, |(_, _, kind)| *kind).text_max_bytes()
    }
}

/// An upper bound on the length of a status or gender, in bytes.
const WORD_MAX_BYTES: usize = 32;
const NAME: Limit = Limit::Chars(NAME_MAX_CHARS);
const MEMBER_KEYS: &[(&str, Field, Kind)] = &[
    ("id", Field::Id, Kind::Id),
    ("ref", Field::Ref, Kind::Text(Limit::Bytes(REF_MAX_BYTES))),
    ("email", Field::Email, Kind::Email),
    ("first_name", Field::FirstName, Kind::Text(NAME)),
    ("last_name", Field::LastName, Kind::Text(NAME)),
    ("phone", Field::Phone, Kind::Phone),
    ("worker_id", Field::WorkerId, Kind::Text(Limit::Bytes(WORKER_ID_MAX_BYTES))),
    ("tier", Field::Tier, Kind::Text(Limit::Chars(TIER_MAX_CHARS))),
    ("status", Field::Status, Kind::Status),
    ("dob", Field::Dob, Kind::Date),
    ("gender", Field::Gender, Kind::Gender),
    ("role", Field::Role, Kind::Text(NAME)),
    ("company", Field::Company, Kind::Text(NAME)),
    ("enable_payroll", Field::EnablePayroll, Kind::Bool),
    ("account_details", Field::AccountDetails, Kind::Presence),
    ("audience", Field::Audience, Kind::Audience),
    ("created_at", Field::CreatedAt, Kind::Instant),
    ("updated_at", Field::UpdatedAt, Kind::Instant),
];
const BASE_KEYS: &[(&str, Field, Kind)] = &[
    ("id", Field::Id, Kind::Id),
    ("name", Field::Name, Kind::Text(Limit::Chars(BASE_NAME_MAX_CHARS))),
    ("created_at", Field::CreatedAt, Kind::Instant),
    ("updated_at", Field::UpdatedAt, Kind::Instant),
];

const ATTRIBUTE_PREFIX: &str = "attributes.";

/// Why an operand or key is refused: the reason and a description.
pub(super) type Fault = (Reason, String);

pub(super) fn invalid(description: impl Into<String>) -> Fault {
    (Reason::FilterInvalid, description.into())
}

impl Subject<'_> {
    /// The field that a key names, and the kind of its values.
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

    /// The fold that compares addresses; memberbases have no addresses.
    pub(super) fn fold(self) -> Fold {
        match self {
            Self::Members { fold, .. } => fold,
            Self::Bases { .. } => Fold::NEWEST,
        }
    }

    /// The last possible date of birth; memberbases have none.
    pub(super) fn today(self) -> Date {
        match self {
            Self::Members { today, .. } => today,
            Self::Bases { .. } => Timestamp::MAX.date(),
        }
    }
}
