//! The parsed tree of a filter.

use super::pattern::Pattern;
use crate::model::id::{AudienceNumber, BaseNumber, Row};
use crate::model::membership::member::{Gender, Status};
use crate::model::search::SearchText;
use crate::model::value::time::{Date, Timestamp};

/// The advice at the end of the refusal of an empty or null operand.
pub const USE_EXISTS: &str = "; use exists: false for absent values";

/// A parsed filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these. Never empty when parsed.
    And(Vec<Filter>),
    /// At least one of these. Never empty when parsed.
    Or(Vec<Filter>),
    /// One condition.
    Condition(Condition),
    /// The words that a caller searches for. It is never inside the filter that a caller sent.
    Search(SearchText),
    /// Matches everything: the meaning of no filter.
    True,
}

impl Filter {
    /// The number of its conditions.
    pub fn conditions(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::conditions).sum(),
            Self::Condition(_) => 1,
            Self::Search(text) => text.words().len(),
            Self::True => 0,
        }
    }

    /// The number of its regular expressions.
    pub fn regexes(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::regexes).sum(),
            Self::Condition(condition) => usize::from(matches!(condition.op, Operator::Regex(_))),
            Self::Search(_) | Self::True => 0,
        }
    }

    /// Whether its result depends on bank details or dates of birth.
    pub fn looks_at_pii(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::looks_at_pii),
            Self::Condition(condition) => matches!(condition.field, Field::Dob | Field::AccountDetails),
            Self::Search(_) | Self::True => false,
        }
    }
}

/// A key, an operator and its operand.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The field whose value it compares.
    pub field: Field,
    /// The operator and its operand.
    pub op: Operator,
}

/// The field that a condition compares.
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
    /// `account_details`; a filter sees only whether the member has any.
    AccountDetails,
    /// `audience`: the audiences that the member is in.
    Audience,
    /// `name`, of memberbases only.
    Name,
}

/// An operator and its operand.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// Equal.
    Eq(Operand),
    /// Not equal, or absent.
    Ne(Operand),
    /// One of these: sorted, each once. Parsing has dropped ids of other memberbases and unknown ids.
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
    /// Begins with this text.
    Prefix(String),
    /// Has a match of this expression anywhere.
    Regex(Pattern),
}

/// A value to compare with, of the type of the field.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A member, by its row.
    Row(Row),
    /// A memberbase.
    Base(BaseNumber),
    /// An audience.
    Audience(AudienceNumber),
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
    /// A text. For equality of e-mail addresses: the folded form.
    Text(String),
    /// An operand of an attribute that may be a text or a date. A list holds a text and an instant instead.
    Moment(String, Timestamp),
}

impl Operator {
    /// The operator `in` with these values, in any order.
    pub fn one_of(mut operands: Vec<Operand>) -> Self {
        sort(&mut operands);
        Self::In(operands)
    }
}

/// Sorts the operands of a list for binary search and removes duplicates.
pub(super) fn sort(operands: &mut Vec<Operand>) {
    operands.sort_unstable_by(|left, right| left.order(&right.as_value()));
    operands.dedup();
}
