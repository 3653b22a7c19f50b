//! Reads a stored list again, row by row.
//!
//! The list was read to its end when it was accepted, so reading it again gives the same rows. A row has a
//! place: 0 for the first one.

use std::collections::VecDeque;
use std::sync::Arc;

use super::work::{Halt, Work};
use crate::compute;
use crate::lists::columns::Wanted;
use crate::lists::{self, Field, Format, List, Options, Reader, RowRule, Summary};
use crate::model::{
    BaseNumber, Change, Date, Finder, Job, JobInput, JobTask, ListFormat, ListMatch, ListOptions, MatchBy,
    MemberRow, RawRow, Reason, Refusal, RowError, RowKeys, RowTexts, Sealer, UnreadRow,
};
use crate::table::{Jobs, ListRow, RowReader, Table, TableError};

/// Values read at once.
const VALUES: usize = 4;
/// The columns of a list that is matched by worker id or e-mail address, those that it must have first.
const ONSI_COLUMNS: [Field; 13] = [
    Field::Email,
    Field::FirstName,
    Field::LastName,
    Field::Tier,
    Field::Phone,
    Field::WorkerId,
    Field::Dob,
    Field::Gender,
    Field::EnablePayroll,
    Field::SortCode,
    Field::AccountNumber,
    Field::AccountHolder,
    Field::Iban,
];
const ONSI_REQUIRED: usize = 4;

/// How a list is read. Of its input only format, sheet and columns count.
pub fn reading(options: &ListOptions, input: &JobInput) -> Options {
    let key = |field| Wanted { required: vec![vec![field]], ..Wanted::default() };
    let columns = match options.match_by {
        ListMatch::Key(MatchBy::Ref) => key(Field::Ref),
        ListMatch::Key(MatchBy::Email) => key(Field::Email),
        ListMatch::Key(MatchBy::WorkerId) => key(Field::WorkerId),
        ListMatch::Key(MatchBy::Id) => key(Field::Id),
        ListMatch::WorkerIdOrEmail => Wanted {
            fields: ONSI_COLUMNS.to_vec(),
            required: ONSI_COLUMNS.iter().take(ONSI_REQUIRED).map(|field| vec![*field]).collect(),
            ..Wanted::default()
        },
    };
    let columns = Wanted { renamed: input.columns.clone(), ..columns };
    let format = input.format.map(|format| match format {
        ListFormat::Csv => Format::Csv,
        ListFormat::Tsv => Format::Tsv,
        ListFormat::Ndjson | ListFormat::Actions => Format::Ndjson,
        ListFormat::Xlsx | ListFormat::Xls | ListFormat::Ods => Format::Workbook,
    });
    Options { format, columns, sheet: input.sheet.clone(), ..Options::default() }
}

/// Ends a list, and adds its last rows to `rows`. A workbook is read only now, so this blocks no thread that
/// serves others.
pub async fn finish(reader: &mut Reader, rows: &mut Vec<lists::ListRow>) -> Result<Summary, lists::Refusal> {
    if !reader.is_of_workbook() {
        return reader.finish(rows);
    }
    let mut taken = std::mem::replace(reader, Reader::new(Options::default()));
    let (back, mut read, summary) = compute::long(move || {
        let mut read = Vec::new();
        let summary = taken.finish(&mut read);
        (taken, read, summary)
    })
    .await;
    *reader = back;
    rows.append(&mut read);
    summary
}

/// Turns rows of a list into rows of the model.
pub struct Parser {
    options: ListOptions,
    sealer: Sealer,
    base: BaseNumber,
    today: Date,
}

impl Parser {
    /// For the list of a job; `None` if the job has none.
    pub fn new(table: &Table, job: &Job) -> Option<Self> {
        let JobTask::Sync(options) = &job.task else { return None };
        // The date of the plan decides what a date of birth may be, also when rows are applied later.
        let today = job.created_at.date();
        Some(Self { options: options.clone(), sealer: table.sealer().clone(), base: job.base, today })
    }

    /// The date by which it reads dates of birth.
    pub fn today(&self) -> Date {
        self.today
    }

    /// The row.
    pub fn row(&self, row: &lists::ListRow) -> Result<MemberRow, UnreadRow> {
        let mut raw = match row.read() {
            Ok(raw) => raw,
            Err(fault) => {
                let field = fault.column.clone();
                let error = Refusal::field(Reason::FieldInvalid, field, fault.message.clone());
                return Err(UnreadRow { error, keys: Box::new(self.keys(row, fault.rule)) });
            }
        };
        // An id only names a member; rows of a list are matched by their keys.
        raw.id = None;
        if self.options.keeps_bank_details && matches!(raw.account_details, Change::Clear) {
            raw.account_details = Change::Keep;
        }
        raw.parse_listed(self.today, self.finder())
    }

    fn finder(&self) -> Option<Finder<'_>> {
        match self.options.match_by {
            ListMatch::Key(match_by) => {
                Some(Finder { match_by, ids: None, missing: "is missing, but rows are matched by it" })
            }
            ListMatch::WorkerIdOrEmail => None,
        }
    }

    /// The keys of a row that cannot be read as a whole.
    fn keys(&self, row: &lists::ListRow, rule: RowRule) -> RowKeys {
        let identity = row.identity();
        let change = |text: Option<String>| text.map_or(Change::Keep, Change::Set);
        let raw = RawRow::<Vec<crate::model::RawAttribute>> {
            ref_: change(identity.r#ref),
            email: change(identity.email),
            worker_id: change(identity.worker_id),
            ..RawRow::default()
        };
        let keys = match raw.parse_listed(self.today, None) {
            Ok(row) => RowKeys::of(&row),
            Err(unread) => *unread.keys,
        };
        // Any cell of such a row may be in the wrong place, or may be the one that cannot be read.
        let is_damaged = match rule {
            RowRule::CellCount | RowRule::CellInvalid | RowRule::NumberNotText | RowRule::InvalidJson => true,
            RowRule::HeaderRepeated
            | RowRule::InvalidNumber
            | RowRule::InvalidBoolean
            | RowRule::UnknownField
            | RowRule::InvalidField => false,
        };
        RowKeys { is_unreadable: keys.is_unreadable || is_damaged, ..keys }
    }
}

impl RowReader for Parser {
    type Row = lists::ListRow;

    /// Fills in the texts of the row, if it may be recognised by them.
    fn texts<'a>(&self, row: &'a lists::ListRow, texts: &mut RowTexts<'a>) -> bool {
        let is_plain = row.texts(texts) && texts.are_stored_as_they_are(self.today);
        texts.clears_account &= !self.options.keeps_bank_details;
        is_plain
    }

    fn line(&self, row: &lists::ListRow) -> u64 {
        row.number()
    }

    /// The row for the plan: with the keys that can be read, if it cannot be applied.
    fn parse(&self, row: &lists::ListRow) -> ListRow {
        let id = row.identity().id;
        let named = id.and_then(|id| self.sealer.open_member_of(self.base, &id).ok().flatten());
        ListRow { line: row.number(), row: self.row(row), named }
    }
}

/// The rows of a stored list, one after another.
pub struct Rows {
    jobs: Arc<Jobs>,
    base: BaseNumber,
    number: crate::model::JobNumber,
    reader: Reader,
    /// The next value of the input.
    next: u64,
    ready: VecDeque<lists::ListRow>,
    is_over: bool,
    /// Hidden rows of the sheet that were left out; known at the end.
    hidden: u64,
}

impl Rows {
    /// The rows of a job's list, from the first one on.
    pub fn open(jobs: Arc<Jobs>, job: &Job) -> Self {
        let options = match &job.task {
            JobTask::Sync(options) => reading(options, &job.input),
            JobTask::Batch { .. } => Options { format: Some(Format::Ndjson), ..Options::default() },
            JobTask::DeleteByFilter { .. } | JobTask::Revert(_) => Options::default(),
        };
        let (base, number, reader) = (job.base, job.number, Reader::new(options));
        Self { jobs, base, number, reader, next: 0, ready: VecDeque::new(), is_over: false, hidden: 0 }
    }

    /// The next row; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<lists::ListRow>, TableError> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Ok(Some(row));
            }
            if self.is_over {
                return Ok(None);
            }
            self.read_on().await?;
        }
    }

    /// All rows that are left, and what they have in common.
    pub async fn rest(mut self) -> Result<(Option<Arc<List>>, Vec<lists::ListRow>), TableError> {
        while !self.is_over {
            self.read_on().await?;
        }
        Ok((self.reader.list().cloned(), self.ready.into()))
    }

    async fn read_on(&mut self) -> Result<(), TableError> {
        let mut rows = Vec::new();
        let values = self.jobs.input(self.base, self.number, self.next, VALUES).await?;
        let refused = |fault: lists::Refusal| TableError::Damaged(format!("the input of a job: {fault}"));
        if values.is_empty() {
            self.hidden = finish(&mut self.reader, &mut rows).await.map_err(refused)?.hidden_rows();
            self.is_over = true;
        }
        for value in values {
            self.next += 1;
            self.reader.push(&value, &mut rows).map_err(refused)?;
            tokio::task::yield_now().await;
        }
        self.ready.extend(rows);
        Ok(())
    }

    /// How many hidden rows of the sheet were left out. Known once all rows were read.
    pub fn hidden(&self) -> u64 {
        self.hidden
    }

    /// What the rows have in common, once there is a row.
    pub fn list(&self) -> Option<&Arc<List>> {
        self.reader.list()
    }
}

/// Rows to apply: those at some places, in order.
pub struct RowSource {
    rows: Rows,
    parser: Parser,
    /// The place of the next row.
    place: u64,
}

impl RowSource {
    /// The rows of a job's list.
    pub fn open(work: &Work, job: &Job) -> Option<Self> {
        let parser = Parser::new(&work.table, job)?;
        Some(Self { rows: Rows::open(Arc::clone(work.jobs()), job), parser, place: 0 })
    }

    /// The rows at these places, which come after all places asked for before.
    pub async fn rows(&mut self, places: &[u64]) -> Result<Vec<(u64, Result<MemberRow, RowError>)>, Halt> {
        let mut found = Vec::with_capacity(places.len());
        for wanted in places {
            while let Some(row) = self.rows.next().await? {
                let place = self.place;
                self.place += 1;
                if place == *wanted {
                    found.push((place, self.parser.row(&row).map_err(|unread| unread.error)));
                    break;
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
