//! `memberbase import`: a file of members through `ImportMembers`.
//!
//! One thread reads the file and cuts it into chunks; several chunks are on their way at a time. A chunk's rows are kept until the
//! server has answered for them. When the connection is lost, a new one sends again whatever has no answer. The import has an
//! id, under which the server does each chunk once, so the counts and the failed rows are those of an import that was never cut.

mod args;
mod cells;
mod chunks;
mod columns;
mod csv;
mod failed;
pub(crate) mod fuzz;
mod late;
mod missing;
mod ndjson;
mod overtaken;
mod progress;
mod records;
mod repeats;
mod report;
mod resume;
mod rows;
mod session;
mod split;
mod stop;
mod who;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::api::grpc::v1;
use crate::model::ImportId;

use super::list::FileFormat;
use super::{Error, base, files, output};
use chunks::Source;
use failed::{FailedRows, RowFailure};
use late::{Ended, Late};
use overtaken::Overtaken;
use progress::Progress;
use repeats::Repeats;
use resume::{Patience, Unanswered};
use session::{Input, Session};
use stop::Stops;

pub use args::{Args, MatchKey};

/// The longest row of a file, in bytes; a stored member has at most 32 KiB.
const MAX_ROW_BYTES: usize = 256 << 10;
/// How much of the file is read at a time, in bytes.
const READ_AHEAD: usize = 256 << 10;

/// Imports the file. The file is opened and its header understood, and a CSV file read to its end, before anything is said to
/// the server; by then it is also known that failed rows have a place to go.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let format = args.file_format()?;
    let input = Opened::open(&args.file)?;
    let size = input.size();
    let source = match format {
        FileFormat::Csv => args.csv(input)?,
        FileFormat::Ndjson => Source::ndjson(input.read(), args.keys(), args.match_by),
    };
    if args.replace {
        source.check_replacement(&args.may_clear())?;
    }
    let failed = args.failed_path(&source.format);
    files::refuse_inside_store(&failed)?;
    for written in [&failed, &files::unfinished(&failed)] {
        files::refuse_overwriting(written, args.target.tls.files().chain([args.file.as_path()]))?;
    }
    failed::check(&failed)?;
    let skipped = source.skipped().join(", ");
    if !skipped.is_empty() {
        output::note(format_args!("not imported, because the server gives them: {skipped}"));
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
        overtaken: Overtaken::default(),
        repeats: Repeats::default(),
        has_unsendable: false,
        counts: v1::BulkCounts::default(),
        sent_again: 0,
        input: Input::Open,
    };
    let mut stops = Stops::new()?;
    let result = stops.or(session.run(&mut client)).await;
    let Ended { result, marked } = late::settle(&mut session, &mut client, &mut stops, result).await;
    // What was done is reported even if it was not all.
    let reported = report::counts(&session, args.quiet);
    let kept = report::kept(&mut session.failed);
    if let Ok(marked) = &marked {
        report::overtaken(&session, *marked);
    }
    if let Err(Error::Stopped { .. }) = &result {
        report::stopped(&session);
    }
    result?;
    marked?;
    reported?;
    kept?;
    if session.counts.failed > 0 {
        return Ok(ExitCode::FAILURE);
    }
    args.mention_earlier(&session.format);
    Ok(ExitCode::SUCCESS)
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
