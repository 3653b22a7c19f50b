//! The rows of a list that failed, as a file: as they were received, with the reason behind each.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use crate::api::http::console::failure::Failure;
use crate::api::http::console::members::csv_file;
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{JobResultRow, ResultReader, ShownInput};
use crate::lists::columns::FAILURE_COLUMNS;
use crate::model::Refusal;

/// The failed rows of a job as CSV, which may be mended and uploaded again.
pub async fn failed_rows(visit: Visit) -> Result<Answer, Failure> {
    let mut reader = visit.directory.job_results(visit.id("job"), true, ShownInput::Rows).await?;
    let headings = reader.headings().await?;
    let delimiter = headings.as_ref().map(|headings| headings.delimiter);
    let first = match &headings {
        Some(headings) => longer(&headings.line, headings.delimiter, FAILURE_COLUMNS.map(str::to_owned)),
        // Without headings the row itself is a cell of its own.
        None => line(',', FAILURE_COLUMNS.map(str::to_owned).into_iter().chain(["row".to_owned()])),
    };
    let state = Some((reader, delimiter, first));
    let body = Body::from_stream(stream::unfold(state, |state| async move {
        let (mut reader, delimiter, mut text) = state?;
        loop {
            match part(&mut reader, delimiter).await {
                Ok(Some(part)) if part.is_empty() => {}
                Ok(Some(part)) => {
                    text.push_str(&part);
                    return Some((Ok(Bytes::from(text)), Some((reader, delimiter, String::new()))));
                }
                Ok(None) => return Some((Ok(Bytes::from(text)), None)),
                Err(error) => return Some((Err(std::io::Error::other(error.to_string())), None)),
            }
        }
    }));
    Ok(Answer::Other(csv_file("failed-rows.csv", body)))
}

/// The lines of the next results; `None` at the end.
async fn part(
    reader: &mut ResultReader,
    delimiter: Option<char>,
) -> Result<Option<String>, crate::directory::Error> {
    let Some(results) = reader.next().await? else { return Ok(None) };
    let lines = results.into_iter().filter_map(|result| match result {
        JobResultRow::Row { line: number, result, input, .. } => {
            let cells = why(number, &result.error?);
            let input = input.unwrap_or_default();
            Some(match delimiter {
                Some(delimiter) => longer(&input, delimiter, cells),
                None => line(',', cells.into_iter().chain([input])),
            })
        }
        JobResultRow::Reverted { .. } | JobResultRow::Member { .. } => None,
    });
    Ok(Some(lines.collect()))
}

/// The cells behind a failed row.
fn why(line: u64, error: &Refusal) -> [String; 4] {
    let field = error.violations.first().map(|fault| fault.field.clone()).unwrap_or_default();
    [line.to_string(), error.reason.as_str().to_owned(), field, error.message()]
}

/// A line of CSV with more cells at its end.
fn longer(start: &str, delimiter: char, cells: [String; 4]) -> String {
    format!("{start}{delimiter}{}", line(delimiter, cells))
}

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
        let error = Refusal::field(Reason::FieldInvalid, "phone", "\"x\"; no");
        assert_eq!(
            longer("a;\"b;c\";", ';', why(2, &error)),
            "a;\"b;c\";;2;FIELD_INVALID;phone;\"phone: \"\"x\"\"; no\"\n"
        );
    }
}
