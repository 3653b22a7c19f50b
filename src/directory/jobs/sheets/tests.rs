//! What streams of results hold of workbooks.

use std::sync::atomic::Ordering;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::directory::jobs::plan::plan;
use crate::directory::jobs::work::Work;
use crate::directory::{BegunList, Directory, Gate, JobResultRow, NewList, ResultReader, ShownInput};
use crate::engine::memory::MemoryEngine;
use crate::model::origin::Door;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, ListMatch, ListOptions, MatchBy, Timestamp};
use crate::table::{Table, TableConfig};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lists/", $name))
    };
}

/// Three workbooks of the same eight members.
const FILES: [&[u8]; 3] =
    [file!("xlsxwriter-plain.xlsx"), file!("sheetjs-plain.xls"), file!("libreoffice.ods")];
const ROWS: usize = 8;
/// How many rows a stream takes at once.
const SOME: usize = 3;

struct Store {
    table: Arc<Table>,
    directory: Directory,
    base: BaseNumber,
}

impl Store {
    async fn new() -> Self {
        let clock = Arc::new(|| Timestamp::from_micros(1_700_000_000_000_000));
        let table = Table::open(Arc::new(MemoryEngine::new()), clock, TableConfig::default()).await.unwrap();
        let base = table.create_base(crate::model::samples::unguarded("test"), None).await.unwrap().number;
        let gate = Gate::new(Arc::clone(&table), Door::Grpc);
        let directory = gate.enter(gate.identify(None).await.unwrap(), AccessLevel::Admin).await.unwrap();
        Self { table, directory, base }
    }

    /// A job for each of the files.
    async fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for file in FILES {
            let match_by = ListMatch::Key(MatchBy::WorkerId);
            let new = NewList {
                base: self.base,
                options: ListOptions { match_by, ..ListOptions::default() },
                name: String::new(),
                is_dry_run: true,
                asks_first: false,
                format: None,
                sheet: None,
                columns: Vec::new(),
                is_checked: false,
            };
            let BegunList::New(mut upload) = self.directory.begin_list(new).await.unwrap() else {
                panic!("nothing was sent before")
            };
            upload.push(file).await.unwrap();
            jobs.push(upload.complete(None, None).await.unwrap());
        }
        jobs
    }
}

impl Sheets {
    /// The bytes of rows of each workbook that is in memory.
    fn in_memory(&self) -> Vec<usize> {
        let open: Vec<Arc<Sheet>> = self.opened().iter().filter_map(Weak::upgrade).collect();
        open.iter().filter_map(|sheet| sheet.held().as_ref().map(|held| held.bytes)).collect()
    }

    fn reads(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }
}

/// The cells of the row at a place.
async fn cells(rows: &mut SheetRows, place: usize) -> Option<Vec<String>> {
    let row = rows.row(place.try_into().unwrap()).await.unwrap()?;
    Some(row.cells().map(str::to_owned).collect())
}

#[tokio::test]
async fn streams_of_one_job_share_its_rows_and_hold_a_few_of_them() {
    let store = Store::new().await;
    let job = store.jobs().await.remove(0);
    let (_, all) = Rows::open(Arc::clone(store.table.jobs()), &job).rest().await.unwrap();
    assert_eq!(all.len(), ROWS);
    let sheets = Arc::new(Sheets::new(usize::MAX, SOME));
    let mut streams: Vec<SheetRows> = (0..20).map(|_| sheets.open(store.table.jobs(), &job)).collect();
    assert!(sheets.in_memory().is_empty());
    for (place, expected) in all.iter().enumerate() {
        for stream in &mut streams {
            assert_eq!(cells(stream, place).await.unwrap(), expected.cells().collect::<Vec<_>>());
            assert!(stream.rows.len() <= SOME);
        }
    }
    assert_eq!((sheets.reads(), sheets.in_memory().len()), (1, 1));
    assert_eq!(cells(&mut streams[0], ROWS).await, None);
    // Some places are left out, as by a stream of failed rows.
    let mut failed = sheets.open(store.table.jobs(), &job);
    for place in [1, 6, 7] {
        let expected: Vec<&str> = all[place].cells().collect();
        assert_eq!(cells(&mut failed, place).await.unwrap(), expected);
    }
    assert!(failed.list().await.unwrap().is_some());
    assert_eq!(sheets.reads(), 1);
    drop((streams, failed));
    assert!(sheets.in_memory().is_empty(), "nobody reads them any more");
}

#[tokio::test]
async fn all_workbooks_together_hold_no_more_than_they_may_and_streams_go_on() {
    let store = Store::new().await;
    let jobs = store.jobs().await;
    let whole = Arc::new(Sheets::new(usize::MAX, SOME));
    let mut streams: Vec<SheetRows> = jobs.iter().map(|job| whole.open(store.table.jobs(), job)).collect();
    let mut expected = Vec::new();
    for stream in &mut streams {
        let mut rows = Vec::new();
        for place in 0..ROWS {
            rows.push(cells(stream, place).await.unwrap());
        }
        expected.push(rows);
    }
    let all = whole.in_memory();
    assert_eq!(all.len(), 3);
    let largest = *all.iter().max().unwrap();
    for most_bytes in [1, largest, all[0] + all[1], usize::MAX] {
        let sheets = Arc::new(Sheets::new(most_bytes, SOME));
        let mut streams: Vec<SheetRows> =
            jobs.iter().map(|job| sheets.open(store.table.jobs(), job)).collect();
        for place in 0..ROWS {
            for (stream, expected) in streams.iter_mut().zip(&expected) {
                assert_eq!(cells(stream, place).await.as_ref(), expected.get(place));
                let held = sheets.in_memory();
                assert!(!held.is_empty());
                let fits = held.iter().sum::<usize>() <= most_bytes;
                assert!(fits || held.len() == 1, "{held:?} of {most_bytes}");
            }
        }
        // Each stream takes three rows at a time, so it never reads its workbook more often than that.
        assert!(sheets.reads() <= FILES.len() * ROWS.div_ceil(SOME), "{}", sheets.reads());
        assert_eq!(most_bytes == usize::MAX, sheets.reads() == 3);
    }
}

#[tokio::test]
async fn the_results_of_a_workbook_show_its_rows_after_it_was_read_again() {
    let store = Store::new().await;
    for job in store.jobs().await {
        let id = store.table.sealer().job_id(job.base, job.number);
        let (table, stopping) = (Arc::clone(&store.table), CancellationToken::new());
        let work = Work { table, base: job.base, number: job.number, stopping };
        plan(&work, work.job().await.unwrap()).await.unwrap();
        let mut readers: Vec<ResultReader> = Vec::new();
        for _ in 0..3 {
            readers.push(store.directory.job_results(&id, false, ShownInput::Rows).await.unwrap());
        }
        for reader in &mut readers {
            let headings = reader.headings().await.unwrap().unwrap();
            assert_eq!(headings.line, "worker_id,email,first_name,last_name,phone,tier,dob");
            let mut inputs = Vec::new();
            while let Some(results) = reader.next().await.unwrap() {
                inputs.extend(results.into_iter().filter_map(|result| match result {
                    JobResultRow::Row { input, .. } => input,
                    JobResultRow::Reverted { .. } | JobResultRow::Member { .. } => None,
                }));
            }
            assert_eq!(inputs.len(), ROWS);
            assert!(inputs[0].starts_with("00101,ada.example@example.org,Ada"), "{}", inputs[0]);
        }
    }
}
