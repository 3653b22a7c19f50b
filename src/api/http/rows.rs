//! Lists of members in bodies of JSON, of which all rows are applied or none.
//!
//! A list is read one row at a time, never into a tree. A row with faults keeps its place, so that the table
//! can report the faults of all rows.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::json::Object;
use crate::directory::RowOutcome;
use crate::model::limits::FAILURE_DETAILS_MAX_ROWS;
use crate::model::{Date, MemberRow, Reason, Row, RowError, RowErrors, words};

/// The memory of a row, in bytes, whether it can be applied or not: itself, its name for the report, and its
/// faults.
pub const ROW_BYTES: usize = size_of::<Result<MemberRow, RowError>>() + size_of::<Option<String>>() + 256;

/// A member as a caller of a door sends it.
pub trait JsonRow: DeserializeOwned {
    /// What names the row in replies, if it has that.
    fn name(&self) -> Option<String>;

    /// The row of the model, or all its faults.
    fn parse(self, today: Date) -> Result<MemberRow, RowError>;
}

/// The rows of a request.
#[derive(Debug, Default)]
pub struct Rows {
    /// The rows, in order.
    pub rows: Vec<Result<MemberRow, RowError>>,
    /// Their names.
    pub names: Vec<Option<String>>,
}

/// Reads an array of rows.
pub struct Reader<R> {
    today: Date,
    row: PhantomData<R>,
}

impl<R> Reader<R> {
    /// Reads rows on this day.
    pub fn new(today: Date) -> Self {
        Self { today, row: PhantomData }
    }
}

impl<'de, R: JsonRow> DeserializeSeed<'de> for Reader<R> {
    type Value = Rows;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Rows, D::Error> {
        // Of any kind, so that its own words say what it wants.
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: JsonRow> Visitor<'de> for Reader<R> {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rows, A::Error> {
        let (mut read, mut errors) = (Rows::default(), RowErrors::default());
        while let Some(Object(row)) = list.next_element::<Object<R>>()? {
            read.names.push(row.name());
            read.rows.push(row.parse(self.today).map_err(|error| errors.keep(error)));
        }
        Ok(read)
    }
}

/// A row that cannot be applied.
pub struct BadRow<'a> {
    /// Its place in the request, from 0.
    pub index: usize,
    /// Why.
    pub error: &'a RowError,
    /// The text for people.
    pub message: String,
}

/// Why no row of a request was applied.
pub struct NoneApplied<'a> {
    /// The text for people.
    pub message: String,
    /// The first rows that cannot be applied.
    pub rows: Vec<BadRow<'a>>,
    /// How many cannot be applied.
    pub failed: usize,
}

/// The report on a request of which some rows cannot be applied; `None` if all were. A caller that may write
/// may also read, so a message may have the id, from `id`, of the member that already has a value.
pub fn none_applied<'a>(outcomes: &'a [RowOutcome], id: impl Fn(Row) -> String) -> Option<NoneApplied<'a>> {
    if !outcomes.iter().any(RowOutcome::is_failed) {
        return None;
    }
    let bad = outcomes.iter().enumerate().filter_map(|(index, outcome)| {
        let error = outcome.error.as_deref().filter(|error| error.reason != Reason::AtomicAborted)?;
        Some((index, error))
    });
    let row = |(index, error): (usize, &'a RowError)| {
        let message = match error.taken_by {
            Some(holder) => format!("{} ({})", error.message(), id(holder)),
            None => error.message(),
        };
        BadRow { index, error, message }
    };
    let rows: Vec<BadRow<'_>> = bad.clone().take(FAILURE_DETAILS_MAX_ROWS).map(row).collect();
    let failed = bad.count();
    let written = outcomes.iter().filter(|outcome| !outcome.is_failed()).count();
    let what = match written {
        0 => "nothing was written".to_owned(),
        _ => {
            let written = words::count(written, "row");
            format!("only {written} were written before the service was interrupted")
        }
    };
    let all = words::count(outcomes.len(), "row");
    Some(NoneApplied { message: format!("{failed} of {all} cannot be applied, so {what}"), rows, failed })
}
