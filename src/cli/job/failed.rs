//! The file of failed rows of a job: the rows as they were sent, under the headings of the list, each with
//! the reason why it failed. Once they are corrected, `memberbase import` reads the file as it is.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::api::grpc::v1;
use crate::cli::client::{self, Client};
use crate::cli::files::{remove_if_same, take_place};
use crate::cli::list::{RowFailure, annotated, where_failed};
use crate::cli::output::csv_error;
use crate::cli::{Error, output};
use crate::lists::columns::FAILURE_COLUMNS;

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
            list = Headings { line: message.headings, delimiter: Some(delimiter) };
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
}

/// The file. No other command writes it while this exists.
struct FailedFile {
    path: PathBuf,
    out: BufWriter<File>,
    /// What is between the cells of a table; `None` for NDJSON.
    delimiter: Option<u8>,
    rows: u64,
    /// The new path of the file that was there before.
    previous: Option<PathBuf>,
}

impl FailedFile {
    fn create(wanted: &Path, headings: &Headings) -> Result<Self, Error> {
        let mut previous = None;
        let (file, path) = take_place(wanted, &mut previous)?;
        let Headings { line, delimiter } = headings;
        let mut file = Self { path, out: BufWriter::new(file), delimiter: *delimiter, rows: 0, previous };
        if let Some(delimiter) = delimiter {
            file.line(longer(line, *delimiter, FAILURE_COLUMNS))?;
        }
        Ok(file)
    }

    fn row(&mut self, number: u64, input: &str, failure: &RowFailure) -> Result<(), Error> {
        self.rows += 1;
        let line = match self.delimiter {
            Some(delimiter) => longer(input, delimiter, failure.cells(&number.to_string())),
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
fn longer(line: &str, delimiter: u8, cells: [&str; 4]) -> io::Result<String> {
    let mut more = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    more.write_record(cells).map_err(csv_error)?;
    let more = more.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    let more = String::from_utf8_lossy(&more);
    Ok(format!("{line}{}{}", char::from(delimiter), more.strip_suffix('\n').unwrap_or(&more)))
}

#[cfg(test)]
mod tests {
    use super::longer;

    #[test]
    fn a_row_keeps_its_cells_and_gets_its_reason() {
        let line = longer("a;\"b;c\";", b';', ["2", "FIELD_INVALID", "phone", "phone: \"x\"; no"]).unwrap();
        assert_eq!(line, "a;\"b;c\";;2;FIELD_INVALID;phone;\"phone: \"\"x\"\"; no\"");
        assert_eq!(longer("", b',', ["1", "a", "", "b\n"]).unwrap(), ",1,a,,\"b\n\"");
    }
}
