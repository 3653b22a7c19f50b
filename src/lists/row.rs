//! A row of a list, whatever its format.

use std::sync::Arc;

use smallvec::SmallVec;

use super::attributes::RowAttributes;
use super::columns::Earlier;
use super::field::Field;
use super::list::{List, Source, Table};
use super::piece::Piece;
use super::place::Place;
use super::row_fault::{RowFault, RowRule};
use super::{object, table, text};
use crate::model::{Change, RawRow, RowTexts, has_no_controls};

/// A row: the texts of its cells as they came, and what they mean in their list. A row of NDJSON has one
/// cell.
#[derive(Debug, Clone)]
pub struct ListRow {
    piece: Arc<Piece>,
    /// Its index in the piece.
    at: usize,
}

/// Whom a row may be about: its values in the fields that find a member, as far as they can be read. They are
/// not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The id.
    pub id: Option<String>,
    /// The caller's key.
    pub r#ref: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The worker id.
    pub worker_id: Option<String>,
}

impl ListRow {
    /// The row at this index of a piece.
    pub(super) fn new(piece: Arc<Piece>, at: usize) -> Self {
        Self { piece, at }
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.piece.list().place(self.number())
    }

    /// The number of its line, or of its row in the sheet.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.piece.number(self.at)
    }

    /// The bytes of its cells together, with one byte between two of them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text().len()
    }

    /// Its cells as they came, with those that an earlier import added.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = &str> {
        text::cells(self.text(), self.piece.ends(self.at))
    }

    /// Its cells as they came, without those that an earlier import added.
    #[must_use]
    pub fn own_cells(&self) -> Vec<&str> {
        let mut cells: Vec<&str> = self.cells().collect();
        if let List::Table(Table { columns, .. }) = self.piece.list()
            && let Some((own, _)) = columns.split(&cells)
        {
            cells.truncate(own);
        }
        cells
    }

    /// Why it failed in an earlier import, if it is in a file of failed rows.
    #[must_use]
    pub fn earlier(&self) -> Option<Earlier> {
        match self.piece.list() {
            List::Table(Table { columns, .. }) if columns.has_failures() => {
                columns.split(&self.cells().collect::<Vec<_>>())?.1
            }
            List::Table(_) => None,
            List::Ndjson => object::earlier(self.text()),
        }
    }

    /// What it says, field by field: a field whose column or key is not there is kept, and an empty cell or
    /// null clears it. The values are not checked yet. A caller for which empty cells keep uses
    /// [`Self::read_given`].
    ///
    /// # Errors
    ///
    /// When the row cannot be read: it has another shape than the header, or a cell has no value of its
    /// column.
    pub fn read(&self) -> Result<RawRow<RowAttributes>, RowFault> {
        match self.piece.list() {
            List::Table(Table { columns, .. }) => {
                if let Some((at, fault)) = self.piece.faults(self.at).next() {
                    let cell = columns.cell_name(at, self.number());
                    let cell = cell.map_or(String::new(), |cell| format!("{cell}: "));
                    let message = format!("{cell}{fault}");
                    return Err(RowFault::new(RowRule::CellInvalid, columns.name(at), message));
                }
                table::row(columns, &self.cells().collect::<Vec<_>>())
            }
            List::Ndjson => object::row(self.text()),
        }
    }

    /// Fills in what it says in texts that need no change, so that they can be compared before they are
    /// copied. Returns whether it is such a row: not one of NDJSON, with faults, an id, bank details or
    /// columns of attributes. These are only for [`Self::read`].
    #[must_use]
    pub fn texts<'a>(&'a self, texts: &mut RowTexts<'a>) -> bool {
        match self.piece.list() {
            List::Table(Table { columns, source }) if self.piece.faults(self.at).next().is_none() => {
                let cells: SmallVec<[&str; 16]> = self.cells().collect();
                // Looking at all cells together takes less time, but they may have tabs between them.
                texts.has_no_controls = match source {
                    Source::Text { delimiter: b'\t', .. } => cells.iter().all(|cell| has_no_controls(cell)),
                    Source::Text { .. } | Source::Sheet { .. } => has_no_controls(self.text()),
                };
                table::texts(columns, &cells, texts)
            }
            List::Table(_) | List::Ndjson => false,
        }
    }

    /// Like [`Self::read`], but an empty cell or null keeps its field.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn read_given(&self) -> Result<RawRow<RowAttributes>, RowFault> {
        self.read().map(keep_empty)
    }

    /// Whom the row may be about, even if it cannot be read.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let cells: Vec<&str> = self.cells().collect();
        let key = |field: Field| match self.piece.list() {
            List::Table(Table { columns, .. }) => {
                table::key(columns, &cells, field).filter(|_| !self.is_unreadable(columns.place(field)))
            }
            List::Ndjson => object::key(self.text(), field),
        };
        Identity {
            id: key(Field::Id),
            r#ref: key(Field::Ref),
            email: key(Field::Email),
            worker_id: key(Field::WorkerId),
        }
    }

    fn is_unreadable(&self, at: Option<usize>) -> bool {
        self.piece.faults(self.at).any(|(faulty, _)| Some(faulty) == at)
    }

    fn text(&self) -> &str {
        self.piece.text(self.at)
    }
}

/// The row without what it clears.
fn keep_empty(mut row: RawRow<RowAttributes>) -> RawRow<RowAttributes> {
    fn keep<T>(change: &mut Change<T>) {
        if matches!(change, Change::Clear) {
            *change = Change::Keep;
        }
    }
    let RawRow { ref_, email, first_name, last_name, phone, worker_id, tier, .. } = &mut row;
    [ref_, email, first_name, last_name, phone, worker_id, tier].into_iter().for_each(keep);
    let RawRow { dob, gender, role, company, .. } = &mut row;
    [dob, gender, role, company].into_iter().for_each(keep);
    keep(&mut row.enable_payroll);
    keep(&mut row.account_details);
    row.attributes.values.retain(|(_, value)| value.is_some());
    row
}

#[cfg(test)]
impl ListRow {
    /// A line of NDJSON.
    pub(crate) fn ndjson(number: u64, line: &str) -> Self {
        let mut piece = Piece::new(Arc::new(List::Ndjson), line.len());
        piece.add(number, line, &[text::short(line.len())]);
        Self::new(Arc::new(piece), 0)
    }
}
