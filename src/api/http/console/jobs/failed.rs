//! What a job could not do, as a file for a spreadsheet: the rows of a list that failed, as they were
//! received, with the reason behind each; or the members that were left as they are, each with its reason.
//!
//! No cell is one that a spreadsheet program runs. Uploaded again, the rows of a list say what they said.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use crate::api::http::console::failure::Failure;
use crate::api::http::console::members::csv_file;
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{Error, JobResultRow, RemovedResult, ResultReader, RevertedAs, ShownInput};
use crate::lists::columns::{FAILURE_COLUMNS, export};
use crate::lists::{Reading, guarded, harmless};
use crate::model::{BaseNumber, Refusal, Row, Sealer};

/// The columns of a file of members.
const MEMBER_COLUMNS: [&str; 4] = ["member_id", "key", "reason", "message"];

/// How the lines of the file are written.
enum Lines {
    /// A row of a table, and why it failed, with how its cells were read.
    Rows(char, Reading),
    /// A row without columns, and why it failed.
    Texts,
    /// A member, and why it was left as it is.
    Members,
}

/// The failed rows of a job, or what it left as it is, as CSV.
pub async fn failed_rows(visit: Visit) -> Result<Answer, Failure> {
    let id = visit.id("job");
    let job = visit.directory.job(id).await?;
    let shows = if job.input.format.is_some() { ShownInput::Rows } else { ShownInput::Keys };
    let mut reader = visit.directory.job_results(id, true, shows).await?;
    let headings = reader.headings().await?;
    let (lines, first) = match &headings {
        Some(headings) => {
            let cells = cells(&headings.line, headings.delimiter);
            let reading = export::reading(&cells).unwrap_or_default();
            // The cells of earlier exports are read exactly, and these have what keeps them from running.
            let name = |at, cell: &str| match reading {
                Reading::Exact if at == 0 => "Ref".to_owned(),
                _ => harmless(cell, reading).into_owned(),
            };
            let own: Vec<String> = cells.iter().enumerate().map(|(at, cell)| name(at, cell)).collect();
            let first = line(headings.delimiter, own.into_iter().chain(FAILURE_COLUMNS.map(str::to_owned)));
            (Lines::Rows(headings.delimiter, reading), first)
        }
        None if job.input.format.is_some() => {
            let columns = FAILURE_COLUMNS.into_iter().chain(["row"]);
            (Lines::Texts, line(',', columns.map(str::to_owned)))
        }
        None => (Lines::Members, line(',', MEMBER_COLUMNS.map(str::to_owned))),
    };
    let name = if matches!(lines, Lines::Members) { "left-as-they-are.csv" } else { "failed-rows.csv" };
    let state = Some((reader, visit.directory.sealer().clone(), lines, first));
    let body = Body::from_stream(stream::unfold(state, |state| async move {
        let (mut reader, sealer, lines, mut text) = state?;
        loop {
            match part(&mut reader, &sealer, &lines).await {
                Ok(Some(part)) if part.is_empty() => {}
                Ok(Some(part)) => {
                    text.push_str(&part);
                    return Some((Ok(Bytes::from(text)), Some((reader, sealer, lines, String::new()))));
                }
                Ok(None) => return Some((Ok(Bytes::from(text)), None)),
                Err(error) => return Some((Err(std::io::Error::other(error.to_string())), None)),
            }
        }
    }));
    Ok(Answer::Other(csv_file(name, body)))
}

/// The lines of the next results; `None` at the end.
async fn part(reader: &mut ResultReader, sealer: &Sealer, lines: &Lines) -> Result<Option<String>, Error> {
    let Some(results) = reader.next().await? else { return Ok(None) };
    let base = reader.job().base;
    let member = |row, key: Option<String>, reason: &str, message: String| {
        let id = row_id(sealer, base, row);
        let cells = [id, key.unwrap_or_default(), reason.to_owned(), message];
        line(',', cells.iter().map(|cell| guarded(cell).into_owned()))
    };
    let texts = results.into_iter().filter_map(|result| match (result, lines) {
        (JobResultRow::Row { line: number, result, input, .. }, Lines::Rows(delimiter, reading)) => {
            let own = cells(&input.unwrap_or_default(), *delimiter).into_iter();
            let own = own.map(|cell| written(&cell, *reading));
            Some(line(*delimiter, own.chain(why(number, &result.error?))))
        }
        (JobResultRow::Row { line: number, result, input, .. }, Lines::Texts | Lines::Members) => {
            let input = guarded(&input.unwrap_or_default()).into_owned();
            Some(line(',', why(number, &result.error?).into_iter().chain([input])))
        }
        (JobResultRow::Reverted { reverted, key }, Lines::Members) => match reverted.what {
            RevertedAs::Offboarded(error) => Some(member(
                reverted.row,
                key,
                error.reason.as_str(),
                format!("became inactive instead: {}", error.message()),
            )),
            RevertedAs::Stays(error) => {
                Some(member(reverted.row, key, error.reason.as_str(), error.message()))
            }
            RevertedAs::Done(_) | RevertedAs::Deleted => None,
        },
        (JobResultRow::Member { row, fate, key }, Lines::Members) => {
            let (reason, message) = spared(fate?)?;
            Some(member(Some(row), key, reason, message.to_owned()))
        }
        (JobResultRow::Reverted { .. } | JobResultRow::Member { .. }, Lines::Rows(..) | Lines::Texts) => None,
    });
    Ok(Some(texts.collect()))
}

/// The cell of a row that was read so.
fn written(cell: &str, reading: Reading) -> String {
    match reading {
        Reading::Exact => guarded(cell).into_owned(),
        Reading::Cleaned | Reading::Guarded => harmless(cell, reading).into_owned(),
    }
}

fn row_id(sealer: &Sealer, base: BaseNumber, row: Option<Row>) -> String {
    row.map(|row| sealer.member_id(base, row)).unwrap_or_default()
}

/// Why a member was not removed; `None` if it was.
fn spared(fate: RemovedResult) -> Option<(&'static str, &'static str)> {
    match fate {
        RemovedResult::Removed => None,
        RemovedResult::Changed => Some(("CHANGED", "somebody changed it after the plan was made")),
        RemovedResult::Gone => Some(("GONE", "there was no such member any more")),
        RemovedResult::Inactive => Some(("INACTIVE", "it was inactive already")),
    }
}

/// The cells behind a failed row.
fn why(line: u64, error: &Refusal) -> [String; 4] {
    let field = error.violations.first().map(|fault| fault.field.clone()).unwrap_or_default();
    let [field, message] = [field, error.message()].map(|text| guarded(&text).into_owned());
    [line.to_string(), error.reason.as_str().to_owned(), field, message]
}

/// The cells of a line of CSV.
fn cells(line: &str, delimiter: char) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .from_reader(line.as_bytes());
    // An empty line is one empty cell.
    let record = reader.records().next().and_then(Result::ok);
    record.map_or_else(|| vec![String::new()], |record| record.iter().map(str::to_owned).collect())
}

/// A line of CSV.
fn line(delimiter: char, cells: impl IntoIterator<Item = String>) -> String {
    let delimiter = u8::try_from(delimiter).unwrap_or(b',');
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(cells);
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;

    #[test]
    fn a_row_keeps_its_cells_and_gets_its_reason() {
        let error = Refusal::field(Reason::FieldInvalid, "=phone", "\"x\"; no");
        let own = cells("a;\"b;c\";=1+1;\"d\ne\";", ';').into_iter();
        let own = own.map(|cell| harmless(&cell, Reading::Cleaned).into_owned());
        assert_eq!(
            line(';', own.chain(why(2, &error))),
            "a;\"b;c\";'=1+1;\"d\ne\";;2;FIELD_INVALID;'=phone;\"'=phone: \"\"x\"\"; no\"\n"
        );
        assert_eq!(cells("", ','), [""]);
    }
}
