//! Filters: which members, or memberbases, a list is about.
//!
//! Doors fill the neutral tree [`RawFilter`]; [`Filter`] is the tree once parsed, with typed operands. Its grammar:
//!
//! - Entries of `filters` combine with AND. An entry is a condition (`key` and exactly one operator), or `and`, or `or`.
//! - `eq ne in nin exists` go with every key; `gt gte lt lte` with texts, dates, instants and attributes; `prefix` and
//!   `regex` with texts and attributes.
//! - A condition on a value that the member does not have is false, except that **`ne` and `nin` are exactly the opposite
//!   of `eq` and `in`** and so match members without the value, and members whose attribute has another type.
//! - Texts compare by their bytes. E-mail addresses compare folded; only `regex` sees them as they are stored.
//! - Attributes compare with operands of their own type: a number never equals, precedes or follows a string.
//! - A regular expression is unanchored, runs in linear time, and knows no look-around and no back-references.

mod eval;
mod kind;
mod parse;
mod raw;

use std::fmt;
use std::hash::Hasher;

pub use self::eval::{BaseView, MemberView, Value};
pub use self::raw::{RawFilter, RawRegex, RawValue};
use crate::model::id::{BaseNumber, Row};
use crate::model::member::{Gender, Status};
use crate::model::time::{Date, Timestamp};

/// A parsed filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these. Never empty when parsed.
    And(Vec<Filter>),
    /// At least one of these. Never empty when parsed.
    Or(Vec<Filter>),
    /// One condition.
    Condition(Condition),
    /// Everything: what no filter at all means.
    True,
}

/// A key, an operator and its operand.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub field: Field,
    /// What it is compared with, and how.
    pub op: Operator,
}

/// What a condition looks at. Bank details cannot be filtered by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `id`: the member's row, or the memberbase's number.
    Id,
    /// `ref`
    Ref,
    /// `email`
    Email,
    /// `first_name`
    FirstName,
    /// `last_name`
    LastName,
    /// `phone`
    Phone,
    /// `worker_id`
    WorkerId,
    /// `tier`
    Tier,
    /// `status`
    Status,
    /// `dob`
    Dob,
    /// `gender`
    Gender,
    /// `role`
    Role,
    /// `company`
    Company,
    /// `enable_payroll`
    EnablePayroll,
    /// `created_at`
    CreatedAt,
    /// `updated_at`
    UpdatedAt,
    /// `attributes.<key>`
    Attribute(String),
    /// `name`, of memberbases only.
    Name,
}

/// How a value is compared, and with what.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// Equal.
    Eq(Operand),
    /// Not equal, or absent.
    Ne(Operand),
    /// One of these: sorted, each once. Ids that name nothing here have been left out.
    In(Vec<Operand>),
    /// None of these, or absent: sorted, each once.
    NotIn(Vec<Operand>),
    /// Greater.
    Gt(Operand),
    /// Greater or equal.
    Gte(Operand),
    /// Less.
    Lt(Operand),
    /// Less or equal.
    Lte(Operand),
    /// Present (true) or absent (false).
    Exists(bool),
    /// Begins with this text; of an e-mail address, its folded form does.
    Prefix(String),
    /// Has a match of this expression somewhere.
    Regex(Pattern),
}

/// A value to compare with, of the field's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A member, by its row.
    Row(Row),
    /// A memberbase.
    Base(BaseNumber),
    /// A status.
    Status(Status),
    /// A gender.
    Gender(Gender),
    /// A date.
    Date(Date),
    /// An instant.
    Instant(Timestamp),
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text; of an e-mail address, its folded form.
    Text(String),
    /// A list of strings, equal to the same strings in the same order.
    List(Vec<String>),
}

/// A compiled regular expression.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    case_insensitive: bool,
    regex: regex::Regex,
}

impl Pattern {
    /// Whether `text` has a match.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.case_insensitive == other.case_insensitive
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?}, case_insensitive: {})", self.text, self.case_insensitive)
    }
}

impl Filter {
    /// Writes the filter without ambiguity, so that equal digests mean equal filters. Cursors are bound to it.
    pub fn digest(&self, hasher: &mut impl Hasher) {
        match self {
            Self::True => hasher.write(&[0]),
            Self::And(parts) => digest_parts(hasher, 1, parts),
            Self::Or(parts) => digest_parts(hasher, 2, parts),
            Self::Condition(Condition { field, op }) => {
                hasher.write(&[3]);
                digest_field(hasher, field);
                op.digest(hasher);
            }
        }
    }
}

fn digest_parts(hasher: &mut impl Hasher, tag: u8, parts: &[Filter]) {
    digest_length(hasher, tag, parts.len());
    for part in parts {
        part.digest(hasher);
    }
}

fn digest_field(hasher: &mut impl Hasher, field: &Field) {
    let (tag, key) = match field {
        Field::Id => (0, ""),
        Field::Ref => (1, ""),
        Field::Email => (2, ""),
        Field::FirstName => (3, ""),
        Field::LastName => (4, ""),
        Field::Phone => (5, ""),
        Field::WorkerId => (6, ""),
        Field::Tier => (7, ""),
        Field::Status => (8, ""),
        Field::Dob => (9, ""),
        Field::Gender => (10, ""),
        Field::Role => (11, ""),
        Field::Company => (12, ""),
        Field::EnablePayroll => (13, ""),
        Field::CreatedAt => (14, ""),
        Field::UpdatedAt => (15, ""),
        Field::Attribute(key) => (16, key.as_str()),
        Field::Name => (17, ""),
    };
    digest_text(hasher, tag, key);
}

impl Operator {
    fn digest(&self, hasher: &mut impl Hasher) {
        let (tag, operands) = match self {
            Self::Eq(operand) => (0, std::slice::from_ref(operand)),
            Self::Ne(operand) => (1, std::slice::from_ref(operand)),
            Self::In(operands) => (2, operands.as_slice()),
            Self::NotIn(operands) => (3, operands.as_slice()),
            Self::Gt(operand) => (4, std::slice::from_ref(operand)),
            Self::Gte(operand) => (5, std::slice::from_ref(operand)),
            Self::Lt(operand) => (6, std::slice::from_ref(operand)),
            Self::Lte(operand) => (7, std::slice::from_ref(operand)),
            Self::Exists(wanted) => return hasher.write(&[8, u8::from(*wanted)]),
            Self::Prefix(prefix) => return digest_text(hasher, 9, prefix),
            Self::Regex(pattern) => {
                hasher.write(&[10, u8::from(pattern.case_insensitive)]);
                return digest_text(hasher, 0, &pattern.text);
            }
        };
        digest_length(hasher, tag, operands.len());
        for operand in operands {
            operand.digest(hasher);
        }
    }
}

impl Operand {
    fn digest(&self, hasher: &mut impl Hasher) {
        let (tag, number) = match self {
            Self::Row(row) => (0, row.0),
            Self::Base(base) => (1, u64::from(base.0)),
            Self::Status(status) => (2, u64::from(status.index())),
            Self::Gender(gender) => (3, u64::from(gender.index())),
            Self::Date(date) => (4, u64::from(date.to_number())),
            Self::Instant(at) => (5, at.micros().cast_unsigned()),
            Self::Bool(value) => (6, u64::from(*value)),
            Self::Number(number) => (7, number.to_bits()),
            Self::Text(text) => return digest_text(hasher, 8, text),
            Self::List(items) => {
                digest_length(hasher, 9, items.len());
                return items.iter().for_each(|item| digest_text(hasher, 0, item));
            }
        };
        hasher.write(&[tag]);
        hasher.write(&number.to_le_bytes());
    }
}

fn digest_text(hasher: &mut impl Hasher, tag: u8, text: &str) {
    digest_length(hasher, tag, text.len());
    hasher.write(text.as_bytes());
}

/// `usize` has at most 64 bits wherever Rust runs.
fn digest_length(hasher: &mut impl Hasher, tag: u8, length: usize) {
    hasher.write(&[tag]);
    hasher.write(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
}
