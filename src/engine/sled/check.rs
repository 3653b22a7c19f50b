//! Checking a store without opening it: every snapshot, every entry of the log, and whether the log continues
//! from a snapshot. Nothing is written. sled is not read: opening the store checks it against the log, and
//! rebuilds it from snapshot and log if necessary.

use std::path::Path;

use super::config::SledConfig;
use super::dir::{flock, folder};
use super::log::chain;
use super::log::segment::{self, Segment};
use super::snapshot;
use super::working::{boot, confirmed};
use crate::engine::EngineError;

/// The result of checking a data directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// The last batch of the log.
    pub last: u64,
    /// The number of batches read from the log.
    pub batches: u64,
    /// What the store contains, one line each.
    pub notes: Vec<String>,
    /// The damage. The store may still open, if sled or another snapshot has what is damaged.
    pub damage: Vec<EngineError>,
}

/// Reads the store in `dir`, which no process may have open. An error means that it could not be read.
pub fn check(dir: &Path, progress: impl Fn(String)) -> Result<Checked, EngineError> {
    let config = SledConfig::new(dir);
    folder::need_store(dir)?;
    let _lock = flock::store_unchanged(dir)?;
    let listing = segment::list(&config.log_dir())?;
    let Some(newest) = listing.segments.last() else {
        let detail = "the folder contains no log".to_owned();
        return Err(EngineError::Corrupt { file: config.log_dir().display().to_string(), offset: 0, detail });
    };
    let timeline = newest.header.timeline;
    let mut checked = Checked::default();
    let reach = check_snapshots(&config, timeline, &mut checked, &progress)?;
    let confirmed = confirmed::read(&config.log_dir(), timeline)?;
    check_log(&listing.segments, confirmed.max(reach), &mut checked, &progress)?;
    let first = listing.segments.first().map_or(1, |segment| segment.header.first);
    if first > reach.saturating_add(1) {
        let file = listing.segments.first().map(Segment::name).unwrap_or_default();
        let detail = format!(
            "the log begins with batch {first}, and no whole snapshot has the batches before it; if sled is \
             lost too, the store is lost"
        );
        checked.damage.push(EngineError::Corrupt { file, offset: 0, detail });
    }
    let (log_dir, sled_dir) = (config.log_dir(), config.sled_dir());
    checked.notes.push(if confirmed::is_distrusted(&log_dir) {
        "sled was found damaged; the next start rebuilds it".to_owned()
    } else if !sled_dir.is_dir() {
        "sled is missing; the next start rebuilds it".to_owned()
    } else if confirmed < checked.last && !boot::still_runs(&log_dir, &sled_dir) {
        "sled may lack writes (the machine was restarted, or the store copied); the next start rebuilds it"
            .to_owned()
    } else {
        format!("sled is confirmed up to batch {confirmed}")
    });
    Ok(checked)
}

/// The last batch of the newest undamaged snapshot.
fn check_snapshots(
    config: &SledConfig,
    timeline: segment::Timeline,
    checked: &mut Checked,
    progress: &impl Fn(String),
) -> Result<u64, EngineError> {
    let found = snapshot::list(&config.snapshot_dir(), timeline)?;
    checked.damage.extend(found.unusable.into_iter().map(|(_, error)| error));
    let mut reach = 0;
    for generation in &found.generations {
        progress(format!("reading {}", generation.path.display()));
        match snapshot::verify(&generation.path, &mut |_| Ok(())).map_err(EngineError::from) {
            Ok(()) => {
                let (position, bytes) = (generation.position(), generation.bytes);
                checked
                    .notes
                    .push(format!("a snapshot has everything up to batch {position}, {bytes} bytes"));
                reach = reach.max(position);
            }
            Err(error) => checked.damage.push(error),
        }
    }
    Ok(reach)
}

fn check_log(
    segments: &[Segment],
    durable: u64,
    checked: &mut Checked,
    progress: &impl Fn(String),
) -> Result<(), EngineError> {
    let end = match chain::find_end(segments, durable) {
        Ok(end) => end.last,
        Err(error @ EngineError::Corrupt { .. }) => {
            checked.damage.push(error);
            durable
        }
        Err(error) => return Err(error),
    };
    checked.last = end;
    for (segment, next) in segments.iter().zip((1..).map(|i| segments.get(i))) {
        let (after, last) =
            (segment.header.first.saturating_sub(1), next.map_or(end, |n| n.header.first.saturating_sub(1)));
        progress(format!("reading {}", segment.path.display()));
        let part: Vec<Segment> = std::iter::once(segment).chain(next).cloned().collect();
        let read = chain::replay(&part, after, last, |_, _| {
            checked.batches += 1;
            Ok::<(), EngineError>(())
        });
        if let Err(error) = read
            && !checked.damage.contains(&error)
        {
            checked.damage.push(error);
        }
    }
    let (first, count) = (segments.first().map_or(1, |segment| segment.header.first), segments.len());
    let segments = if count == 1 { "1 segment".to_owned() } else { format!("{count} segments") };
    checked.notes.push(match end.checked_sub(first) {
        Some(0) => format!("the log has batch {end}, in {segments}"),
        Some(_) => format!("the log has the batches {first} to {end}, in {segments}"),
        None => format!("the log has no batch yet, in {segments}"),
    });
    Ok(())
}
