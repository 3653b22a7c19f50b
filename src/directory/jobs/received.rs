//! Rows of a stored list as they were received, as lines of CSV or NDJSON.

use std::sync::Arc;

use super::action::{Action, ShownAction};
use super::input::Rows;
use super::sheets::SheetRows;
use crate::directory::Error;
use crate::lists::{self, List, Source};
use crate::model::{BaseNumber, Job, JobTask, ListFormat, Row, Sealer};
use crate::table::{Jobs, TableError};

/// A row as it was received.
pub struct RawLine {
    /// Its key: its ref, or else its e-mail address or worker id.
    pub key: Option<String>,
    /// The member that an action names by its id.
    pub row: Option<Row>,
    /// Whether it is an action that offboards its member.
    pub is_offboard: bool,
    /// A line of CSV or NDJSON.
    pub text: String,
}

/// The headings of a table as they were received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headings {
    /// A line of CSV.
    pub line: String,
    /// What is between its cells, and between those of the rows.
    pub delimiter: char,
}

/// How a column of a list was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadColumn {
    /// Its heading, as it was received.
    pub heading: String,
    /// The name that it was read under; `None` if it sets nothing.
    pub read_as: Option<String>,
}

/// Rows as they were received.
pub struct RawRows {
    from: Origin,
    base: BaseNumber,
    /// Opens the ids of actions, if they are actions.
    actions: Option<Sealer>,
}

/// Where rows come from.
enum Origin {
    Text(Box<TextRows>),
    Sheet(SheetRows),
}

/// The rows of a text, one after another.
struct TextRows {
    rows: Rows,
    /// The place of the next row.
    place: u64,
    /// A row that was read and not asked for yet.
    held: Option<lists::ListRow>,
}

impl RawRows {
    /// The rows of a job's list.
    pub fn open(jobs: Arc<Jobs>, job: &Job, sealer: &Sealer) -> Self {
        let from = match job.input.format {
            Some(ListFormat::Xlsx | ListFormat::Xls | ListFormat::Ods) => {
                Origin::Sheet(SheetRows::open(&jobs, job))
            }
            Some(ListFormat::Csv | ListFormat::Tsv | ListFormat::Ndjson | ListFormat::Actions) | None => {
                Origin::Text(Box::new(TextRows { rows: Rows::open(jobs, job), place: 0, held: None }))
            }
        };
        let actions = matches!(job.task, JobTask::Batch { .. }).then(|| sealer.clone());
        Self { from, base: job.base, actions }
    }

    /// The headings; `None` for NDJSON.
    pub async fn headings(&mut self) -> Result<Option<Headings>, Error> {
        Ok(match self.from.list().await?.as_deref() {
            Some(List::Table(table)) => {
                let delimiter = delimiter(&table.source);
                let line = line(table.columns.header(), delimiter);
                Some(Headings { line, delimiter: char::from(delimiter) })
            }
            Some(List::Ndjson) | None => None,
        })
    }

    /// How the columns of a table were read; none for NDJSON.
    pub async fn columns(&mut self) -> Result<Vec<ReadColumn>, Error> {
        let list = self.from.list().await?;
        let columns = list.as_ref().and_then(|list| list.columns());
        let columns = columns.into_iter().flat_map(lists::columns::Columns::read_as);
        Ok(columns.map(|(heading, read_as)| ReadColumn { heading: heading.to_owned(), read_as }).collect())
    }

    /// The row at a place. Places are asked for in ascending order.
    pub async fn row(&mut self, place: u64) -> Result<Option<RawLine>, Error> {
        let Some(row) = self.from.row(place).await? else { return Ok(None) };
        let text = match self.from.list().await?.as_deref() {
            Some(List::Table(table)) => line(row.own_cells(), delimiter(&table.source)),
            Some(List::Ndjson) | None => row.cells().collect(),
        };
        if let Some(sealer) = &self.actions {
            let ShownAction { key, row, is_offboard } = Action::shown(&text, sealer, self.base);
            return Ok(Some(RawLine { key, row, is_offboard, text }));
        }
        let lists::Identity { r#ref, email, worker_id, .. } = row.identity();
        let key = r#ref.or(email).or(worker_id);
        Ok(Some(RawLine { key, row: None, is_offboard: false, text }))
    }
}

impl Origin {
    /// The row at a place.
    async fn row(&mut self, place: u64) -> Result<Option<lists::ListRow>, TableError> {
        match self {
            Self::Text(rows) => rows.row(place).await,
            Self::Sheet(rows) => rows.row(place).await,
        }
    }

    /// What the rows have in common.
    async fn list(&mut self) -> Result<Option<Arc<List>>, TableError> {
        match self {
            Self::Text(rows) => rows.list().await,
            Self::Sheet(rows) => rows.list().await,
        }
    }
}

impl TextRows {
    async fn row(&mut self, wanted: u64) -> Result<Option<lists::ListRow>, TableError> {
        loop {
            let row = match self.held.take() {
                Some(row) => Some(row),
                None => self.rows.next().await?,
            };
            let Some(row) = row else { return Ok(None) };
            let place = self.place;
            self.place += 1;
            if place >= wanted {
                return Ok(Some(row));
            }
        }
    }

    async fn list(&mut self) -> Result<Option<Arc<List>>, TableError> {
        if self.rows.list().is_none() && self.held.is_none() {
            self.held = self.rows.next().await?;
        }
        Ok(self.rows.list().cloned())
    }
}

fn delimiter(source: &Source) -> u8 {
    match source {
        Source::Text { delimiter, .. } => *delimiter,
        Source::Sheet { .. } => b',',
    }
}

/// A line of CSV, without its line end.
fn line<'a>(cells: impl IntoIterator<Item = &'a str>, delimiter: u8) -> String {
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(cells);
    let bytes = writer.into_inner().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.trim_end_matches(['\r', '\n']).to_owned()
}
