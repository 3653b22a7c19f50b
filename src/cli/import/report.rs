//! What an import says at its end.

use std::time::Instant;

use super::overtaken::OVERTAKEN;
use super::session::Session;
use crate::api::grpc::v1;
use crate::model::words;

/// The counts, and where failed rows are.
pub fn counts(session: &Session, quiet: bool) {
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

/// Says which failed rows are older than what their members have now.
pub fn overtaken(session: &Session, marked: bool) {
    let lines = session.overtaken.lines();
    let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    let what = words::some(
        count,
        [
            "failed row is older than one of the same member that was applied",
            "failed rows are older than ones of the same members that were applied",
        ],
    );
    if count > 0 && marked {
        eprintln!("warning: {what}; marked {}, and not imported with the others again", OVERTAKEN);
    } else if count > 0 {
        let lines: Vec<_> = lines.keys().map(u64::to_string).collect();
        eprintln!("warning: {what}, and must not be imported again: those of lines {}", lines.join(", "));
    }
    if session.overtaken.is_full() {
        eprintln!(
            "warning: so many rows failed that for some it is not known whether a later row of the same member was applied"
        );
    }
}
