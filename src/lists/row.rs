//! A row of a list, whatever its format.

use std::sync::Arc;

use smallvec::SmallVec;

use super::attributes::RowAttributes;
use super::columns::Earlier;
use super::field::Field;
use super::list::{List, Table};
use super::place::Place;
use super::row_fault::{RowFault, RowRule};
use super::workbook::CellFault;
use super::{object, table};
use crate::model::{Change, RawRow, RowTexts};

/// A row: the texts of its cells as they came, and what they mean in their list. A row of NDJSON has one
/// cell.
#[derive(Debug, Clone)]
pub struct ListRow {
    list: Arc<List>,
    number: u64,
    text: Box<str>,
    /// Where each cell ends in the text.
    ends: Box<[usize]>,
    /// Cells of a spreadsheet that cannot be read, by their index. Their text is `#ERROR!`.
    faults: Box<[(usize, CellFault)]>,
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
    /// A row of these cells. `text` is all of them together, and `ends` has the end of each.
    pub(super) fn new(list: Arc<List>, number: u64, text: Box<str>, ends: Box<[usize]>) -> Self {
        Self { list, number, text, ends, faults: Box::default() }
    }

    /// The same row with cells that cannot be read.
    pub(super) fn with_faults(self, faults: Vec<(usize, CellFault)>) -> Self {
        Self { faults: faults.into(), ..self }
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.list.place(self.number)
    }

    /// The number of its line, or of its row in the sheet.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The bytes of its cells together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Its cells as they came, with those that an earlier import added.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let cell = self.text.get(start..end).unwrap_or_default();
            start = end;
            cell
        })
    }

    /// Its cells as they came, without those that an earlier import added.
    #[must_use]
    pub fn own_cells(&self) -> Vec<&str> {
        let mut cells: Vec<&str> = self.cells().collect();
        if let List::Table(Table { columns, .. }) = &*self.list
            && let Some((own, _)) = columns.split(&cells)
        {
            cells.truncate(own);
        }
        cells
    }

    /// Why it failed in an earlier import, if it is in a file of failed rows.
    #[must_use]
    pub fn earlier(&self) -> Option<Earlier> {
        match &*self.list {
            List::Table(Table { columns, .. }) if columns.has_failures() => {
                columns.split(&self.cells().collect::<Vec<_>>())?.1
            }
            List::Table(_) => None,
            List::Ndjson => object::earlier(&self.text),
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
        match &*self.list {
            List::Table(Table { columns, .. }) => {
                if let Some((at, fault)) = self.faults.first() {
                    let cell = columns.cell_name(*at, self.number);
                    let cell = cell.map_or(String::new(), |cell| format!("{cell}: "));
                    let message = format!("{cell}{fault}");
                    return Err(RowFault::new(RowRule::CellInvalid, columns.name(*at), message));
                }
                table::row(columns, &self.cells().collect::<Vec<_>>())
            }
            List::Ndjson => object::row(&self.text),
        }
    }

    /// Fills in what it says in texts that need no change, so that they can be compared before they are
    /// copied. Returns whether it is such a row: not one of NDJSON, with faults, an id, bank details or
    /// columns of attributes. These are only for [`Self::read`].
    #[must_use]
    pub fn texts<'a>(&'a self, texts: &mut RowTexts<'a>) -> bool {
        match &*self.list {
            List::Table(Table { columns, .. }) if self.faults.is_empty() => {
                table::texts(columns, &self.cells().collect::<SmallVec<[&str; 16]>>(), texts)
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
        let key = |field: Field| match &*self.list {
            List::Table(Table { columns, .. }) => {
                table::key(columns, &cells, field).filter(|_| !self.is_unreadable(columns.place(field)))
            }
            List::Ndjson => object::key(&self.text, field),
        };
        Identity {
            id: key(Field::Id),
            r#ref: key(Field::Ref),
            email: key(Field::Email),
            worker_id: key(Field::WorkerId),
        }
    }

    fn is_unreadable(&self, at: Option<usize>) -> bool {
        self.faults.iter().any(|(faulty, _)| Some(*faulty) == at)
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
        Self::new(Arc::new(List::Ndjson), number, line.into(), Box::new([line.len()]))
    }
}
