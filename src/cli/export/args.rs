//! The arguments of `export`.

use std::path::PathBuf;

use crate::cli::Error;
use crate::cli::client::Target;
use crate::cli::list::FileFormat;

/// The arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    pub base: String,
    /// The format to write [default: from the ending of the file name, otherwise csv]
    #[arg(long)]
    pub format: Option<FileFormat>,
    /// The file to write; `-` for standard output. An existing file is replaced once the export is
    /// complete
    #[arg(long, default_value = "-", value_name = "FILE")]
    pub out: PathBuf,
    /// Write the records of the members instead: clips, stamp collections and transactions, as NDJSON
    #[arg(long, conflicts_with_all = ["format", "filter"])]
    pub records: bool,
    /// Export only members that match: the name of a field or `attributes.<key>`, then one of = != > >= < <=
    /// or ^= (begins with), then a value, such as tier=Gold; or filters of the contract as JSON, such as
    /// {"key": "tier", "in": ["Gold", "Silver"]}. If given several times, members must match all
    #[arg(long, value_name = "CONDITION")]
    pub filter: Vec<String>,
    #[command(flatten)]
    pub target: Target,
}

impl Args {
    /// The format to write; an error if it contradicts the name of the file.
    pub fn file_format(&self) -> Result<FileFormat, Error> {
        let given = if self.records { Some(FileFormat::Ndjson) } else { self.format };
        let refused = |why: &str| Err(Error::Usage(format!("--out {}: {why}", self.out.display())));
        if FileFormat::is_spreadsheet(&self.out) {
            return refused(
                "export does not write spreadsheets; name the file .csv, which spreadsheet programs can open",
            );
        }
        match (given, FileFormat::of(&self.out)) {
            (Some(given), Some(named)) if given != named => refused(&format!(
                "the file name means {}, but the format is {given}; change one of them",
                named.article()
            )),
            (None, None)
                if self.out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) =>
            {
                refused("JSON is exported as one object a line: name the file .ndjson, or give --format")
            }
            (given, named) => Ok(given.or(named).unwrap_or(FileFormat::Csv)),
        }
    }
}
