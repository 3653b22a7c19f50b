//! What a refused request, or row, gets to hear: a reason that never changes its meaning, and every fault with its field.

use std::fmt;

use crate::model::id::Row;
use crate::model::limits::{FAILURE_DETAILS_MAX_ROWS, VIOLATIONS_MAX};
pub use crate::model::reason::{Code, Reason};
use crate::model::violation::{Rule, Violation};

/// Why a request, or one row of it, was refused: the reason, and every fault found rather than the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The machine word. With several faults, the first one's.
    pub reason: Reason,
    /// The faults, field by field; empty when the reason says it all.
    pub violations: Vec<Violation>,
    /// The member that holds the first value that is taken, where that is the fault.
    pub taken_by: Option<Row>,
}

/// Why one row of a bulk call failed.
pub type RowError = Refusal;

/// The errors of the bad rows of a call. Details are shown of the first alone, and may be many times larger than their rows: the
/// others have none.
#[derive(Debug, Default)]
pub struct RowErrors(usize);

impl RowErrors {
    /// What is kept of the next error.
    pub fn keep(&mut self, error: RowError) -> RowError {
        self.0 += 1;
        if self.0 > FAILURE_DETAILS_MAX_ROWS { RowError::new(error.reason) } else { error }
    }
}

impl Refusal {
    /// A refusal that says no more than its reason.
    pub fn new(reason: Reason) -> Self {
        Self { reason, violations: Vec::new(), taken_by: None }
    }

    /// A refusal of one field.
    pub fn field(reason: Reason, field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { violations: vec![Violation::new(field, description)], ..Self::new(reason) }
    }

    /// A refusal of one value by its rule.
    pub fn rule(field: impl Into<String>, rule: &Rule) -> Self {
        Self::field(rule.reason(), field, rule.describe())
    }

    /// The same refusal seen from one level further out, see [`Violation::under`].
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        self.violations = self.violations.into_iter().map(|fault| fault.under(parent)).collect();
        self
    }

    /// The kind of failure.
    pub fn code(&self) -> Code {
        self.reason.code()
    }

    /// One line for people: the faults with their fields, or the reason in words.
    pub fn message(&self) -> String {
        let Some((first, others)) = self.violations.split_first() else {
            return self.reason.describe().to_owned();
        };
        let mut message = first.to_string();
        match others {
            [] => {}
            [second] => message.push_str(&format!("; {second}")),
            more => message.push_str(&format!("; and {} more", more.len())),
        }
        message
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Refusal {}

/// Collects the faults of one request or row, up to a limit, and keeps the reason of the first.
#[derive(Debug, Default)]
pub struct Violations {
    reason: Option<Reason>,
    list: Vec<Violation>,
}

impl Violations {
    /// Notes a fault.
    pub fn add(&mut self, reason: Reason, field: impl Into<String>, description: impl Into<String>) {
        self.reason.get_or_insert(reason);
        if self.list.len() < VIOLATIONS_MAX {
            self.list.push(Violation::new(field, description));
        }
    }

    /// Notes all faults of a refusal.
    pub fn extend(&mut self, refusal: Refusal) {
        for fault in refusal.violations {
            self.add(refusal.reason, fault.field, fault.description);
        }
    }

    /// Notes a fault that may be found again and again.
    pub fn add_once(&mut self, reason: Reason, field: impl Into<String>, description: impl Into<String>) {
        let violation = Violation::new(field, description);
        if !self.list.contains(&violation) {
            self.add(reason, violation.field, violation.description);
        }
    }

    /// The value, if the rules accept it; otherwise notes the fault.
    pub fn check<T>(&mut self, field: impl Into<String>, parsed: Result<T, Rule>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(rule) => {
                self.add(rule.reason(), field, rule.describe());
                None
            }
        }
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.reason.is_none()
    }

    /// `value` if nothing was noted, otherwise the refusal.
    pub fn finish<T>(self, value: T) -> Result<T, Refusal> {
        match self.reason {
            None => Ok(value),
            Some(reason) => Err(Refusal { violations: self.list, ..Refusal::new(reason) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::violation::Fault;

    #[test]
    fn a_message_names_the_first_faults_and_counts_the_others() {
        let mut violations = Violations::default();
        let mut message = |field: &str| {
            violations.add(Reason::NameInvalid, field, "must not be empty");
            Refusal { violations: violations.list.clone(), ..Refusal::new(Reason::NameInvalid) }.message()
        };
        assert_eq!(message("a"), "a: must not be empty");
        assert_eq!(message("b"), "a: must not be empty; b: must not be empty");
        assert_eq!(message("c"), "a: must not be empty; and 2 more");
        assert_eq!(Refusal::new(Reason::AtomicAborted).message(), "another row of the atomic call failed");
    }

    #[test]
    fn the_first_fault_gives_the_reason_and_all_are_told() {
        let mut violations = Violations::default();
        assert_eq!(violations.check("tier", Ok::<_, Rule>(1)), Some(1));
        assert!(violations.is_empty());
        let empty = Rule::new(Reason::RefInvalid, Fault::Empty);
        assert_eq!(violations.check("ref", Err::<u8, _>(empty)), None);
        violations.add(Reason::EmailInvalid, "email", "must be an e-mail address");
        let refusal = violations.finish(()).unwrap_err();
        assert_eq!((refusal.reason, refusal.code()), (Reason::RefInvalid, Code::InvalidArgument));
        let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["ref", "email"]);
        assert_eq!(Violations::default().finish(5), Ok(5));
    }

    #[test]
    fn the_first_bad_rows_keep_their_details_and_the_others_their_reasons() {
        let mut errors = RowErrors::default();
        let mut keep = || errors.keep(Refusal::field(Reason::RefInvalid, "ref", "must not be empty"));
        let first: Vec<RowError> = (0..FAILURE_DETAILS_MAX_ROWS).map(|_| keep()).collect();
        assert!(first.iter().all(|error| error.violations.len() == 1));
        assert_eq!(keep(), Refusal::new(Reason::RefInvalid));
    }

    #[test]
    fn a_flood_of_faults_is_cut_off() {
        let mut violations = Violations::default();
        for index in 0..10_000 {
            violations.add(Reason::FilterInvalid, format!("filters[{index}]"), "must not be empty");
        }
        assert_eq!(violations.finish(()).unwrap_err().violations.len(), VIOLATIONS_MAX);
    }
}
