//! Filters: which members, or memberbases, a list is about.
//!
//! Doors fill the neutral tree [`RawFilter`]; [`Filter`] is the tree once parsed, with typed operands. Its grammar:
//!
//! - Entries of `filters` combine with AND. An entry is a condition (`key` and exactly one operator), or `and`, or `or`.
//! - `eq ne in nin` go with every key but `account_details`, `exists` with every key; `gt gte lt lte` with texts, dates,
//!   instants and attributes; `prefix` and `regex` with texts and attributes. Ids are no texts, statuses and genders are.
//! - A condition on a value that the member does not have is false, except that **`ne` and `nin` are exactly the opposite
//!   of `eq` and `in`** and so match members without the value, and members whose attribute has another type.
//! - Texts compare by their bytes, except that `eq ne in nin` compare e-mail addresses folded, as their uniqueness does.
//!   In operands on phone numbers the separators that storing removes are removed too.
//! - **An operand that nothing can match by its form is refused**: an empty list would look like an answer.
//! - Attributes compare with operands of their own type: a number never equals, precedes or follows a string, and is refused
//!   where the schema says that there are strings. A list matches when one of its strings does.
//! - A regular expression is unanchored, runs in linear time, and knows no look-around and no back-references. One that could
//!   take too long for a single record is refused (see [`Pattern`]).

mod digest;
mod effort;
mod equal;
mod eval;
mod kind;
mod named;
mod operand;
mod parse;
mod pattern;
mod range;
mod raw;
#[cfg(test)]
mod tests;

pub use self::effort::{Effort, Stop};
pub use self::eval::{BaseView, MemberView, Value};
pub use self::named::{NamedAttributes, Parsed};
pub use self::pattern::Pattern;
pub use self::raw::{RawFilter, RawRegex, RawValue};
use crate::model::id::{BaseNumber, Row};
use crate::model::member::{Gender, Status};
use crate::model::time::{Date, Timestamp};

/// What the refusals of an empty operand and of a null end with, for who wrote an operator.
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
    /// Everything: what no filter at all means.
    True,
}

impl Filter {
    /// How many conditions it has.
    pub fn conditions(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::conditions).sum(),
            Self::Condition(_) => 1,
            Self::True => 0,
        }
    }

    /// How many regular expressions it has.
    pub fn regexes(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::regexes).sum(),
            Self::Condition(condition) => usize::from(matches!(condition.op, Operator::Regex(_))),
            Self::True => 0,
        }
    }

    /// Whether it tells something about bank details or dates of birth.
    pub fn looks_at_pii(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::looks_at_pii),
            Self::Condition(condition) => matches!(condition.field, Field::Dob | Field::AccountDetails),
            Self::True => false,
        }
    }
}

/// A key, an operator and its operand.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub field: Field,
    /// What it is compared with, and how.
    pub op: Operator,
}

/// What a condition looks at.
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
    /// `account_details`, of which a filter sees only whether there are any.
    AccountDetails,
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
    /// Begins with this text.
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
    /// A text. Of an e-mail address, its folded form where it is compared for equality.
    Text(String),
    /// What an attribute is compared with that may be a text or a date. In lists it stands as both, one after another.
    Moment(String, Timestamp),
}

impl Operator {
    /// The operator `in` over values of one field, in any order.
    pub fn one_of(mut operands: Vec<Operand>) -> Self {
        sort(&mut operands);
        Self::In(operands)
    }
}

/// Puts the operands of a list in the order in which they are searched, each once.
fn sort(operands: &mut Vec<Operand>) {
    operands.sort_unstable_by(|left, right| left.order(&right.as_value()));
    operands.dedup();
}
