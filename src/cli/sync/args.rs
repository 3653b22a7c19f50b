//! The arguments of `sync`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::cli::client::Target;
use crate::cli::expect::ExpectArgs;
use crate::cli::job::{self, Share};
use crate::cli::list::renamed;

/// The fields that can find the member of a row, with the names that `import` has for them.
fn keys() -> PossibleValuesParser {
    let names = ["ref", "email"].map(PossibleValue::new);
    PossibleValuesParser::new(names.into_iter().chain([PossibleValue::new("worker-id").alias("worker_id")]))
}

/// The arguments of `sync`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The list is the whole truth: members whom it does not name become inactive. Before that, \
                  the plan is shown, and on a terminal you are asked. Exit codes: 0 applied, 1 applied but \
                  some rows failed, 2 held, rejected or cancelled, 64 to 74 as for every command."
)]
pub struct Args {
    /// The list: CSV, TSV, NDJSON, .xlsx, .xls or .ods
    pub file: PathBuf,
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    pub base: String,
    /// The field that finds the member of a row
    #[arg(long = "match", default_value = "ref", value_name = "FIELD", value_parser = keys())]
    pub match_by: String,
    /// Only show what would change
    #[arg(long, conflicts_with_all = ["yes", "yes_if_under"])]
    pub dry_run: bool,
    /// Apply the plan without asking, unless the limits of the memberbase hold it
    #[arg(long, short)]
    pub yes: bool,
    /// Apply the plan without asking if it removes less than this share of the members, such as 5%
    #[arg(long, value_name = "PERCENT", value_parser = Share::parse, conflicts_with = "yes")]
    pub yes_if_under: Option<Share>,
    /// When the list was made, such as 2026-11-29T02:00:00Z: members created later stay, and a list that is
    /// older than the last one is refused [default: when the file was last written]
    #[arg(long, value_name = "TIME", value_parser = job::time)]
    pub as_of: Option<prost_types::Timestamp>,
    /// Only members that match may be removed, such as tier=Gold; may be repeated, see `memberbase export`
    #[arg(long, value_name = "CONDITION")]
    pub scope: Vec<String>,
    #[command(flatten)]
    pub expect: ExpectArgs,
    /// Change the status of members to that of their rows
    #[arg(long)]
    pub apply_status: bool,
    /// The sheet of a workbook; by default the only visible one with data
    #[arg(long)]
    pub sheet: Option<String>,
    /// Read a column under another name, such as 'Staff No=worker_id'; may be given several times
    #[arg(long = "column", value_name = "HEADING=NAME", value_parser = renamed)]
    pub columns: Vec<(String, String)>,
    /// The format of the file; needed if neither its name nor its content shows it
    #[arg(long, value_parser = ["csv", "tsv", "ndjson", "xlsx", "xls", "ods"])]
    pub format: Option<String>,
    /// A name for the job, shown by `memberbase jobs list`
    #[arg(long, default_value = "")]
    pub name: String,
    /// Where to write failed rows [default: people.failed.csv for people.csv, .ndjson for NDJSON]
    #[arg(long, value_name = "FILE")]
    pub failed: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    pub target: Target,
}
