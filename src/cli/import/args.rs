//! The arguments of `import`.

use std::io::Seek;
use std::path::{Path, PathBuf};

use super::failed;
use super::reading::{ALL_FIELDS, ClearMissing, Format, Keys, MatchKey, Opened, Source, is_stdin};
use crate::api::grpc::v1;
use crate::cli::client::{self, Target};
use crate::cli::expect::ExpectArgs;
use crate::cli::list::{FileFormat, ListFormat, renamed};
use crate::cli::{Error, output};
use crate::lists::columns::Wanted;
use crate::lists::text::is_delimiter;
use crate::lists::{self, Field, Options, Reading};
use crate::model::ImportId;

/// The arguments of `import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file, CSV, TSV, NDJSON or a spreadsheet according to its name; `-` for standard input
    pub file: PathBuf,
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    pub base: String,
    /// Create the memberbase if it does not exist
    #[arg(long)]
    pub create_base: bool,
    #[command(flatten)]
    pub target: Target,
    /// The format of the file; needed if its name does not show it
    #[arg(long)]
    pub format: Option<ListFormat>,
    /// The delimiter of a CSV file, if its header does not show it; a first line such as sep=; in the file
    /// overrides it
    #[arg(long, value_name = "CHARACTER")]
    pub delimiter: Option<String>,
    /// The sheet of a spreadsheet, if several visible sheets hold data
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// Read a column under another name, such as 'Staff No=worker_id'; may be given several times
    #[arg(long = "column", value_name = "HEADING=NAME", value_parser = renamed)]
    pub columns: Vec<(String, String)>,
    /// The field that finds the member of a row; a row without it is matched by its id, if it has one
    #[arg(long = "match", default_value = "ref", value_name = "FIELD")]
    pub match_by: MatchKey,
    /// Take the cells of a table literally: keep spaces around them, ="…" and an apostrophe before a
    /// formula
    #[arg(long)]
    pub no_trim: bool,
    /// Clear the fields that a row leaves empty. The file must have every field: as a column, or in NDJSON as
    /// a key of each line
    #[arg(long)]
    pub replace: bool,
    /// Also clear fields that the file does not have: these, separated by commas, or all
    #[arg(
        long, requires = "replace", value_name = "FIELD,…", num_args = 0..=1, require_equals = true,
        default_missing_value = ALL_FIELDS, value_parser = ClearMissing::parse
    )]
    pub clear_missing: Option<ClearMissing>,
    /// Reactivate inactive members
    #[arg(long)]
    pub reactivate: bool,
    /// Change the status of members to that of their rows; by default only created and reactivated members
    /// get the status of their row
    #[arg(long)]
    pub apply_status: bool,
    #[command(flatten)]
    pub expect: ExpectArgs,
    /// Rows in each chunk that is sent to the server
    #[arg(long, default_value_t = 1000, value_name = "ROWS", value_parser = client::rows_of_chunk())]
    pub chunk_rows: u16,
    /// How many chunks may wait for a reply at a time
    #[arg(long, default_value_t = 8, value_name = "CHUNKS", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub in_flight: u8,
    /// Seconds without a reply after which to give up
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub give_up_after: u64,
    /// The id of an import of this file that gave up, to continue it; the counts then include what it did
    #[arg(long, value_name = "ID", value_parser = import_id)]
    pub import_id: Option<ImportId>,
    /// Where to write failed rows, instead of beside the file
    #[arg(long, value_name = "FILE")]
    pub failed: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short)]
    pub quiet: bool,
}

impl Args {
    /// The format of the file: as given, as its name says, or a spreadsheet if it begins like one.
    fn list_format(&self, input: &Opened) -> Result<lists::Format, Error> {
        let file = self.file.display();
        let ending = self.file.extension().and_then(|ending| ending.to_str());
        let named = ending.and_then(lists::Format::of_ending);
        match (self.format.map(ListFormat::format), named) {
            (Some(given), named) => {
                if named.is_some_and(|named| named != given) {
                    output::note(format_args!(
                        "reading {file} as {given}, because --format overrides its name"
                    ));
                }
                Ok(given)
            }
            (None, Some(named)) => Ok(named),
            (None, None) if FileFormat::is_spreadsheet(&self.file) => Err(Error::Usage(format!(
                "{file}: this kind of spreadsheet is not read; save it as .xlsx, or save it as CSV (\"CSV \
                 UTF-8\" where there is a choice), and import that file"
            ))),
            (None, None) if input.is_workbook() => Ok(lists::Format::Workbook),
            (None, None) => Err(Error::Usage(format!(
                "{file}: the name does not show the format of the file; give --format csv or --format ndjson"
            ))),
        }
    }

    /// Opens the list. A table that can be read twice is first checked to its end; whether it was is returned
    /// too. A spreadsheet is read to its end in any case.
    pub(super) fn open(&self, input: Opened) -> Result<(Source, bool), Error> {
        let format = self.list_format(&input)?;
        let options = self.list_options(format)?;
        let open = |input| Source::open(input, options.clone(), self.keys(), self.match_by);
        let is_table = matches!(format, lists::Format::Csv | lists::Format::Tsv);
        match input {
            Opened::File(mut file, size) if size.is_some() && is_table => {
                let again = file.try_clone().map_err(Error::file("open", &self.file))?;
                open(Box::new(again))?.check()?;
                file.rewind().map_err(Error::file("read", &self.file))?;
                Ok((open(Box::new(file))?, true))
            }
            other => Ok((open(other.read())?, false)),
        }
    }

    fn list_options(&self, format: lists::Format) -> Result<Options, Error> {
        let columns = Wanted {
            // Rows without the key are matched by their id.
            required: vec![vec![self.match_by.field(), Field::Id]],
            renamed: self.columns.clone(),
            reading: if self.no_trim { Reading::Exact } else { Reading::Cleaned },
            ..Wanted::default()
        };
        Ok(Options {
            format: Some(format),
            delimiter: self.delimiter()?,
            columns,
            sheet: self.sheet.clone(),
            ..Options::default()
        })
    }

    fn delimiter(&self) -> Result<Option<u8>, Error> {
        let Some(delimiter) = &self.delimiter else { return Ok(None) };
        match delimiter.as_bytes() {
            [byte] if is_delimiter(*byte) => Ok(Some(*byte)),
            b"\\t" => Ok(Some(b'\t')),
            _ => Err(Error::Usage(format!("--delimiter {delimiter:?}: give one ASCII character, or \\t"))),
        }
    }

    pub(super) fn options(&self, member_base_id: String, id: ImportId) -> v1::ImportOptions {
        let semantics = if self.replace { v1::FieldSemantics::Replace } else { v1::FieldSemantics::Merge };
        v1::ImportOptions {
            member_base_id,
            match_by: self.match_by.wire().into(),
            semantics: semantics.into(),
            reactivate: self.reactivate,
            import_id: id.to_string(),
            apply_status: self.apply_status,
            expect: Some(self.expect.to_wire()),
        }
    }

    /// The fields that a replacement may clear although the file does not have them.
    pub(super) fn may_clear(&self) -> ClearMissing {
        self.clear_missing.clone().unwrap_or(ClearMissing::These(Vec::new()))
    }

    /// The keys that each line of NDJSON must have.
    pub(super) fn keys(&self) -> Keys {
        if self.replace { Keys::replaced(&self.may_clear()) } else { Keys::NONE }
    }

    /// Tells the user if no row failed, but failed rows of an earlier import are still beside the file.
    /// Silent with `--failed`: that path was chosen by the user.
    pub(super) fn mention_earlier(&self, format: &Format) {
        let path = self.failed_path(format);
        if self.failed.is_none() && !is_stdin(&self.file) && failed::has_failed_rows(&path, format) {
            output::note(format_args!(
                "no row failed; {} still has the failed rows of an earlier import, which may belong to another \
                 list or may have been corrected: import them, or delete the file if you do not need them",
                path.display()
            ));
        }
    }

    /// `members.failed.csv` beside `members.csv`, and in the current folder for standard input.
    pub(super) fn failed_path(&self, format: &Format) -> PathBuf {
        let extension = if format.table().is_some() { "failed.csv" } else { "failed.ndjson" };
        self.failed.clone().unwrap_or_else(|| {
            let file = if is_stdin(&self.file) { Path::new("import") } else { &self.file };
            file.with_extension(extension)
        })
    }
}

fn import_id(text: &str) -> Result<ImportId, String> {
    ImportId::parse(text).map_err(|rule| rule.describe())
}
