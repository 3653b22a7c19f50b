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
    /// What to write [default: what the name of the file says, or else csv]
    #[arg(long)]
    pub format: Option<FileFormat>,
    /// Where to write; `-` for standard output. A file appears under its name once it is complete
    #[arg(long, default_value = "-", value_name = "FILE")]
    pub out: PathBuf,
    /// Write what hangs on the members instead of them: clips, stamp collections and transactions, as NDJSON
    #[arg(long, conflicts_with_all = ["format", "filter"])]
    pub records: bool,
    /// Only members that match: the name of a field or attributes.<key>, then one of = != > >= < <= or ^= (begins with), then a
    /// value, such as tier=Gold; or filters of the contract as JSON, such as {"key": "tier", "in": ["Gold", "Silver"]}. If given
    /// several times, all must hold
    #[arg(long, value_name = "CONDITION")]
    pub filter: Vec<String>,
    #[command(flatten)]
    pub target: Target,
}

impl Args {
    /// What is written, which the name of the file must not deny.
    pub fn file_format(&self) -> Result<FileFormat, Error> {
        let given = if self.records { Some(FileFormat::Ndjson) } else { self.format };
        let refused = |why: &str| Err(Error::Usage(format!("--out {}: {why}", self.out.display())));
        if FileFormat::is_spreadsheet(&self.out) {
            return refused(
                "spreadsheets are not written; call it .csv, which programs for spreadsheets open",
            );
        }
        match (given, FileFormat::of(&self.out)) {
            (Some(given), Some(named)) if given != named => refused(&format!(
                "the name is that of {} and {given} is to be written; give another name, or another format",
                named.article()
            )),
            (None, None)
                if self.out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) =>
            {
                refused("a file of JSON is written as one object a line: call it .ndjson, or give --format")
            }
            (given, named) => Ok(given.or(named).unwrap_or(FileFormat::Csv)),
        }
    }
}
