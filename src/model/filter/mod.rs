//! Filters: which members, or memberbases, a list returns.
//!
//! Doors fill the neutral tree [`RawFilter`]; [`Filter`] is the parsed tree, with typed operands. Its
//! grammar:
//!
//! - Entries of `filters` combine with AND. An entry is a condition (`key` and exactly one operator), or
//!   `and`, or `or`.
//! - `eq ne in nin` can be used with every key except `account_details`, and `exists` with every key except
//!   `audience`; `gt gte lt lte` with texts, dates, instants and attributes; `prefix` and `regex` with texts
//!   and attributes. Statuses and genders are texts, ids are not.
//! - A condition on a value that the member does not have is false, except that **`ne` and `nin` are exactly
//!   the opposite of `eq` and `in`**. So they match members without the value, and members whose attribute
//!   has another type.
//! - `audience` takes the ids of audiences of the memberbase, with `eq ne in nin` only. Whether a member is
//!   in an audience is asked of whoever evaluates the filter ([`Memberships`]).
//! - Texts compare by their bytes, except that `eq ne in nin` compare folded e-mail addresses, like
//!   uniqueness does. Operands on phone numbers lose the same separators as stored numbers.
//! - **An operand that no value can match because of its form is refused**: an empty list would look like a
//!   result.
//! - Attributes compare with operands of their own type: a number never equals, precedes or follows a string,
//!   and is refused if the schema says that the values are strings. A list matches if one of its strings
//!   does.
//! - A regular expression is unanchored, runs in linear time, and has no look-around and no back-references.
//!   One that could take too long for a single member is refused (see [`Pattern`]).

mod audiences;
mod cost;
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
mod seen;
mod tree;
pub mod written;

#[cfg(test)]
mod tests;

pub use self::audiences::{Memberships, NamedAudiences, NoAudiences};
pub use self::effort::{Effort, Stop};
pub use self::eval::{BaseView, MemberView, Value};
pub use self::named::{Named, NamedAttributes, Parsed};
pub(in crate::model) use self::operand::NO_SUCH_AUDIENCE;
pub use self::pattern::{Pattern, PatternSet, SetStates, TOGETHER as PATTERNS_TOGETHER};
pub use self::raw::{RawFilter, RawRegex, RawValue};
pub use self::seen::Seen;
pub use self::tree::{Condition, Field, Filter, Operand, Operator, USE_EXISTS};
