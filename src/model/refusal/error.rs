//! Refusals of requests and rows: a reason whose meaning never changes, and every fault with its field.

use std::fmt;

use crate::model::id::Row;
use crate::model::limits::{FAILURE_DETAILS_MAX_ROWS, VIOLATIONS_MAX};
pub use crate::model::refusal::reason::{Code, Reason};
use crate::model::refusal::violation::{Rule, Violation};

/// Why a request, or one row of it, was refused: the reason, and every fault, not only the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The machine word; with several faults, that of the first.
    pub reason: Reason,
    /// The faults, field by field; empty if the reason is enough.
    pub violations: Vec<Violation>,
    /// If a value belongs to another member: that member, for the first such value.
    pub taken_by: Option<Row>,
}

/// Why one row of a bulk call failed.
pub type RowError = Refusal;

/// Counts the failed rows of a call. Details can be many times larger than their rows, so only the first
/// failed rows keep theirs.
#[derive(Debug, Default)]
pub struct RowErrors(usize);

impl RowErrors {
    /// The next error, with its details if it is among the first.
    pub fn keep(&mut self, error: RowError) -> RowError {
        self.0 += 1;
        if self.0 > FAILURE_DETAILS_MAX_ROWS { RowError::new(error.reason) } else { error }
    }
}

impl Refusal {
    /// A refusal with a reason and no details.
    pub fn new(reason: Reason) -> Self {
        Self { reason, violations: Vec::new(), taken_by: None }
    }

    /// A refusal of one field.
    pub fn field(reason: Reason, field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { violations: vec![Violation::new(field, description)], ..Self::new(reason) }
    }

    /// A refusal of one field by the rule that its value breaks.
    pub fn rule(field: impl Into<String>, rule: &Rule) -> Self {
        Self::field(rule.reason(), field, rule.describe())
    }

    /// The same refusal with its fields under `parent`, see [`Violation::under`].
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        self.violations = self.violations.into_iter().map(|fault| fault.under(parent)).collect();
        self
    }

    /// The kind of failure that the reason is.
    pub fn code(&self) -> Code {
        self.reason.code()
    }

    /// One line for people: the first faults with their fields, or the reason in words.
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

/// Collects the faults of one request or row, up to a limit, and the reason of the first.
#[derive(Debug, Default)]
pub struct Violations {
    reason: Option<Reason>,
    list: Vec<Violation>,
}

impl Violations {
    /// Adds a fault.
    pub fn add(&mut self, reason: Reason, field: impl Into<String>, description: impl Into<String>) {
        self.reason.get_or_insert(reason);
        if self.list.len() < VIOLATIONS_MAX {
            self.list.push(Violation::new(field, description));
        }
    }

    /// Adds all faults of a refusal.
    pub fn extend(&mut self, refusal: Refusal) {
        for fault in refusal.violations {
            self.add(refusal.reason, fault.field, fault.description);
        }
    }

    /// Adds a fault unless it was added before.
    pub fn add_once(&mut self, reason: Reason, field: impl Into<String>, description: impl Into<String>) {
        let violation = Violation::new(field, description);
        if !self.list.contains(&violation) {
            self.add(reason, violation.field, violation.description);
        }
    }

    /// Returns the value if the rule accepts it; otherwise adds the fault.
    pub fn check<T>(&mut self, field: impl Into<String>, parsed: Result<T, Rule>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(rule) => {
                self.add(rule.reason(), field, rule.describe());
                None
            }
        }
    }

    /// Whether no fault was added.
    pub fn is_empty(&self) -> bool {
        self.reason.is_none()
    }

    /// Returns `value` if no fault was added, otherwise the refusal.
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
    use crate::model::refusal::violation::Fault;

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
    fn the_first_fault_gives_the_reason_and_all_are_reported() {
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
    fn the_first_failed_rows_keep_their_details_and_the_others_their_reasons() {
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
