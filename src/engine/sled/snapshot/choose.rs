//! Which snapshot a reader of the store starts from.

use super::listing::{Generation, Listing};
use super::pace::{Cut, Pace};
use super::read::verify;
use crate::engine::EngineError;
use crate::engine::sled::log::segment::Segment;

/// The newest snapshot from which the log continues. Its content was not read.
pub(crate) fn newest<'a>(listing: &'a Listing, segments: &[Segment]) -> Option<&'a Generation> {
    continued(listing, first_batch(segments)).next()
}

/// The newest undamaged snapshot from which the log continues; `None` if there is no such snapshot and the
/// log has everything.
pub(crate) fn usable<'a>(
    listing: &'a Listing,
    segments: &[Segment],
    pace: Pace<'_>,
) -> Result<Option<&'a Generation>, Cut> {
    let first = first_batch(segments);
    let mut why = None;
    for generation in continued(listing, first) {
        match verify(&generation.path, pace) {
            Ok(()) => return Ok(Some(generation)),
            Err(Cut::Failed(error @ (EngineError::Corrupt { .. } | EngineError::Io(_)))) => {
                tracing::error!(%error, "a snapshot is damaged; using an older one and more of the log instead");
                why = why.or(Some(error));
            }
            Err(other) => return Err(other),
        }
    }
    if first <= 1 {
        return Ok(None);
    }
    let why = why.or_else(|| listing.unusable.first().map(|(_, error)| error.clone()));
    Err(Cut::Failed(why.unwrap_or_else(|| {
        let file = segments.first().map(Segment::name).unwrap_or_default();
        let detail =
            format!("the log begins with batch {first}, and there is no snapshot of what was before it");
        EngineError::Corrupt { file, offset: 0, detail }
    })))
}

fn first_batch(segments: &[Segment]) -> u64 {
    segments.first().map_or(1, |segment| segment.header.first)
}

/// The snapshots from which a log that begins with batch `first` continues, newest first.
fn continued(listing: &Listing, first: u64) -> impl Iterator<Item = &Generation> {
    listing.generations.iter().filter(move |generation| generation.position().saturating_add(1) >= first)
}
