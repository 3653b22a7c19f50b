//! Faults of single values. No text here repeats a value, because it may be personal.

use std::fmt;

use crate::model::refusal::reason::Reason;

/// A fault of one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field, dotted and with indexes, such as `members[3].email`.
    pub field: String,
    /// The rule, in lower case and without a full stop, such as `must not be empty`.
    pub description: String,
}

impl Violation {
    /// A violation of `field`.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }

    /// The same fault with its path under `parent`: `email` under `members[3]` becomes `members[3].email`.
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
        // A fault of a whole row has no path.
        if self.field.is_empty() && self.description.starts_with("the row ") {
            return f.write_str(&self.description);
        }
        // Nor has a fault of the whole body.
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
    /// A value has `fault` and is refused with `reason`.
    pub fn new(reason: Reason, fault: Fault) -> Self {
        Self { reason, fault }
    }

    /// The value must be `what`, in words that follow "must be".
    pub fn must_be(reason: Reason, what: &'static str) -> Self {
        Self::new(reason, Fault::MustBe(what))
    }

    /// The machine word.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The fault.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The rule in plain words, to follow the name of the field.
    pub fn describe(&self) -> String {
        self.fault.to_string()
    }
}

/// A fault of a single value.
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
