//! Looking at a store without opening it: every snapshot, every record of the log, and whether one goes on from the other.
//! Nothing is written. sled is not looked into: whatever it holds is checked against the log when it is opened, and made
//! again from snapshot and log if need be.

use std::fs::File;
use std::path::Path;

use super::super::EngineError;
use super::config::SledConfig;
use super::segment::Segment;
use super::{boot, confirmed, files, folder, reader, segment, snapshot};

/// What was found in a data directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// The last batch of the log.
    pub last: u64,
    /// Batches that were read from the log.
    pub batches: u64,
    /// What is there, a line each.
    pub notes: Vec<String>,
    /// What is damaged. The store may open all the same, as long as sled or another snapshot makes up for it.
    pub damage: Vec<EngineError>,
}

/// Reads the store in `dir`, which no process may have open. An error means that it could not be looked at.
pub fn check(dir: &Path, progress: impl Fn(String)) -> Result<Checked, EngineError> {
    let config = SledConfig::new(dir);
    folder::need_store(dir)?;
    let _lock = lock(dir)?;
    let listing = segment::list(&config.log_dir())?;
    let Some(newest) = listing.segments.last() else {
        let detail = "there is no log in it".to_owned();
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
            "the log begins with batch {first}, and no whole snapshot has what was before it; if sled is lost as well, \
             so is the store"
        );
        checked.damage.push(EngineError::Corrupt { file, offset: 0, detail });
    }
    let (log_dir, sled_dir) = (config.log_dir(), config.sled_dir());
    checked.notes.push(if confirmed::is_distrusted(&log_dir) {
        "sled was found damaged; it is rebuilt at the next start".to_owned()
    } else if !sled_dir.is_dir() {
        "sled is missing; it is rebuilt at the next start".to_owned()
    } else if confirmed < checked.last && !boot::still_runs(&log_dir, &sled_dir) {
        "sled may lack what it had when the machine stopped; it is rebuilt at the next start".to_owned()
    } else {
        format!("sled is confirmed to have batch {confirmed}")
    });
    Ok(checked)
}

/// Keeps a server from starting meanwhile, without making a file.
fn lock(dir: &Path) -> Result<Option<File>, EngineError> {
    let path = dir.join(folder::LOCK);
    if !path.exists() {
        return Ok(None);
    }
    let file = File::open(&path).map_err(|e| files::error("open", &path, &e))?;
    file.try_lock().map_err(|_| EngineError::InUse(dir.display().to_string()))?;
    Ok(Some(file))
}

/// Up to which batch the newest whole snapshot goes.
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
    let end = match reader::find_end(segments, durable) {
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
        let read = reader::replay(&part, after, last, |_, _| {
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
