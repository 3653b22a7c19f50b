//! Workbooks that streams of results read again.
//!
//! A workbook can only be read whole, which takes a second for 100,000 rows. So its rows are held while streams
//! of its job are open, once for all of them.
//!
//! - All workbooks together hold at most [`MOST_BYTES`] of rows, or one workbook if that alone is larger. A
//!   workbook that was read takes the place of those that were used longest ago. A stream of one of these reads
//!   it again.
//! - One workbook is read at a time.
//! - A stream itself holds at most [`AT_ONCE`] rows, of [`BYTES_AT_ONCE`] and one row.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use super::input::Rows;
use crate::lists::{List, ListRow};
use crate::model::Job;
use crate::table::{Jobs, TableError};

/// The bytes of rows that all workbooks together hold: three of 100,000 members.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Rows that a stream takes at once.
const AT_ONCE: usize = 1_000;
/// A stream takes no more rows at once when it has so many bytes.
const BYTES_AT_ONCE: usize = 256 * 1024;
/// What a row takes beside its text, about.
const ROW_BYTES: usize = 64;

/// The workbooks of all streams of the process.
static ALL: LazyLock<Arc<Sheets>> = LazyLock::new(|| Arc::new(Sheets::new(MOST_BYTES, AT_ONCE)));

/// Workbooks that streams read.
pub struct Sheets {
    most_bytes: usize,
    at_once: usize,
    /// Those of which a stream is open; the one that was used last is at the end.
    open: Mutex<Vec<Weak<Sheet>>>,
    /// Held while a workbook is read.
    reading: tokio::sync::Mutex<()>,
    #[cfg(test)]
    read: std::sync::atomic::AtomicUsize,
}

/// One workbook.
struct Sheet {
    jobs: Arc<Jobs>,
    job: Job,
    held: Mutex<Option<Held>>,
}

/// The rows of a workbook, and what they have in common.
struct Held {
    list: Option<Arc<List>>,
    rows: Vec<ListRow>,
    bytes: usize,
}

/// What all rows have in common, and some of them.
type Taken = (Option<Arc<List>>, Vec<ListRow>);

/// The rows that one stream reads.
pub struct SheetRows {
    sheets: Arc<Sheets>,
    sheet: Arc<Sheet>,
    /// The place of the first row that it holds.
    first: usize,
    rows: Vec<ListRow>,
    list: Option<Arc<List>>,
}

impl SheetRows {
    /// The rows of a job's workbook. Nothing is read yet.
    pub fn open(jobs: &Arc<Jobs>, job: &Job) -> Self {
        ALL.open(jobs, job)
    }

    /// The row at a place.
    pub async fn row(&mut self, place: u64) -> Result<Option<ListRow>, TableError> {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let known = |held: &Self| held.rows.get(place.checked_sub(held.first)?).cloned();
        if let Some(row) = known(self) {
            return Ok(Some(row));
        }
        // What was taken before is given back first.
        self.rows = Vec::new();
        (self.list, self.rows) = self.sheets.rows(&self.sheet, place).await?;
        self.first = place;
        Ok(known(self))
    }

    /// What the rows have in common.
    pub async fn list(&mut self) -> Result<Option<Arc<List>>, TableError> {
        if self.list.is_none() {
            self.row(0).await?;
        }
        Ok(self.list.clone())
    }
}

impl Sheets {
    fn new(most_bytes: usize, at_once: usize) -> Self {
        Self {
            most_bytes,
            at_once,
            open: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            #[cfg(test)]
            read: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    fn open(self: &Arc<Self>, jobs: &Arc<Jobs>, job: &Job) -> SheetRows {
        let mut open = self.opened();
        open.retain(|sheet| sheet.strong_count() > 0);
        let known = open.iter().filter_map(Weak::upgrade).find(|sheet| sheet.is_of(jobs, job));
        let sheet = known.unwrap_or_else(|| {
            let (jobs, job, held) = (Arc::clone(jobs), job.clone(), Mutex::default());
            let sheet = Arc::new(Sheet { jobs, job, held });
            open.push(Arc::downgrade(&sheet));
            sheet
        });
        SheetRows { sheets: Arc::clone(self), sheet, first: 0, rows: Vec::new(), list: None }
    }

    /// The next rows from a place on, and what all rows have in common.
    async fn rows(&self, sheet: &Arc<Sheet>, from: usize) -> Result<Taken, TableError> {
        if let Some(found) = self.known(sheet, from) {
            return Ok(found);
        }
        let _turn = self.reading.lock().await;
        // Another stream may have read it meanwhile.
        if let Some(found) = self.known(sheet, from) {
            return Ok(found);
        }
        #[cfg(test)]
        self.read.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (list, rows) = Rows::open(Arc::clone(&sheet.jobs), &sheet.job).rest().await?;
        let bytes = rows.iter().map(|row| row.bytes() + ROW_BYTES).sum();
        let held = Held { list, rows, bytes };
        let found = held.taken(from, self.at_once);
        *sheet.held() = Some(held);
        self.use_now(sheet);
        drop(self.beyond());
        Ok(found)
    }

    /// The same, if the workbook is in memory.
    fn known(&self, sheet: &Arc<Sheet>, from: usize) -> Option<Taken> {
        let found = sheet.held().as_ref()?.taken(from, self.at_once);
        self.use_now(sheet);
        Some(found)
    }

    /// Notes that a workbook is used.
    fn use_now(&self, sheet: &Arc<Sheet>) {
        let mut open = self.opened();
        let place = open.iter().position(|other| std::ptr::eq(other.as_ptr(), Arc::as_ptr(sheet)));
        if let Some(place) = place {
            let used = open.remove(place);
            open.push(used);
        }
    }

    /// Takes the workbooks for which there is no room out of memory. The one that was used last stays.
    fn beyond(&self) -> Vec<Held> {
        let open: Vec<Arc<Sheet>> = self.opened().iter().rev().filter_map(Weak::upgrade).collect();
        let (mut bytes, mut beyond) = (0_usize, Vec::new());
        for (place, sheet) in open.iter().enumerate() {
            let mut held = sheet.held();
            let more = held.as_ref().map_or(0, |held| held.bytes);
            if place > 0 && bytes.saturating_add(more) > self.most_bytes {
                beyond.extend(held.take());
            } else {
                bytes = bytes.saturating_add(more);
            }
        }
        beyond
    }

    fn opened(&self) -> MutexGuard<'_, Vec<Weak<Sheet>>> {
        // Nobody panics while holding it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sheet {
    fn is_of(&self, jobs: &Arc<Jobs>, job: &Job) -> bool {
        Arc::ptr_eq(&self.jobs, jobs) && self.job.base == job.base && self.job.number == job.number
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        // Nobody panics while holding it.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn taken(&self, from: usize, at_once: usize) -> Taken {
        let mut bytes = 0;
        let rows = self.rows.iter().skip(from).take(at_once).take_while(|row| {
            let fits = bytes < BYTES_AT_ONCE;
            bytes += row.bytes();
            fits
        });
        (self.list.clone(), rows.cloned().collect())
    }
}

#[cfg(test)]
mod tests;
