//! The file of failed rows of a job: the rows as they were sent, under the headings of the list. Once they are
//! corrected, `memberbase import` reads the file as it is.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::api::grpc::v1;
use crate::cli::client::{self, Client};
use crate::cli::{Error, output};

/// How many faults are printed.
const SHOWN: usize = 10;
/// Only the owner may read the file: it has data of members.
const PRIVATE: u32 = 0o600;

/// Writes the failed rows of a job to `path`, which must not exist, and prints the first faults. Returns how
/// many rows failed; the file is created only if there are any.
pub async fn write_failed(client: &mut Client, id: &str, path: &Path) -> Result<u64, Error> {
    let request = v1::ListJobResultsRequest { id: id.to_owned(), failed_only: true, with_input: true };
    let mut stream = client.jobs.list_job_results(request).await?.into_inner();
    let (mut headings, mut file, mut failed) = (String::new(), None, 0_u64);
    while let Some(message) = client::next(&mut stream).await? {
        if !message.headings.is_empty() {
            headings = message.headings;
        }
        for result in message.results {
            let (Some(input), Some(error)) = (result.input, result.error) else { continue };
            let out = match &mut file {
                Some(file) => file,
                None => file.insert(create(path, &headings)?),
            };
            writeln!(out, "{input}").map_err(Error::file("write", path))?;
            failed += 1;
            if failed <= SHOWN as u64 {
                output::note(format_args!("line {}: {}", result.line, error.message));
            }
        }
    }
    if let Some(mut file) = file {
        file.flush().map_err(Error::file("write", path))?;
    }
    if failed > SHOWN as u64 {
        output::note(format_args!("and {} more", failed - SHOWN as u64));
    }
    Ok(failed)
}

fn create(path: &Path, headings: &str) -> Result<BufWriter<std::fs::File>, Error> {
    let file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path);
    let mut file = BufWriter::new(file.map_err(Error::file("create", path))?);
    if !headings.is_empty() {
        writeln!(file, "{headings}").map_err(Error::file("write", path))?;
    }
    Ok(file)
}
