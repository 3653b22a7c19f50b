//! `memberbase import`: a file of members through `ImportMembers`.
//!
//! One thread reads the file and cuts it into chunks; several chunks are on their way at a time. A chunk's rows are kept until the
//! server has answered for them. When the connection is lost, a new one sends again whatever has no answer. The import has an
//! id, under which the server does each chunk once, so the counts and the failed rows are those of an import that was never cut.

mod cells;
mod chunks;
mod columns;
mod csv;
mod failed;
pub(crate) mod fuzz;
mod late;
mod ndjson;
mod progress;
mod records;
mod resume;
mod rows;
mod session;
mod split;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::api::grpc::v1;
use crate::model::{ImportId, words};

use super::client::Target;
use super::{Error, base, files};
use cells::Reading;
use chunks::{Format, Source};
use columns::Field;
use failed::{FailedRows, RowFailure};
use late::Late;
use progress::Progress;
use resume::{Patience, Unanswered};
use session::{Input, Session};

pub use columns::SERVER_COLUMNS;

/// The longest row of a file, in bytes; a stored member has at most 32 KiB.
const MAX_ROW_BYTES: usize = 256 << 10;
/// How much of the file is read at a time, in bytes.
const READ_AHEAD: usize = 256 << 10;

/// The arguments of `import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file, CSV or NDJSON by its name; `-` for standard input
    file: PathBuf,
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    base: String,
    /// Make the memberbase if there is none of that name
    #[arg(long)]
    create_base: bool,
    #[command(flatten)]
    target: Target,
    /// What the file is; needed where its name does not tell
    #[arg(long)]
    format: Option<FileFormat>,
    /// What stands between the cells of a CSV file; a first line such as sep=; in the file is believed instead
    #[arg(long, default_value = ",", value_name = "CHARACTER")]
    delimiter: String,
    /// The field by which a row finds its member; a row without it is found by its id, if it has one
    #[arg(long = "match", default_value = "ref", value_name = "FIELD")]
    match_by: MatchKey,
    /// Take the cells of a CSV file as they are: spaces around them, ="…" and an apostrophe before a formula are part of them
    #[arg(long)]
    no_trim: bool,
    /// Clear the fields that a row leaves empty, and those that have no column
    #[arg(long)]
    replace: bool,
    /// Bring members back that are inactive
    #[arg(long)]
    reactivate: bool,
    /// Change the status of members to that of their rows; without it rows only say what members begin or come back with
    #[arg(long)]
    apply_status: bool,
    /// Rows that the server takes at a time
    #[arg(long, default_value_t = 1000, value_name = "ROWS", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    chunk_rows: u16,
    /// Chunks on their way at a time
    #[arg(long, default_value_t = 8, value_name = "CHUNKS", value_parser = clap::value_parser!(u8).range(1..=64))]
    in_flight: u8,
    /// Seconds without an answer after which to stop trying
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    give_up_after: u64,
    /// The id of an import of this file that gave up, to go on with it; it counts what that one did
    #[arg(long, value_name = "ID", value_parser = import_id)]
    import_id: Option<ImportId>,
    /// Where failed rows go, instead of beside the file
    #[arg(long, value_name = "FILE")]
    failed: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FileFormat {
    /// Comma-separated values, the first line naming the columns
    Csv,
    /// One JSON object a line
    Ndjson,
}

/// The fields by which a row can find its member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum MatchKey {
    /// The caller's own key
    Ref,
    /// The e-mail address
    Email,
    /// The number as a worker
    WorkerId,
    /// The id that the server gave
    Id,
}

impl MatchKey {
    fn field(self) -> Field {
        match self {
            Self::Ref => Field::Ref,
            Self::Email => Field::Email,
            Self::WorkerId => Field::WorkerId,
            Self::Id => Field::Id,
        }
    }

    fn wire(self) -> v1::MatchBy {
        match self {
            Self::Ref => v1::MatchBy::Ref,
            Self::Email => v1::MatchBy::Email,
            Self::WorkerId => v1::MatchBy::WorkerId,
            Self::Id => v1::MatchBy::Id,
        }
    }
}

/// Imports the file. The file is opened and its header understood, and a CSV file read to its end, before anything is said to
/// the server; by then it is also known that failed rows have a place to go.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let format = args.file_format()?;
    let input = Opened::open(&args.file)?;
    let size = input.size();
    let source = match format {
        FileFormat::Csv => args.csv(input)?,
        FileFormat::Ndjson => Source::ndjson(input.read()),
    };
    let read = args.target.tls.files().chain([args.file.as_path()]);
    let failed = args.failed_path(&source.format);
    files::refuse_inside_store(&failed)?;
    files::refuse_overwriting(&failed, read)?;
    failed::check(&failed)?;
    let skipped = source.skipped().join(", ");
    if !skipped.is_empty() {
        eprintln!("not imported, because the server gives them: {skipped}");
    }
    let mut client = args.target.connect().await?;
    let member_base_id = if args.create_base {
        base::find_or_create(&mut client, &args.base).await?
    } else {
        base::need(&mut client, &args.base).await?
    };
    let format = source.format.clone();
    let id = args.import_id.map_or_else(draw_import_id, Ok)?;
    let mut session = Session {
        options: args.options(member_base_id, id),
        chunks: source.read(usize::from(args.chunk_rows)),
        unanswered: Unanswered::new(usize::from(args.in_flight)),
        patience: Patience::new(Duration::from_secs(args.give_up_after)),
        progress: Progress::new(size, args.quiet, Instant::now()),
        failed: FailedRows::new(args.failed_path(&format), format.clone()),
        format,
        late: Late::default(),
        counts: v1::BulkCounts::default(),
        sent_again: 0,
        input: Input::Open,
    };
    let result = session.run(&mut client).await;
    let result = late::settle(&mut session, &mut client, result).await;
    // What was done is reported even if it was not all.
    report(&session, args.quiet);
    result?;
    Ok(if session.counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Args {
    fn file_format(&self) -> Result<FileFormat, Error> {
        let extension =
            self.file.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        match (self.format, extension.as_deref()) {
            (Some(format), _) => Ok(format),
            (None, Some("csv")) => Ok(FileFormat::Csv),
            (None, Some("ndjson" | "jsonl")) => Ok(FileFormat::Ndjson),
            (None, _) => Err(Error::Usage(format!(
                "{}: the name does not tell what the file is; give --format csv or --format ndjson",
                self.file.display()
            ))),
        }
    }

    /// The CSV file, of which it is known that it can be read to its end wherever it can be read twice.
    fn csv(&self, input: Opened) -> Result<Source, Error> {
        let delimiter = self.delimiter()?;
        let reading = if self.no_trim { Reading::Exact } else { Reading::Cleaned };
        let input = match input {
            Opened::File(mut file, size) if size.is_some() => {
                let again = file.try_clone().map_err(Error::file("open", &self.file))?;
                Source::csv(Box::new(again), delimiter, self.match_by, reading)?.check()?;
                file.rewind().map_err(Error::file("read", &self.file))?;
                Opened::File(file, size)
            }
            other => other,
        };
        Source::csv(input.read(), delimiter, self.match_by, reading)
    }

    fn delimiter(&self) -> Result<u8, Error> {
        match self.delimiter.as_bytes() {
            [byte] if is_delimiter(*byte) => Ok(*byte),
            b"\\t" => Ok(b'\t'),
            _ => Err(Error::Usage(format!(
                "--delimiter {:?}: give one ASCII character, or \\t",
                self.delimiter
            ))),
        }
    }

    fn options(&self, member_base_id: String, id: ImportId) -> v1::ImportOptions {
        let semantics = if self.replace { v1::FieldSemantics::Replace } else { v1::FieldSemantics::Merge };
        v1::ImportOptions {
            member_base_id,
            match_by: self.match_by.wire().into(),
            semantics: semantics.into(),
            reactivate: self.reactivate,
            import_id: id.to_string(),
            apply_status: self.apply_status,
        }
    }

    /// `members.failed.csv` beside `members.csv`, and in the current folder for standard input.
    fn failed_path(&self, format: &Format) -> PathBuf {
        let extension = match format {
            Format::Csv { .. } => "failed.csv",
            Format::Ndjson => "failed.ndjson",
        };
        self.failed.clone().unwrap_or_else(|| {
            let file = if is_stdin(&self.file) { Path::new("import") } else { &self.file };
            file.with_extension(extension)
        })
    }
}

fn import_id(text: &str) -> Result<ImportId, String> {
    ImportId::parse(text).map_err(|rule| rule.describe())
}

fn draw_import_id() -> Result<ImportId, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Broken(format!("no random numbers: {error}")))?;
    Ok(ImportId(u128::from_le_bytes(bytes)))
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// Whether cells can be told apart by it.
fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n')
}

/// What is imported.
enum Opened {
    Stdin,
    /// A file, and its size where it has one.
    File(File, Option<u64>),
}

impl Opened {
    fn open(path: &Path) -> Result<Self, Error> {
        if is_stdin(path) {
            return Ok(Self::Stdin);
        }
        let file = File::open(path).map_err(Error::file("open", path))?;
        let metadata = file.metadata().map_err(Error::file("open", path))?;
        if metadata.is_dir() {
            return Err(Error::Usage(format!("{} is a folder", path.display())));
        }
        Ok(Self::File(file, metadata.is_file().then_some(metadata.len())))
    }

    fn size(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(_, size) => *size,
        }
    }

    fn read(self) -> Box<dyn Read + Send> {
        match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::File(file, _) => Box::new(file),
        }
    }
}

fn report(session: &Session, quiet: bool) {
    let summary = session.progress.finish(Instant::now());
    if !quiet {
        eprintln!("{summary}");
    }
    if session.sent_again > 0 {
        eprintln!(
            "{} because no answer had come, and counted once",
            words::some(session.sent_again, ["chunk was sent again", "chunks were sent again"])
        );
    }
    let v1::BulkCounts { created, updated, unchanged, reactivated, failed, status_kept } = session.counts;
    if status_kept > 0 {
        eprintln!(
            "warning: {}; --apply-status changes it",
            words::some(
                status_kept,
                [
                    "row names another status than its member has, who keeps it",
                    "rows name another status than their members have, who keep it"
                ]
            )
        );
    }
    println!(
        "created {created}\nupdated {updated}\nunchanged {unchanged}\nreactivated {reactivated}\nfailed {failed}"
    );
    if let Some(path) = session.failed.path() {
        let what = words::some(failed, ["row failed; it is", "rows failed; they are"]);
        let why = if failed == 1 { "its reason" } else { "the reason of each" };
        eprintln!("{what} in {} with {why}", path.display());
    }
}
