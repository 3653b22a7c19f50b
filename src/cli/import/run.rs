//! Runs the whole import, from its arguments to its exit code.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::api::grpc::v1;
use crate::cli::{Error, base, draw, files, output};

use super::args::Args;
use super::failed::FailedRows;
use super::progress::Progress;
use super::reading::{Opened, Repeats};
use super::report;
use super::sending::{Ended, Input, Late, Overtaken, Patience, Session, Unanswered, settle};
use super::stop::Stops;

/// Imports the file. Before the first call to the server the file is opened and its header parsed, a table
/// is read to its end, and the place for failed rows is checked.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let input = Opened::open(&args.file)?;
    let size = input.size();
    let (source, is_checked) = args.open(input)?;
    if args.replace {
        source.check_replacement(&args.may_clear())?;
    }
    let failed = args.failed_path(&source.format);
    files::refuse_inside_store(&failed)?;
    for written in [&failed, &files::unfinished(&failed)] {
        files::refuse_overwriting(written, args.target.tls.files().chain([args.file.as_path()]))?;
    }
    files::check_place(&failed)?;
    let skipped = source.skipped().join(", ");
    if !skipped.is_empty() {
        output::note(format_args!("not imported, because only the server sets them: {skipped}"));
    }
    let mut client = args.target.connect().await?;
    let member_base_id = if args.create_base {
        base::find_or_create(&mut client, &args.base).await?
    } else {
        base::need(&mut client, &args.base).await?
    };
    let format = source.format.clone();
    let id = args.import_id.map_or_else(draw::id, Ok)?;
    let mut session = Session {
        options: args.options(member_base_id, id),
        chunks: source.read(usize::from(args.chunk_rows), is_checked),
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
    let Ended { result, marked } = settle(&mut session, &mut client, &mut stops, result).await;
    // An import that failed reports what it has done.
    let reported = report::counts(&session, args.quiet);
    let renamed = report::renamed(&mut session.failed);
    if let Ok(marked) = &marked {
        report::overtaken(&session, *marked);
    }
    if let Err(Error::Stopped { .. }) = &result {
        report::stopped(&session);
    }
    result?;
    marked?;
    reported?;
    renamed?;
    if session.counts.failed > 0 {
        return Ok(ExitCode::FAILURE);
    }
    args.mention_earlier(&session.format);
    Ok(ExitCode::SUCCESS)
}
