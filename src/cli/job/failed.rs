//! The file of failed rows of a job: the rows as they were sent, under the headings of the list. Once they are
//! corrected, `memberbase import` reads the file as it is.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::api::grpc::v1;
use crate::cli::client::{self, Client};
use crate::cli::files::{remove_if_same, take_place};
use crate::cli::{Error, output};

/// How many faults are printed.
const SHOWN: usize = 10;
/// Writes the failed rows of a job to a file, and prints the first faults and where the rows are. The file is
/// created only if a row failed. A file that was there before is renamed, unless it is the same.
pub async fn write_failed(client: &mut Client, id: &str, wanted: &Path) -> Result<(), Error> {
    let request = v1::ListJobResultsRequest { id: id.to_owned(), failed_only: true, with_input: true };
    let mut stream = client.jobs.list_job_results(request).await?.into_inner();
    let (mut headings, mut file, mut failed) = (String::new(), None::<FailedFile>, 0_u64);
    while let Some(message) = client::next(&mut stream).await? {
        if !message.headings.is_empty() {
            headings = message.headings;
        }
        for result in message.results {
            let (Some(input), Some(error)) = (result.input, result.error) else { continue };
            let file = match &mut file {
                Some(file) => file,
                None => file.insert(FailedFile::create(wanted, &headings)?),
            };
            file.write(&input)?;
            failed += 1;
            if failed <= SHOWN as u64 {
                output::note(format_args!("line {}: {}", result.line, error.message));
            }
        }
    }
    if failed > SHOWN as u64 {
        output::note(format_args!("and {} more", failed - SHOWN as u64));
    }
    file.map_or(Ok(()), FailedFile::finish)
}

/// The file. No other command writes it while this exists.
struct FailedFile {
    path: PathBuf,
    out: BufWriter<File>,
    /// The new path of the file that was there before.
    previous: Option<PathBuf>,
}

impl FailedFile {
    fn create(wanted: &Path, headings: &str) -> Result<Self, Error> {
        let mut previous = None;
        let (file, path) = take_place(wanted, &mut previous)?;
        let mut file = Self { path, out: BufWriter::new(file), previous };
        if !headings.is_empty() {
            file.write(headings)?;
        }
        Ok(file)
    }

    fn write(&mut self, line: &str) -> Result<(), Error> {
        writeln!(self.out, "{line}").map_err(Error::file("write", &self.path))
    }

    /// Writes what is left, and says where the rows are.
    fn finish(mut self) -> Result<(), Error> {
        self.out.flush().map_err(Error::file("write", &self.path))?;
        output::note(format_args!("failed rows: {}", self.path.display()));
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
