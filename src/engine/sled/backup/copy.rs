//! A backup of a store that no process has open.

use std::path::Path;

use super::plan::plan;
use super::receive::{Received, Receiver};
use crate::engine::EngineError;
use crate::engine::backup::Backup;
use crate::engine::sled::config::SledConfig;
use crate::engine::sled::dir::{flock, folder};
use crate::engine::sled::disk::Disk;
use crate::engine::sled::log::{chain, segment};
use crate::engine::sled::snapshot;
use crate::engine::sled::working::confirmed;

/// Copies the store in `config.dir`, which no process has open, into the folder `out`. It leaves the store
/// unchanged, and everything that it copies is on stable storage in the store.
pub fn copy(config: &SledConfig, out: &Path) -> Result<Received, EngineError> {
    folder::need_store(&config.dir)?;
    let _lock = flock::store_to_read(&config.dir)?;
    let (mut receiver, held) = Receiver::open(out)?;
    let segments = segment::list(&config.log_dir())?.segments;
    let Some(newest) = segments.last() else {
        return Err(EngineError::Io(format!("there is no store in {}", config.dir.display())));
    };
    let timeline = newest.header.timeline;
    let durable = confirmed::read(&config.log_dir(), timeline)?
        .max(snapshot::list(&config.snapshot_dir(), timeline)?.position());
    let end = chain::find_end(&segments, durable)?;
    if end.proven < end.last {
        // Only the kernel may have the batches that a killed process wrote last. If a power cut lost them,
        // the store would reuse their numbers for other batches, and the next backup would continue with
        // those.
        let disk = Disk::new(config);
        let unproven = segments.iter().skip(chain::index_of(&segments, end.proven + 1));
        unproven.map(|segment| &segment.path).try_for_each(|path| disk.sync(path))?;
    }
    let backup = plan(config, timeline, end.last, &held)?;
    receiver.begin(backup.outline().clone())?;
    transfer(&backup, &mut receiver)?;
    receiver.finish()
}

fn transfer(backup: &Backup, receiver: &mut Receiver) -> Result<(), EngineError> {
    for (index, file) in backup.outline().files.iter().enumerate() {
        let mut at = file.from;
        while at < file.bytes {
            let bytes = backup.read(index, at)?;
            receiver.write(index, at, &bytes)?;
            at += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        }
    }
    Ok(())
}
