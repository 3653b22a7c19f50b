//! The sled engine when things go wrong, and the bytes that it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::dir::files;
use super::log::payload;
use super::log::segment::{self, Timeline};
use super::working::{boot, confirmed};
use super::{SledConfig, SledEngine, check};
use crate::engine::pending::ops_of;
use crate::engine::{Batch, Direction, Engine, EngineError, KeyRange, Value, put_item};

mod backpressure;
mod backup_chains;
mod backups;
mod descriptors;
mod faults;
mod folders;
mod formats;
mod healing;
mod holes;
mod known;
mod locks;
mod lost_log;
mod moves;
mod packed;
mod recovery;
mod restores;
mod snapshots;
mod stuck;
mod values;

/// A store in a directory of its own.
struct Store {
    _temp: tempfile::TempDir,
    config: SledConfig,
}

impl Store {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let mut config = SledConfig::new(temp.path().join("data"));
        config.reserve_bytes = 0;
        Self { _temp: temp, config }
    }

    fn open(&self) -> SledEngine {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<SledEngine, EngineError> {
        SledEngine::open(self.config.clone(), |_| {})
    }

    /// Opens the store, and also returns the lines of progress.
    fn open_told(&self) -> (SledEngine, Vec<String>) {
        let lines = Mutex::new(Vec::new());
        let engine = SledEngine::open(self.config.clone(), |line| lines.lock().unwrap().push(line)).unwrap();
        (engine, lines.into_inner().unwrap())
    }

    fn dir(&self) -> &Path {
        &self.config.dir
    }

    fn log_dir(&self) -> PathBuf {
        self.config.log_dir()
    }

    /// The log's segments, by name.
    fn segments(&self) -> Vec<PathBuf> {
        let paths = files::list(&self.log_dir()).unwrap();
        paths.into_iter().filter(|p| p.extension().is_some_and(|e| e == "log")).collect()
    }

    /// What a kill leaves: a copy of the files, taken while the store is open, that counts as the original
    /// files.
    fn copy(&self) -> Self {
        let copy = Self::new();
        copy_dir(self.dir(), copy.dir());
        boot::note(&copy.log_dir(), &copy.config.sled_dir()).unwrap();
        copy
    }

    /// Makes the store look as if the machine had been restarted since the store was last opened.
    fn restart_machine(&self) {
        fs::write(self.log_dir().join("BOOT"), "another start of the machine").unwrap();
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in files::list(from).unwrap() {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_dir(&path, &target);
        } else if let Err(error) = fs::copy(&path, &target) {
            // sled may remove some of its files during the copy.
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        }
    }
}

/// Commits the batches `numbers`. Each writes a key of its own and the key `latest`.
async fn fill(engine: &SledEngine, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        assert_eq!(engine.commit(batch(number)).await.unwrap(), number);
    }
}

fn batch(number: u64) -> Batch {
    let mut batch = Batch::default();
    batch.put(format!("key/{number:06}").into_bytes(), content(number));
    batch.put(b"latest".to_vec(), number.to_string());
    batch
}

/// Some 300 bytes that do not compress, so that entries span several units of alignment.
fn content(number: u64) -> Value {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::new();
    while bytes.len() < 300 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.into()
}

/// Asserts that the store holds exactly the batches 1 to `last` of [`fill`].
async fn expect(engine: &SledEngine, last: u64) {
    let found = engine.scan(KeyRange::prefix(b"key/"), Direction::Forward, usize::MAX).await.unwrap();
    let expected: Vec<_> = (1..=last).map(|n| (format!("key/{n:06}").into_bytes(), content(n))).collect();
    assert!(found == expected, "{} keys where {last} were expected", found.len());
    let latest = engine.get_many(&[b"latest".to_vec()]).await.unwrap();
    assert_eq!(latest[0].clone(), (last > 0).then(|| Value::from(last.to_string())));
    assert_eq!(engine.status().durable, last);
}
