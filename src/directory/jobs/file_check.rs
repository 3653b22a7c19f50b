//! Finds, while a list arrives, the rows that make its file wrong as a whole: rows of another shape than the
//! header, rows without a required value, and keys that an earlier row has.
//!
//! The lines of the first 4 million keys are kept, 13 bytes each. The plan finds what is repeated after them.

use std::hash::BuildHasher;

use foldhash::HashMap;
use foldhash::quality::RandomState;

use crate::lists::{self, ListRow};
use crate::model::limits::VIOLATIONS_MAX;
use crate::model::{Change, Email, Fold, WorkerId};

/// Most keys whose lines are kept.
const KEYS: usize = 4_000_000;

/// A fault of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFault {
    /// The line where it stands, from 1; `None` if it is about the whole file.
    pub line: Option<u64>,
    /// The column; empty if the fault is not in one.
    pub column: String,
    /// What is wrong, for people.
    pub message: String,
}

/// Checks the rows of a file in their order.
pub struct FileCheck {
    fold: Fold,
    hash: RandomState,
    /// The first line of each key. The highest lines are not told apart.
    lines: HashMap<[u8; 8], u32>,
    faults: Vec<FileFault>,
}

/// A key of a row.
#[derive(Clone, Copy, Hash)]
enum Key {
    Email,
    WorkerId,
}

impl FileCheck {
    /// Before the first row. Addresses are compared by this rule.
    pub fn new(fold: Fold) -> Self {
        let (hash, lines) = (RandomState::default(), HashMap::default());
        Self { fold, hash, lines, faults: Vec::new() }
    }

    /// The faults that were found, in their order.
    pub fn faults(&self) -> &[FileFault] {
        &self.faults
    }

    /// Whether no more faults are noted.
    pub fn is_full(&self) -> bool {
        self.faults.len() >= VIOLATIONS_MAX
    }

    /// Checks the next row.
    pub fn row(&mut self, row: &ListRow) {
        let line = row.number();
        let identity = row.identity();
        match row.read() {
            Err(fault) => self.add(Some(line), fault.column, fault.message),
            Ok(raw) => {
                for (column, value) in [
                    ("email", &raw.email),
                    ("first_name", &raw.first_name),
                    ("last_name", &raw.last_name),
                    ("tier", &raw.tier),
                ] {
                    if !matches!(value, Change::Set(_)) {
                        self.add(Some(line), column.to_owned(), "must not be empty".to_owned());
                    }
                }
            }
        }
        // Keys that are not valid are for the plan, where their row fails.
        if let Some(email) = identity.email.and_then(|text| Email::parse(text).ok()) {
            let folded = email.folded(self.fold).into_owned();
            self.key(line, Key::Email, &folded);
        }
        if let Some(id) = identity.worker_id.and_then(|text| WorkerId::parse(text).ok()) {
            self.key(line, Key::WorkerId, id.as_str());
        }
    }

    /// Notes why the file cannot be read any further.
    pub fn refusal(&mut self, refusal: &lists::Refusal) {
        let line = refusal.place().map(|place| place.number());
        match refusal {
            lists::Refusal::Headings { faults, .. } => {
                for fault in faults {
                    self.add(line, String::new(), fault.to_string());
                }
            }
            lists::Refusal::Empty
            | lists::Refusal::Text(_)
            | lists::Refusal::Workbook(_)
            | lists::Refusal::OtherFormat { .. } => self.add(line, String::new(), refusal.to_string()),
        }
    }

    fn key(&mut self, line: u64, key: Key, value: &str) {
        let hash = self.hash.hash_one((key, value)).to_le_bytes();
        let column = match key {
            Key::Email => "email",
            Key::WorkerId => "worker_id",
        };
        if let Some(first) = self.lines.get(&hash) {
            let message = format!("is in line {first} too");
            self.add(Some(line), column.to_owned(), message);
        } else if self.lines.len() < KEYS {
            self.lines.insert(hash, u32::try_from(line).unwrap_or(u32::MAX));
        }
    }

    fn add(&mut self, line: Option<u64>, column: String, message: String) {
        if !self.is_full() {
            self.faults.push(FileFault { line, column, message });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::jobs::input::reading;
    use crate::lists::Reader;
    use crate::model::{JobInput, ListFormat, ListMatch, ListOptions};

    fn faults(text: &str) -> Vec<(Option<u64>, String, String)> {
        let options = ListOptions { match_by: ListMatch::WorkerIdOrEmail, ..ListOptions::default() };
        let input = JobInput { format: Some(ListFormat::Csv), ..JobInput::default() };
        let mut reader = Reader::new(reading(&options, &input));
        let (mut rows, mut check) = (Vec::new(), FileCheck::new(Fold::NEWEST));
        let read = reader.push(text.as_bytes(), &mut rows).and_then(|()| reader.finish(&mut rows));
        rows.iter().for_each(|row| check.row(row));
        if let Err(refusal) = read {
            check.refusal(&refusal);
        }
        let shown = |fault: &FileFault| (fault.line, fault.column.clone(), fault.message.clone());
        check.faults().iter().map(shown).collect()
    }

    #[test]
    fn repeated_keys_missing_values_and_other_shapes_are_found_with_their_lines() {
        let text = "email,first_name,last_name,tier,worker_id\n\
                    a@x.com,A,A,Gold,w1\n\
                    A@X.com,B,B,Gold,w2\n\
                    c@x.com,C,,Gold,w1\n\
                    d@x.com,D\n\
                    nobody,E,E,Gold,w3\n";
        let fault = |line, column: &str, message: &str| (Some(line), column.to_owned(), message.to_owned());
        assert_eq!(
            faults(text),
            [
                fault(3, "email", "is in line 2 too"),
                fault(4, "last_name", "must not be empty"),
                fault(4, "worker_id", "is in line 2 too"),
                fault(5, "", "the row has 2 cells, the header has 5"),
            ]
        );
    }

    #[test]
    fn every_fault_of_the_header_is_one_fault() {
        let found = faults("email,shoe size,first_name,ref\na,b,c,d\n");
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.iter().all(|(line, ..)| *line == Some(1)), "{found:?}");
        assert!(found[0].2.contains("shoe size") && found[3].2.contains("tier"), "{found:?}");
        assert_eq!(faults("")[0].0, None);
    }

    #[test]
    fn faults_are_listed_up_to_the_limit() {
        let text = format!("email,first_name,last_name,tier\n{}", "a\n".repeat(VIOLATIONS_MAX + 5));
        assert_eq!(faults(&text).len(), VIOLATIONS_MAX);
    }
}
