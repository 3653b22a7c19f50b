//! What an import reports at its end.

use std::time::Instant;

use super::failed::FailedRows;
use super::failure::OVERTAKEN;
use super::sending::Session;
use crate::api::grpc::v1;
use crate::cli::list::where_failed;
use crate::cli::{Error, output};
use crate::model::words;

/// Reports the counts, and where the failed rows are.
pub fn counts(session: &Session, quiet: bool) -> Result<(), Error> {
    let summary = session.progress.finish(Instant::now());
    if !quiet {
        output::note(summary);
    }
    if session.sent_again > 0 {
        output::note(format_args!(
            "{} because there was no reply, and counted once",
            words::some(session.sent_again, ["chunk was sent again", "chunks were sent again"])
        ));
    }
    let v1::BulkCounts { created, updated, unchanged, reactivated, failed, status_kept } = session.counts;
    if status_kept > 0 {
        output::note(format_args!(
            "warning: {}; --apply-status changes it",
            words::some(
                status_kept,
                [
                    "row has another status than its member, which was not changed",
                    "rows have another status than their members, which were not changed"
                ]
            )
        ));
    }
    if let Some(repeats) = session.repeats.describe() {
        output::note(format_args!("warning: {repeats}"));
    }
    if let Some(path) = session.failed.path() {
        output::note(where_failed(failed, path));
    }
    output::line(format_args!(
        "created {created}\nupdated {updated}\nunchanged {unchanged}\nreactivated {reactivated}\n\
         failed {failed}"
    ))
}

/// Reports how far a stopped import came, and how to continue it.
pub fn stopped(session: &Session) {
    let v1::BulkCounts { created, updated, unchanged, reactivated, .. } = session.counts;
    let applied =
        words::some(created + updated + unchanged + reactivated, ["row was applied", "rows were applied"]);
    let sent = u64::try_from(session.unanswered.rows()).unwrap_or(u64::MAX);
    let sent = match sent {
        0 => String::new(),
        sent => format!(", and {} but not confirmed yet", words::some(sent, ["was sent", "were sent"])),
    };
    output::note(format_args!("{applied}{sent}; {}", session.how_to_go_on()));
}

/// Reports that the failed rows are in another place, or that an earlier file was renamed to make room for
/// them.
pub fn renamed(failed: &mut FailedRows) -> Result<(), Error> {
    if let Some(refused) = failed.refused() {
        output::note(format_args!(
            "they are not in {}, because another import was writing its failed rows there",
            refused.display()
        ));
    }
    if let Some(previous) = failed.previous()? {
        output::note(format_args!(
            "another file had the name of the file of failed rows; it was renamed to {}",
            previous.display()
        ));
    }
    Ok(())
}

/// Reports which failed rows are older than the current data of their members.
pub fn overtaken(session: &Session, marked: bool) {
    let lines = &session.overtaken.lines();
    let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    let what = words::some(
        count,
        [
            "failed row is older than an applied row of the same member",
            "failed rows are older than applied rows of the same members",
        ],
    );
    if count > 0 && marked {
        output::note(format_args!(
            "warning: {what}; marked {OVERTAKEN}, and rejected when the file is imported"
        ));
    } else if count > 0 {
        let lines: Vec<_> = lines.keys().map(u64::to_string).collect();
        output::note(format_args!(
            "warning: {what}, and must not be imported again: those of lines {}",
            lines.join(", ")
        ));
    }
    if session.overtaken.is_unsure() {
        let which = if session.overtaken.is_full() {
            "so many rows failed that for some"
        } else {
            "for some failed rows"
        };
        output::note(format_args!(
            "warning: {which} it is not known whether a later row of the same member was applied"
        ));
    }
}
