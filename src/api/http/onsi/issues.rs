//! Collects the issues of a request.

use http::StatusCode;

use super::failure::Failure;
use super::issue::{Code, Issue};
use crate::api::http::camel::camel;
use crate::model::Refusal;
use crate::model::limits::VIOLATIONS_MAX;

/// Collects the faults of one body, up to a limit.
#[derive(Debug, Default)]
pub struct Issues(Vec<Issue>);

impl Issues {
    /// Notes a fault.
    pub fn add(&mut self, code: Code, path: String, description: &str) {
        if self.0.len() < VIOLATIONS_MAX {
            self.0.push(Issue::at(code, path, description));
        }
    }

    /// How many faults were noted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Notes the faults of the row in the body, and sorts the issues of the body by the `place` of their
    /// paths. The issues of the body are those after the first `others`. A path with an issue gets no second
    /// one.
    pub fn break_rules<K: Ord>(&mut self, others: usize, refusal: &Refusal, place: impl Fn(&str) -> K) {
        let mut issues = self.0.split_off(others.min(self.0.len()));
        for fault in &refusal.violations {
            // At this door, paths do not contain the kind of bank details.
            let path = camel(&fault.field.replace(".uk.", ".").replace(".eu.", "."));
            if issues.iter().any(|issue| issue.path.as_ref() == Some(&path)) {
                continue;
            }
            let is_account = path.split('.').next() == Some("accountDetails");
            let code = if is_account { Code::BankAccountInvalid } else { Code::BodyValidation };
            issues.push(Issue::at(code, path, &fault.description));
        }
        issues.sort_by_key(|issue| place(issue.path.as_deref().unwrap_or_default()));
        self.0.append(&mut issues);
        self.0.truncate(VIOLATIONS_MAX);
    }

    /// The faults that were noted.
    pub fn into_list(self) -> Vec<Issue> {
        self.0
    }

    /// `value` if nothing was noted, otherwise the failure.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Failure> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Failure::new(StatusCode::BAD_REQUEST, self.0)),
        }
    }
}
