//! What an import says at its end.

use std::time::Instant;

use super::failed::FailedRows;
use super::overtaken::OVERTAKEN;
use super::session::Session;
use crate::api::grpc::v1;
use crate::cli::{Error, output};
use crate::model::words;

/// The counts, and where failed rows are.
pub fn counts(session: &Session, quiet: bool) -> Result<(), Error> {
    let summary = session.progress.finish(Instant::now());
    if !quiet {
        output::note(summary);
    }
    if session.sent_again > 0 {
        output::note(format_args!(
            "{} because no answer had come, and counted once",
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
                    "row names another status than its member has, who keeps it",
                    "rows name another status than their members have, who keep it"
                ]
            )
        ));
    }
    if let Some(repeats) = session.repeats.describe() {
        output::note(format_args!("warning: {repeats}"));
    }
    if let Some(path) = session.failed.path() {
        let what = words::some(failed, ["row failed; it is", "rows failed; they are"]);
        let why = if failed == 1 { "its reason" } else { "the reason of each" };
        output::note(format_args!("{what} in {} with {why}", path.display()));
    }
    output::line(format_args!(
        "created {created}\nupdated {updated}\nunchanged {unchanged}\nreactivated {reactivated}\nfailed \
         {failed}"
    ))
}

/// Says how far an import came that was stopped, and how to go on.
pub fn stopped(session: &Session) {
    let v1::BulkCounts { created, updated, unchanged, reactivated, .. } = session.counts;
    let applied =
        words::some(created + updated + unchanged + reactivated, ["row was applied", "rows were applied"]);
    let sent = u64::try_from(session.unanswered.rows()).unwrap_or(u64::MAX);
    let sent = match sent {
        0 => String::new(),
        sent => format!(", and {} without an answer yet", words::some(sent, ["was sent", "were sent"])),
    };
    output::note(format_args!("{applied}{sent}; {}", session.how_to_go_on()));
}

/// Says where the file is that failed rows have taken the place of, or why they are in another place.
pub fn kept(failed: &mut FailedRows) -> Result<(), Error> {
    if let Some(refused) = failed.refused() {
        output::note(format_args!(
            "they are not in {}, because another import was writing its failed rows there",
            refused.display()
        ));
    }
    if let Some(kept) = failed.kept()? {
        output::note(format_args!(
            "another file was where failed rows go; what it says is kept in {}",
            kept.display()
        ));
    }
    Ok(())
}

/// Says which failed rows are older than what their members have now.
pub fn overtaken(session: &Session, marked: bool) {
    let lines = &session.overtaken.lines();
    let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    let what = words::some(
        count,
        [
            "failed row is older than one of the same member that was applied",
            "failed rows are older than ones of the same members that were applied",
        ],
    );
    if count > 0 && marked {
        output::note(format_args!(
            "warning: {what}; marked {OVERTAKEN}, and not imported with the others again"
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
