//! The file of failed rows of a job: the rows as they were sent, under the headings of the list, each with
//! the reason why it failed. Once they are corrected, `memberbase import` reads the file as it is. No cell is
//! one that a spreadsheet program runs.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::api::grpc::v1;
use crate::cli::client::{self, Client};
use crate::cli::files::{remove_if_same, take_place};
use crate::cli::list::{RowFailure, annotated, where_failed};
use crate::cli::output::csv_error;
use crate::cli::{Error, output};
use crate::lists::columns::{FAILURE_COLUMNS, export};
use crate::lists::{Reading, guarded, harmless};

/// How many faults are printed.
const SHOWN: u64 = 10;

/// Writes the failed rows of a job to a file, and prints the first faults and where the rows are. The file is
/// created only if a row failed. A file that was there before is renamed, unless it is the same.
pub async fn write_failed(client: &mut Client, id: &str, wanted: &Path) -> Result<(), Error> {
    let request = v1::ListJobResultsRequest { id: id.to_owned(), failed_only: true, with_input: true };
    let mut stream = client.jobs.list_job_results(request).await?.into_inner();
    let (mut list, mut file) = (Headings::default(), None::<FailedFile>);
    while let Some(message) = client::next(&mut stream).await? {
        if !message.headings.is_empty() {
            let delimiter = message.delimiter.bytes().next().unwrap_or(b',');
            let names = cells(&message.headings, delimiter);
            let reading = export::reading(&names).unwrap_or_default();
            list = Headings { line: message.headings, delimiter: Some(delimiter), reading };
        }
        for result in message.results {
            let (Some(input), Some(error)) = (result.input, result.error) else { continue };
            let file = match &mut file {
                Some(file) => file,
                None => file.insert(FailedFile::create(wanted, &list)?),
            };
            let message = error.message.clone();
            // The server names columns as the list does.
            let failure = RowFailure::of(error, |field, rule| (field, rule));
            file.row(result.line, &input, &failure)?;
            if file.rows <= SHOWN {
                output::note(format_args!("line {}: {message} ({})", result.line, failure.reason));
            }
        }
    }
    file.map_or(Ok(()), FailedFile::finish)
}

/// The headings of a table; of NDJSON there are none.
#[derive(Debug, Default)]
struct Headings {
    line: String,
    delimiter: Option<u8>,
    reading: Reading,
}

/// The file. No other command writes it while this exists.
struct FailedFile {
    path: PathBuf,
    out: BufWriter<File>,
    /// What is between the cells of a table; `None` for NDJSON.
    delimiter: Option<u8>,
    /// How its cells will be read.
    reading: Reading,
    rows: u64,
    /// The new path of the file that was there before.
    previous: Option<PathBuf>,
}

impl FailedFile {
    fn create(wanted: &Path, headings: &Headings) -> Result<Self, Error> {
        let mut previous = None;
        let (file, path) = take_place(wanted, &mut previous)?;
        let Headings { line, delimiter, reading } = headings;
        let (out, delimiter, reading) = (BufWriter::new(file), *delimiter, *reading);
        let mut file = Self { path, out, delimiter, reading, rows: 0, previous };
        if let Some(delimiter) = delimiter {
            file.line(longer(line, delimiter, FAILURE_COLUMNS.map(str::to_owned)))?;
        }
        Ok(file)
    }

    fn row(&mut self, number: u64, input: &str, failure: &RowFailure) -> Result<(), Error> {
        self.rows += 1;
        let line = match self.delimiter {
            Some(delimiter) => {
                let why = failure.cells(&number.to_string()).map(|cell| guarded(cell).into_owned());
                harmless_line(input, delimiter, self.reading).and_then(|line| longer(&line, delimiter, why))
            }
            None => Ok(annotated(number, input, failure)),
        };
        self.line(line)
    }

    fn line(&mut self, line: io::Result<String>) -> Result<(), Error> {
        line.and_then(|line| writeln!(self.out, "{line}")).map_err(Error::file("write", &self.path))
    }

    /// Writes what is left, and says where the rows are.
    fn finish(mut self) -> Result<(), Error> {
        self.out.flush().map_err(Error::file("write", &self.path))?;
        if self.rows > SHOWN {
            output::note(format_args!("and {} more", self.rows - SHOWN));
        }
        output::note(where_failed(self.rows, &self.path));
        if let Some(previous) = self.previous
            && !remove_if_same(&previous, &self.path)?
        {
            output::note(format_args!(
                "another file had the name of the file of failed rows; it was renamed to {}",
                previous.display()
            ));
        }
        Ok(())
    }
}

/// A line of CSV with more cells at its end.
fn longer(line: &str, delimiter: u8, more: [String; 4]) -> io::Result<String> {
    Ok(format!("{line}{}{}", char::from(delimiter), csv_line(more, delimiter)?))
}

/// The line as it is, unless a spreadsheet program would run one of its cells.
fn harmless_line(line: &str, delimiter: u8, reading: Reading) -> io::Result<Cow<'_, str>> {
    let cells = cells(line, delimiter);
    let harmless: Vec<Cow<'_, str>> = cells.iter().map(|cell| harmless(cell, reading)).collect();
    if harmless.iter().all(|cell| matches!(cell, Cow::Borrowed(_))) {
        return Ok(Cow::Borrowed(line));
    }
    csv_line(harmless.iter().map(|cell| cell.as_bytes()), delimiter).map(Cow::Owned)
}

/// A line of CSV, without its line end.
fn csv_line(cells: impl IntoIterator<Item: AsRef<[u8]>>, delimiter: u8) -> io::Result<String> {
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    writer.write_record(cells).map_err(csv_error)?;
    let line = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    let line = String::from_utf8_lossy(&line);
    Ok(line.strip_suffix('\n').unwrap_or(&line).to_owned())
}

/// The cells of a line of CSV.
fn cells(line: &str, delimiter: u8) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(line.as_bytes());
    let record = reader.records().next().and_then(Result::ok);
    record.iter().flatten().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{harmless_line, longer};
    use crate::lists::Reading;

    #[test]
    fn a_row_keeps_its_cells_and_gets_its_reason() {
        let why = |texts: [&str; 4]| texts.map(str::to_owned);
        let line =
            longer("a;\"b;c\";", b';', why(["2", "FIELD_INVALID", "phone", "phone: \"x\"; no"])).unwrap();
        assert_eq!(line, "a;\"b;c\";;2;FIELD_INVALID;phone;\"phone: \"\"x\"\"; no\"");
        assert_eq!(longer("", b',', why(["1", "a", "", "b\n"])).unwrap(), ",1,a,,\"b\n\"");
    }

    #[test]
    fn no_cell_runs_and_other_lines_stay_as_they_are() {
        let harmless = |line, reading| harmless_line(line, b';', reading).unwrap().into_owned();
        for line in ["a;\"b;\nc\";", "", ";;", "'=1;=\"007\"", "+", "a; b"] {
            let expected = if line == "+" { "'+" } else { line };
            assert_eq!(harmless(line, Reading::Cleaned), expected);
        }
        assert_eq!(harmless("=1+1;\"@x;y\"; -2", Reading::Cleaned), "'=1+1;\"'@x;y\";'-2");
        assert_eq!(harmless("=1+1; -2", Reading::Guarded), "'=1+1; -2");
        assert_eq!(harmless("=1+1", Reading::Exact), "=1+1");
    }
}
