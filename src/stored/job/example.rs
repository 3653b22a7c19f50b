//! Examples of what a plan does.
//!
//! ```text
//! examples = that many: example as a slice
//! example  = what u8 (0 removed, otherwise the outcome of a row), line varint (0 for none), member varint
//!            (row + 1, 0 for none), before and after as slices (the stored form of a member, empty for none),
//!            result of a row, if it failed
//! ```

use crate::model::{Member, Outcome, Refusal, Row};
use crate::stored::DecodeError;
use crate::stored::bytes::{Reader, Writer};
use crate::stored::idempotency::{RowResult, encode_rows, read_row};
use crate::stored::member;

const VALUE: &str = "examples of a plan";

/// An example of what a plan does to one member.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedExample {
    /// The outcome of a row; `None` for a member that is removed.
    pub outcome: Option<Outcome>,
    /// The line of the list.
    pub line: Option<u64>,
    /// The member, if it exists.
    pub row: Option<Row>,
    /// The member as it is.
    pub before: Option<Member>,
    /// The member as it would be.
    pub after: Option<Member>,
    /// Why the row fails.
    pub error: Option<Refusal>,
}

/// The stored form of one example.
#[must_use]
pub fn encode_example(example: &PlannedExample) -> Vec<u8> {
    let mut inner = Writer(Vec::with_capacity(256));
    let outcome = example.outcome;
    let place = outcome.and_then(|outcome| OUTCOMES.iter().position(|known| *known == outcome));
    inner.u8(place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or_default());
    inner.varint(example.line.unwrap_or_default());
    inner.varint(example.row.map_or(0, |row| row.0 + 1));
    for member in [&example.before, &example.after] {
        inner.slice(&member.as_ref().map(member::encode).unwrap_or_default());
    }
    if let Some(error) = &example.error {
        let error = Some(error.clone());
        let result = RowResult { row: example.row, outcome: Outcome::Failed, status_kept: false, error };
        inner.0.extend_from_slice(&encode_rows(&[result]));
    }
    let mut w = Writer::default();
    w.slice(&inner.0);
    w.0
}

/// Reads a value of examples, which are one after another.
pub fn decode_examples(bytes: &[u8]) -> Result<Vec<PlannedExample>, DecodeError> {
    let mut r = Reader::new(VALUE, bytes);
    let mut examples = Vec::new();
    while !r.is_empty() {
        let mut inner = Reader::new(VALUE, r.slice()?);
        let outcome = match usize::from(inner.u8()?) {
            0 => None,
            number => {
                let outcome = OUTCOMES.get(number - 1).copied();
                Some(outcome.ok_or_else(|| inner.damaged("an outcome is unknown"))?)
            }
        };
        let line = Some(inner.varint()?).filter(|line| *line > 0);
        let row = inner.varint()?.checked_sub(1).map(Row);
        let (before, after) = (read_member(&mut inner)?, read_member(&mut inner)?);
        let error = if inner.is_empty() { None } else { read_row(&mut inner)?.error };
        inner.end()?;
        examples.push(PlannedExample { outcome, line, row, before, after, error });
    }
    Ok(examples)
}

fn read_member(r: &mut Reader<'_>) -> Result<Option<Member>, DecodeError> {
    let bytes = r.slice()?;
    if bytes.is_empty() { Ok(None) } else { member::decode(bytes).map(Some) }
}

/// The outcomes, each at its number less 1.
const OUTCOMES: [Outcome; 5] =
    [Outcome::Created, Outcome::Updated, Outcome::Unchanged, Outcome::Reactivated, Outcome::Failed];
