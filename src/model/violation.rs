//! What is wrong with one value. No text here ever repeats the value: it may be personal.

use std::fmt;

use crate::model::error::Reason;

/// A fault of one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where: a dotted path with indexes, such as `members[3].email`.
    pub field: String,
    /// What the rule is: lower-case, without a full stop, such as `must not be empty`.
    pub description: String,
}

impl Violation {
    /// A violation of `field`.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }

    /// The same fault seen from one level further out: `email` under `members[3]` is `members[3].email`.
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        if self.field.is_empty() {
            self.field.push_str(parent);
        } else if !parent.is_empty() {
            let separator = if self.field.starts_with('[') { "" } else { "." };
            self.field = format!("{parent}{separator}{}", self.field);
        }
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is wrong with the whole has no name to begin with.
        if self.field.is_empty() {
            return write!(f, "the body {}", self.description);
        }
        write!(f, "{}: {}", self.field, self.description)
    }
}

/// Why a single value is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    reason: Reason,
    fault: Fault,
}

impl Rule {
    /// `fault` in a value whose refusal is called `reason`.
    pub fn new(reason: Reason, fault: Fault) -> Self {
        Self { reason, fault }
    }

    /// The value is not what it must be, in words that follow "must be".
    pub fn must_be(reason: Reason, what: &'static str) -> Self {
        Self::new(reason, Fault::MustBe(what))
    }

    /// The machine word.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// What is wrong, typed.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The rule in plain words, to follow the name of the field.
    pub fn describe(&self) -> String {
        self.fault.to_string()
    }
}

/// What is wrong with a single value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// It has too many bytes.
    #[error("must be at most {limit} bytes long, not {actual}")]
    TooManyBytes {
        /// The limit.
        limit: usize,
        /// What was sent.
        actual: usize,
    },
    /// It has too many characters.
    #[error("must be at most {limit} characters long, not {actual}")]
    TooManyChars {
        /// The limit.
        limit: usize,
        /// What was sent.
        actual: usize,
    },
    /// It has too many items.
    #[error("must have at most {limit} items, not {actual}")]
    TooManyItems {
        /// The limit.
        limit: usize,
        /// What was sent.
        actual: usize,
    },
    /// It has a control character.
    #[error("must not contain control characters, such as line breaks and tabs; use spaces instead")]
    ControlCharacter,
    /// It does not have the form that it must have.
    #[error("must be {0}")]
    MustBe(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_grow_outwards() {
        let under = |field: &str, parent| Violation::new(field, "x").under(parent).field;
        assert_eq!(under("email", "members[3]"), "members[3].email");
        assert_eq!(under("[2]", "filters"), "filters[2]");
        assert_eq!(under("", "filters"), "filters");
        assert_eq!(under("email", ""), "email");
    }
}
