//! A full list that arrives: it is read, checked and stored piece by piece.
//!
//! - The list becomes a job only by [`ListUpload::complete`]. A list that ends early leaves nothing behind.
//! - The file is read while it arrives, so a file that cannot be read is refused at once, before it is stored
//!   as a whole. What single rows lack is decided by the plan, unless the caller wants them checked at once
//!   ([`NewList::is_checked`]): then a list with faults is read on for more of them, but not stored.
//! - The plan is made meanwhile, if it can ([`Ahead`]). So the list is read once, and planned soon after its
//!   end.

use super::ahead::Ahead;
use super::file_check::{FileCheck, FileFault};
use super::held::Held;
use super::input::{finish, reading};
use super::start::check_name;
use crate::directory::{Directory, Error};
use crate::lists::{List, ListRow, Reader, Source};
use crate::model::limits::RENAMED_COLUMNS_MAX_BYTES;
use crate::model::origin::Call;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseNumber, Job, JobInput, JobTask, ListFormat, ListOptions, Reason, Refusal, Timestamp, Violation,
};
use crate::table::{AheadTurn, Upload};

/// How far the clock of a sender may be ahead, in microseconds.
const CLOCKS_DIFFER: i64 = 5 * 60 * 1_000_000;

/// A full list, as a caller announces it.
#[derive(Debug)]
pub struct NewList {
    /// The memberbase.
    pub base: BaseNumber,
    /// How it is read and applied.
    pub options: ListOptions,
    /// What the caller calls it.
    pub name: String,
    /// Whether the job ends after its plan.
    pub is_dry_run: bool,
    /// Whether the job is held after its plan.
    pub asks_first: bool,
    /// The format of the file; `None`: found from its content.
    pub format: Option<ListFormat>,
    /// The sheet of a workbook; `None`: the only visible one with data.
    pub sheet: Option<String>,
    /// Headings that are read under another name: the heading, and the name.
    pub columns: Vec<(String, String)>,
    /// Whether rows of another shape than the header, rows without a required value and keys that an earlier
    /// row has refuse the file. Otherwise these rows fail.
    pub is_checked: bool,
}

/// How a list begins.
pub enum BegunList {
    /// It is to be sent.
    New(Box<ListUpload>),
    /// The request was done before, and made this job. Nothing needs to be sent.
    Repeat(Box<Job>),
}

/// A list that arrives.
pub struct ListUpload {
    directory: Directory,
    new: NewList,
    upload: Upload,
    reader: Reader,
    check: Option<FileCheck>,
    /// The job that it becomes.
    job: Job,
    ahead: Option<Ahead>,
    held: Held,
    rows: Vec<ListRow>,
    count: u64,
    is_read: bool,
    /// What a person should look at.
    notes: Vec<String>,
    /// Hidden rows of the sheet that were left out.
    hidden: u64,
}

impl Directory {
    /// Begins a full list.
    pub async fn begin_list(&self, new: NewList) -> Result<BegunList, Error> {
        let base = new.base;
        let jobs = self.jobs(AccessLevel::Write, base).await?;
        if let Some(job) = self.earlier_job(base).await? {
            return Ok(BegunList::Repeat(Box::new(job)));
        }
        check_name(&new.name)?;
        check_as_of(new.options.as_of, self.now())?;
        check_columns(&new.columns)?;
        let scope = self.member_filter(new.options.scope.clone(), base)?;
        self.may_filter(base, &scope).await?;
        let upload = jobs.begin(base)?;
        let task = JobTask::Sync(new.options.clone());
        let job = self.new_job(base, task, new.name.clone(), Call::SYNC_MEMBERS);
        let job = Job { created_at: self.arrival(base).await?, ..job };
        let ahead = Ahead::begin(self.guarded.planning(base).await?, &job, upload.number()).await;
        let reader = Reader::new(reading(&new.options, &new.input()));
        Ok(BegunList::New(Box::new(ListUpload {
            directory: self.clone(),
            check: new.is_checked.then(|| FileCheck::new(self.fold())),
            new,
            upload,
            reader,
            job,
            ahead,
            held: Held::default(),
            rows: Vec::new(),
            count: 0,
            is_read: false,
            notes: Vec::new(),
            hidden: 0,
        })))
    }
}

impl ListUpload {
    /// Reads and stores the next bytes. After a refusal of the file, [`Self::faults`] may say more.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.directory.guarded.check_base(AccessLevel::Write, self.new.base).await?;
        let read = self.reader.push(bytes, &mut self.rows);
        if self.reader.is_of_workbook() {
            self.held.more(bytes.len())?;
        }
        self.take_rows(read).await?;
        if self.faults().is_empty() {
            self.upload.push(bytes).await?;
        }
        Ok(())
    }

    /// Reads to the end of the file, after which no more bytes may come. Refuses a file with faults.
    pub async fn end(&mut self) -> Result<(), Error> {
        if !std::mem::replace(&mut self.is_read, true) {
            let read = finish(&mut self.reader, &mut self.rows).await;
            if let Ok(summary) = &read {
                self.notes = summary.notes.iter().map(ToString::to_string).collect();
                self.hidden = summary.hidden_rows();
            }
            self.take_rows(read.map(drop)).await?;
        }
        match self.faults() {
            [] => Ok(()),
            faults => Err(has_faults(faults)),
        }
    }

    /// The faults of the file that were found so far, up to 100; empty if its rows are not checked.
    #[must_use]
    pub fn faults(&self) -> &[FileFault] {
        self.check.as_ref().map_or(&[], FileCheck::faults)
    }

    /// Makes the job. `rows` and `sha256` are what the caller has sent, if it says so.
    pub async fn complete(mut self, rows: Option<u64>, sha256: Option<[u8; 32]>) -> Result<Job, Error> {
        self.end().await?;
        let format = self.format();
        if let Some(said) = rows.filter(|said| *said != self.count) {
            let text = format!("{said} rows were announced and {} arrived; no job was made", self.count);
            return Err(Refusal::field(Reason::ListIncomplete, "complete.rows", text).into());
        }
        if sha256.is_some_and(|said| said != self.upload.input().sha256) {
            let text = "is not the SHA-256 of what arrived; no job was made";
            return Err(Refusal::field(Reason::ListIncomplete, "complete.sha256", text).into());
        }
        let Self { directory, new, mut upload, count, job, ahead, hidden, .. } = self;
        let input = JobInput { format: Some(format), rows: count, ..new.input() };
        let created_at = directory.arrival(job.base).await?;
        let job = Job { input, is_dry_run: new.is_dry_run, asks_first: new.asks_first, ..job };
        let job = Job { created_at, changed_at: created_at, ..job };
        // The last rows are planned while the last bytes are stored.
        let planning = async {
            match ahead {
                Some(ahead) => ahead.finish(hidden).await,
                None => None,
            }
        };
        let (stored, turn) = tokio::join!(upload.finish(), planning);
        stored?;
        let job = upload.accept(job, directory.claim()).await?;
        turn.into_iter().for_each(AheadTurn::keep);
        Ok(job)
    }

    /// What a person should look at, such as hidden rows that were left out. Known after [`Self::end`].
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The rows that were read so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.count
    }

    /// The format that was announced, or that the content has.
    fn format(&self) -> ListFormat {
        let found = match self.reader.list().map(|list| &**list) {
            Some(List::Table(table)) => match table.source {
                Source::Text { .. } => ListFormat::Csv,
                // The first bytes of the file tell which kind of workbook it is.
                Source::Sheet { .. } => ListFormat::Xlsx,
            },
            Some(List::Ndjson) | None => ListFormat::Ndjson,
        };
        self.new.format.unwrap_or(found)
    }

    /// Counts, checks and plans the rows that were read.
    async fn take_rows(&mut self, read: Result<(), crate::lists::Refusal>) -> Result<(), Error> {
        self.count += u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        if let Some(check) = &mut self.check {
            self.rows.iter().for_each(|row| check.row(row));
            if let Err(fault) = &read {
                check.refusal(fault);
            }
            if read.is_err() || check.is_full() {
                return Err(has_faults(check.faults()));
            }
            if !check.faults().is_empty() {
                self.ahead = None;
            }
        }
        read.map_err(|fault| refused(&fault))?;
        match &self.ahead {
            Some(ahead) if !ahead.rows(self.rows.drain(..)).await => self.ahead = None,
            _ => {}
        }
        self.rows.clear();
        Ok(())
    }
}

impl NewList {
    /// What is known of the input before it arrives.
    fn input(&self) -> JobInput {
        let Self { format, sheet, columns, .. } = self;
        JobInput { format: *format, sheet: sheet.clone(), columns: columns.clone(), ..JobInput::default() }
    }
}

/// Refuses names of columns that are empty or too long.
fn check_columns(columns: &[(String, String)]) -> Result<(), Refusal> {
    let bytes: usize = columns.iter().map(|(heading, name)| heading.len() + name.len()).sum();
    if columns.iter().any(|(heading, name)| heading.is_empty() || name.is_empty()) {
        let text = "must have a heading and a name each";
        return Err(Refusal::field(Reason::FieldInvalid, "options.columns", text));
    }
    if bytes > RENAMED_COLUMNS_MAX_BYTES {
        let text = format!("must have at most {RENAMED_COLUMNS_MAX_BYTES} bytes of text");
        return Err(Refusal::field(Reason::FieldInvalid, "options.columns", text));
    }
    Ok(())
}

/// Refuses a list from the future: it would make all lists up to that time seem old.
fn check_as_of(as_of: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    if as_of.is_some_and(|as_of| as_of.micros() > now.micros().saturating_add(CLOCKS_DIFFER)) {
        let text = "must not be in the future; memberbase allows for clocks that differ by five minutes";
        return Err(Refusal::field(Reason::FieldInvalid, "options.as_of", text));
    }
    Ok(())
}

/// A file with these faults.
fn has_faults(faults: &[FileFault]) -> Error {
    let text = |fault: &FileFault| {
        let line = fault.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let column = if fault.column.is_empty() { String::new() } else { format!("{} ", fault.column) };
        Violation::new("", format!("{line}{column}{}", fault.message))
    };
    let violations = faults.iter().map(text).collect();
    Refusal { violations, ..Refusal::new(Reason::FileRefused) }.into()
}

/// A file that cannot be read.
fn refused(fault: &crate::lists::Refusal) -> Error {
    Refusal::field(Reason::FileRefused, "data", fault.to_string()).into()
}
