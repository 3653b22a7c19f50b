//! Tests only: makes the disk or sled fail at a chosen operation.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, ThreadId};

/// Failures to inject; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<(Mutex<Plan>, Condvar)>);

#[derive(Debug, Default)]
struct Plan {
    appends: u64,
    syncs: u64,
    fail_append: Option<u64>,
    fail_append_with: Option<i32>,
    fail_sync: Option<u64>,
    fail_cut: bool,
    renames: u64,
    fail_rename: Option<u64>,
    removes: u64,
    fail_remove: Option<u64>,
    free_bytes: Option<u64>,
    full_while: Option<(PathBuf, u64)>,
    looked: HashSet<ThreadId>,
    sled_is_stuck: bool,
    append_panics: bool,
    fail_sled_sync: bool,
    value_writes: u64,
    fail_value_write: Option<u64>,
    moves: u64,
    fail_move: Option<u64>,
    hold_move: Option<u64>,
    move_is_held: bool,
    fail_value_sync: bool,
}

const EIO: i32 = 5;
/// "No space left on device".
pub(crate) const ENOSPC: i32 = 28;

impl Faults {
    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.0.0.lock().unwrap()
    }

    /// The `n`th append from now on (1 is the next) writes half of its bytes and fails.
    pub(crate) fn fail_append(&self, n: u64, errno: i32) {
        let mut plan = self.plan();
        plan.fail_append = Some(plan.appends + n);
        plan.fail_append_with = Some(errno);
    }

    /// The next append panics.
    pub(crate) fn panic_in_append(&self) {
        self.plan().append_panics = true;
    }

    /// The `n`th sync from now on fails.
    pub(crate) fn fail_sync(&self, n: u64) {
        let mut plan = self.plan();
        plan.fail_sync = Some(plan.syncs + n);
    }

    /// The `n`th rename from now on fails.
    pub(crate) fn fail_rename(&self, n: u64) {
        let mut plan = self.plan();
        plan.fail_rename = Some(plan.renames + n);
    }

    /// The `n`th removal of a file from now on fails.
    pub(crate) fn fail_remove(&self, n: u64) {
        let mut plan = self.plan();
        plan.fail_remove = Some(plan.removes + n);
    }

    pub(crate) fn before_rename(&self) -> io::Result<()> {
        let mut plan = self.plan();
        plan.renames += 1;
        if plan.fail_rename == Some(plan.renames) { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
    }

    pub(crate) fn before_remove(&self) -> io::Result<()> {
        let mut plan = self.plan();
        plan.removes += 1;
        if plan.fail_remove == Some(plan.removes) { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
    }

    /// Sets whether cutting off a failed append fails too.
    pub(crate) fn fail_cut(&self, fail: bool) {
        self.plan().fail_cut = fail;
    }

    /// Sets the free bytes of the file system; `None` uses the real value.
    pub(crate) fn set_free_bytes(&self, free: Option<u64>) {
        self.plan().free_bytes = free;
    }

    /// Sets the free bytes of the file system for as long as `file` exists.
    pub(crate) fn set_free_bytes_while(&self, file: &Path, free: u64) {
        self.plan().full_while = Some((file.to_owned(), free));
    }

    /// Sets whether sled's flush and drop block until this is reset.
    pub(crate) fn stick_sled(&self, stuck: bool) {
        self.plan().sled_is_stuck = stuck;
        self.0.1.notify_all();
    }

    /// Sets whether syncs of sled's files fail.
    pub(crate) fn fail_sled_sync(&self, fail: bool) {
        self.plan().fail_sled_sync = fail;
    }

    pub(crate) fn before_sled_sync(&self) -> io::Result<()> {
        if self.plan().fail_sled_sync { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
    }

    /// The `n`th write of value files from now on writes half of its bytes and fails.
    pub(crate) fn fail_value_write(&self, n: u64) {
        let mut plan = self.plan();
        plan.fail_value_write = Some(plan.value_writes + n);
    }

    pub(crate) fn before_value_write<'a>(&self, bytes: &'a [u8]) -> Result<(), (&'a [u8], io::Error)> {
        let mut plan = self.plan();
        plan.value_writes += 1;
        let fails = plan.fail_value_write == Some(plan.value_writes);
        if fails { Err((&bytes[..bytes.len() / 2], io::Error::from_raw_os_error(EIO))) } else { Ok(()) }
    }

    /// Sets whether syncs of value files fail.
    pub(crate) fn fail_value_sync(&self, fail: bool) {
        self.plan().fail_value_sync = fail;
    }

    pub(crate) fn before_value_sync(&self) -> io::Result<()> {
        if self.plan().fail_value_sync { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
    }

    /// The `n`th step of the mover from now on fails: replacing a pointer, or removing an emptied file.
    pub(crate) fn fail_move(&self, n: u64) {
        let mut plan = self.plan();
        plan.fail_move = Some(plan.moves + n);
    }

    /// The `n`th step of the mover from now on blocks until [`release_move`](Self::release_move).
    pub(crate) fn hold_move(&self, n: u64) {
        let mut plan = self.plan();
        plan.hold_move = Some(plan.moves + n);
    }

    /// Whether a step of the mover is blocked now.
    pub(crate) fn move_is_held(&self) -> bool {
        self.plan().move_is_held
    }

    pub(crate) fn release_move(&self) {
        self.plan().hold_move = None;
        self.0.1.notify_all();
    }

    /// The steps of the mover so far.
    pub(crate) fn moves(&self) -> u64 {
        self.plan().moves
    }

    pub(crate) fn before_move(&self) -> io::Result<()> {
        let mut plan = self.plan();
        plan.moves += 1;
        if plan.hold_move == Some(plan.moves) {
            plan.move_is_held = true;
            plan = self.0.1.wait_while(plan, |plan| plan.hold_move.is_some()).unwrap();
            plan.move_is_held = false;
        }
        if plan.fail_move == Some(plan.moves) { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
    }

    pub(crate) fn wait_while_sled_is_stuck(&self) {
        drop(self.0.1.wait_while(self.plan(), |plan| plan.sled_is_stuck).unwrap());
    }

    /// Cancels all failures that have not happened yet.
    pub(crate) fn clear(&self) {
        let mut plan = self.plan();
        (plan.fail_append, plan.fail_sync, plan.fail_rename, plan.fail_remove) = (None, None, None, None);
    }

    /// The number of syncs so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.plan().syncs
    }

    /// Whether the thread has queried the free bytes.
    pub(crate) fn has_looked(&self, thread: ThreadId) -> bool {
        self.plan().looked.contains(&thread)
    }

    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let mut plan = self.plan();
        plan.looked.insert(thread::current().id());
        let full = plan.full_while.as_ref().filter(|(file, _)| file.exists());
        full.map(|(_, free)| *free).or(plan.free_bytes)
    }

    pub(crate) fn before_append<'a>(&self, bytes: &'a [u8]) -> Result<(), (&'a [u8], io::Error)> {
        let mut plan = self.plan();
        assert!(!plan.append_panics, "the append panics");
        plan.appends += 1;
        if plan.fail_append == Some(plan.appends) {
            let errno = plan.fail_append_with.unwrap_or(EIO);
            return Err((&bytes[..bytes.len() / 2], io::Error::from_raw_os_error(errno)));
        }
        Ok(())
    }

    pub(crate) fn before_sync(&self) -> io::Result<()> {
        let mut plan = self.plan();
        plan.syncs += 1;
        if plan.fail_sync == Some(plan.syncs) { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
    }

    pub(crate) fn before_cut(&self) -> io::Result<()> {
        if self.plan().fail_cut { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
    }
}
