//! Parses operands.
//!
//! **An operand that no value can equal or begin with because of its form is refused**: a list that is empty
//! for that reason would look like a result. This accepts every value that some store may have, which is more
//! than what today's rules accept: older stores have addresses, and names with stray characters at their
//! ends, that are refused now. A bound may be any part of a value; `range` checks it.

use crate::model::attributes::attribute::{checked_number, checked_text};
use crate::model::contact::email;
use crate::model::contact::phone::{self, without_separators};
use crate::model::filter::kind::{Fault, Kind, Subject, invalid};
use crate::model::filter::raw::RawValue;
use crate::model::filter::{Operand, USE_EXISTS};
use crate::model::id::IdError;
use crate::model::limits::PHONE_MAX_DIGITS;
use crate::model::membership::member::{Gender, Status};
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::{self, Rule};
use crate::model::value::text::{self, Limit};
use crate::model::value::time::instant;
use crate::model::value::time::{Date, Dob, Timestamp};

/// The refusal of an audience that the memberbase does not have.
pub(in crate::model) const NO_SUCH_AUDIENCE: &str = "must be the id of an audience of this memberbase";
/// The advice about times that are relative to now.
const NO_CLOCK: &str = "; a filter does not follow the clock: write the time itself, and change the filter \
                        when the time is to change";

/// What an operand is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is compared for equality.
    Equality,
    /// It is compared by order. Addresses and fixed words count as plain texts.
    Bound,
}

impl Subject<'_> {
    /// Parses an operand on `key`, whose values are of `kind`; `None` for an unknown id, or one of another
    /// memberbase.
    pub(super) fn operand(
        self,
        key: &str,
        kind: Kind,
        purpose: Purpose,
        value: RawValue,
    ) -> Result<Option<Operand>, Fault> {
        if value == RawValue::Null {
            return Err(invalid(format!("must not be null{USE_EXISTS}")));
        }
        let is = |rule: Rule| as_key_is(key, &rule);
        let some = |value: RawValue| match text(value)? {
            text if text.is_empty() => Err(invalid(format!("must not be empty{USE_EXISTS}"))),
            text => Ok(text),
        };
        let operand = match (kind, purpose) {
            (Kind::Id, _) => return self.id(&text(value)?),
            (Kind::Audience, _) => self.audience(&text(value)?)?,
            (Kind::Text(_) | Kind::Email | Kind::Status | Kind::Gender, Purpose::Bound) => {
                Operand::Text(text(value)?)
            }
            (Kind::Text(limit), Purpose::Equality) => Operand::Text(within(key, limit, some(value)?)?),
            (Kind::Email, Purpose::Equality) => match some(value)? {
                address if email::may_be_stored(&address) => {
                    Operand::Text(self.fold().of(&address).into_owned())
                }
                _ => return Err(invalid(format!("must be an e-mail address, as {key} is"))),
            },
            (Kind::Phone, Purpose::Equality) => {
                Operand::Text(phone::as_stored(some(value)?).map_err(|rule| invalid(rule.describe()))?)
            }
            (Kind::Phone, Purpose::Bound) => Operand::Text(phone_part(&text(value)?)?),
            (Kind::Status, Purpose::Equality) => Operand::Status(Status::parse(&text(value)?).map_err(is)?),
            (Kind::Gender, Purpose::Equality) => Operand::Gender(Gender::parse(&text(value)?).map_err(is)?),
            (Kind::Date, Purpose::Equality) => {
                let text = text(value)?;
                Operand::Date(Dob::parse(&text, self.today()).map_err(|rule| timed(key, &rule, &text))?)
            }
            (Kind::Date, Purpose::Bound) => {
                let text = text(value)?;
                Operand::Date(Date::parse(&text).map_err(|rule| timed(key, &rule, &text))?)
            }
            (Kind::Instant, _) => {
                let text = text(value)?;
                Operand::Instant(Timestamp::parse(&text).map_err(|rule| timed(key, &rule, &text))?)
            }
            (Kind::Bool, _) => match value {
                RawValue::Bool(value) => Operand::Bool(value),
                _ => return Err(invalid(format!("must be true or false, as {key} is"))),
            },
            (Kind::Attribute, purpose) => attribute(purpose, value)?,
            (Kind::Presence, _) => {
                return Err(invalid("cannot be used with this key, which takes exists only"));
            }
        };
        Ok(Some(operand))
    }

    fn id(self, id: &str) -> Result<Option<Operand>, Fault> {
        let opened = match self {
            Self::Members { sealer, base, .. } => {
                sealer.open_member_of(base, id).map(|row| row.map(Operand::Row))
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

impl Subject<'_> {
    /// An audience of the memberbase. Unlike an unknown member, an unknown audience is refused: with `ne`, it
    /// would match everybody.
    fn audience(self, id: &str) -> Result<Operand, Fault> {
        let opened = match self {
            Self::Members { sealer, base, .. } => sealer.open_audience_of(base, id),
            Self::Bases { .. } => Ok(None),
        };
        match opened {
            Ok(Some(audience)) => Ok(Operand::Audience(audience)),
            Ok(None) => Err(invalid(NO_SUCH_AUDIENCE)),
            Err(error) => Err((Reason::IdMalformed, error.to_string())),
        }
    }
}

impl Kind {
    /// Parses a prefix on `key`, whose values are of this kind.
    pub(super) fn prefix(self, key: &str, prefix: String) -> Result<String, Fault> {
        let words: &[&str] = match self {
            Self::Phone => return phone_prefix(&prefix),
            Self::Text(limit) => return within(key, limit, prefix),
            Self::Attribute => return checked_text(prefix).map_err(|rule| invalid(rule.describe())),
            Self::Email if email::may_begin(&prefix) => return Ok(prefix),
            Self::Email => {
                return Err(invalid(format!("must be the beginning of an e-mail address, as {key} is")));
            }
            Self::Status => &Status::ALL.map(Status::as_str),
            Self::Gender => &Gender::ALL.map(Gender::as_str),
            // None of these can be used with a prefix.
            Self::Id | Self::Audience | Self::Date | Self::Instant | Self::Bool | Self::Presence => &[],
        };
        if words.iter().any(|word| word.starts_with(&prefix)) {
            return Ok(prefix);
        }
        Err(invalid(format!("must be the beginning of one of {}", words.join(", "))))
    }
}

fn text(value: RawValue) -> Result<String, Fault> {
    match value {
        RawValue::Text(text) => Ok(text),
        _ => Err(invalid("must be a string")),
    }
}

/// Accepts `text` if values of `key`, which are no longer than `limit`, can equal it or begin with it.
fn within(key: &str, limit: Limit, text: String) -> Result<String, Fault> {
    match text::check(Reason::FilterInvalid, limit, &text) {
        Ok(()) => Ok(text),
        Err(rule) if *rule.fault() == violation::Fault::ControlCharacter => {
            let what = "must not contain control characters, such as line breaks and tabs";
            Err(invalid(format!("{what}: no {key} has them")))
        }
        Err(rule) => Err(as_key_is(key, &rule)),
    }
}

fn as_key_is(key: &str, rule: &Rule) -> Fault {
    invalid(format!("{}, as {key} is", rule.describe()))
}

/// The stored form of a beginning of a phone number. Refuses a text of separators alone: its stored form
/// would be empty, and every number begins with that.
fn phone_part(text: &str) -> Result<String, Fault> {
    let number = without_separators(text).map_err(|rule| invalid(rule.describe()))?;
    match number.strip_prefix('+') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(invalid("must begin with `+` and the country code, as phone numbers do: +4420, not 020")),
    }
}

/// The refusal of a text that is not a time, with advice if it seems to be relative to now.
fn timed(key: &str, rule: &Rule, text: &str) -> Fault {
    let (reason, description) = as_key_is(key, rule);
    (reason, format!("{description}{}", if is_relative(text) { NO_CLOCK } else { "" }))
}

/// Whether a text seems to mean a time relative to now: a word such as `now` or `yesterday`, or a duration
/// such as `-7d`, `P7D` or `7 days ago`.
fn is_relative(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    let words = ["now", "today", "yesterday", "tomorrow", "last", "next", "this", "current"];
    let amount = text.trim_start_matches(['-', '+', 'p', 't']);
    let unit = amount.trim_start_matches(|sign: char| sign.is_ascii_digit()).trim_start();
    let is_duration = unit.len() < amount.len() && unit.starts_with(|sign: char| sign.is_ascii_alphabetic());
    is_duration || words.iter().any(|word| text.starts_with(word))
}

fn phone_prefix(text: &str) -> Result<String, Fault> {
    match phone_part(text)? {
        number if number.len() <= '+'.len_utf8() + PHONE_MAX_DIGITS => Ok(number),
        _ => Err(invalid(format!("must have at most {PHONE_MAX_DIGITS} digits, as phone numbers do"))),
    }
}

/// Parses an operand on an attribute by the rules of stored values. So a number that JSON would round, and
/// that no member can have, is refused.
fn attribute(purpose: Purpose, value: RawValue) -> Result<Operand, Fault> {
    let rule = |rule: Rule| invalid(rule.describe());
    match value {
        RawValue::Text(text) => Ok(match (instant(&text), purpose) {
            (Some(at), _) => Operand::Moment(text, at),
            (None, Purpose::Equality) => Operand::Text(checked_text(text).map_err(rule)?),
            (None, Purpose::Bound) => Operand::Text(text),
        }),
        RawValue::Bool(value) => Ok(Operand::Bool(value)),
        RawValue::Number(number) => checked_number(number).map(Operand::Number).map_err(rule),
        RawValue::Null | RawValue::List(_) | RawValue::Object => {
            Err(invalid("must be a string, a number, true or false"))
        }
    }
}
