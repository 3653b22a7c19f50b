//! Rows of a list that say what their members are already, recognised before anything of them is copied.
//!
//! Nearly all rows of a list are such rows. Each is compared with the stored form of the member that its key
//! finds; only the others are parsed. A row is recognised on what is published at that time, before the plan
//! decides about the rows before it. What those do changes nothing for it, unless one of them finds the same
//! member or has one of the keys; then the plan parses the row after all.
//!
//! Many lists have the order in which their members were made. So the member of a row is first sought after
//! that of the row before it, and by the row's key only if none there is what the row says.

use std::sync::Arc;

use crate::compute::Stretch;
use crate::model::{MatchBy, Row, RowTexts, Sight, UpsertOptions};
use crate::stored::member;
use crate::table::TableError;
use crate::table::index::block::Stored;
use crate::table::index::lookup::LookupKind;
use crate::table::index::resolve::{Wanted, resolve};
use crate::table::open::OpenBase;
use crate::table::plan::READ_TOGETHER;
use crate::table::sync::request::ListRow;

/// Looking for the member of one row counts as this many steps of a [`Stretch`].
const ROW_STEPS: usize = 1;

/// The first rows of a piece are found by their keys, and show whether the list has the order of its members.
const FIRST: usize = 4;
/// The member of a row is sought among so many after that of the row before it: members in between have left
/// the list, and rows in between are new.
const NEAR: u64 = 3;
/// So many members more than rows are read.
const SPARE: u64 = 8;

/// What reads the rows of a list, which are not parsed yet.
pub trait RowReader: Send + Sync {
    /// A row as it was sent.
    type Row: Send + Sync;
    /// Fills in its texts, if today's rules store them as they are, and the row does nothing but to set and
    /// clear them. Returns whether that is so.
    fn texts<'a>(&self, row: &'a Self::Row, texts: &mut RowTexts<'a>) -> bool;
    /// Its line, from 1.
    fn line(&self, row: &Self::Row) -> u64;
    /// The row, parsed.
    fn parse(&self, row: &Self::Row) -> ListRow;
}

/// A row of a list for the plan.
#[derive(Debug)]
pub enum Listed<R> {
    /// A row that says what its member is.
    Same(Same, R),
    /// Any other row, parsed.
    Parsed(Box<ListRow>),
}

/// The member of a row that says what it is already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Same {
    /// Its place.
    pub(super) row: Row,
    /// The keys of the row.
    pub(super) keys: [Option<Wanted>; 3],
}

/// Recognises the rows of one list.
#[derive(Clone)]
pub struct Recogniser {
    open: Arc<OpenBase>,
    /// The lookups that find members, the decisive one first. Empty if no row is recognised.
    by: &'static [LookupKind],
}

impl Recogniser {
    /// For lists with these options.
    pub(super) fn new(open: Arc<OpenBase>, options: &UpsertOptions) -> Self {
        let by: &[LookupKind] = match (options.sight, options.match_by, options.or_email) {
            // A value that the sender may not see always counts as a change.
            (Sight::WithoutPii, ..) | (Sight::Whole, MatchBy::Id, _) => &[],
            (Sight::Whole, MatchBy::Ref, _) => &[LookupKind::Ref],
            (Sight::Whole, MatchBy::Email, _) => &[LookupKind::Email],
            (Sight::Whole, MatchBy::WorkerId, false) => &[LookupKind::WorkerId],
            (Sight::Whole, MatchBy::WorkerId, true) => &[LookupKind::WorkerId, LookupKind::Email],
        };
        Self { open, by }
    }

    /// Recognises the next rows of the list, and parses the others.
    pub async fn rows<P: RowReader>(
        &self,
        reader: &P,
        rows: Vec<P::Row>,
    ) -> Result<Vec<Listed<P::Row>>, TableError> {
        let mut same = Vec::with_capacity(rows.len());
        let mut stretch = Stretch::default();
        let (first, others) = rows.split_at(rows.len().min(FIRST));
        let mut next = None;
        for together in std::iter::once(first).chain(others.chunks(READ_TOGETHER)) {
            stretch.work(together.len().saturating_mul(ROW_STEPS)).await;
            self.compare(reader, together, &mut next, &mut same).await?;
        }
        let mut listed = Vec::with_capacity(rows.len());
        for (row, same) in rows.into_iter().zip(same) {
            listed.push(match same {
                Some(same) => Listed::Same(same, row),
                None => {
                    stretch.work(1).await;
                    Listed::Parsed(Box::new(reader.parse(&row)))
                }
            });
        }
        Ok(listed)
    }

    /// Adds, for each row, the member that it says. `next` is where the member of the first row may be, and
    /// then that of the row after the last one.
    async fn compare<P: RowReader>(
        &self,
        reader: &P,
        rows: &[P::Row],
        next: &mut Option<Row>,
        same: &mut Vec<Option<Same>>,
    ) -> Result<(), TableError> {
        // Filled in place: texts are large, and moving them takes longer than reading a row.
        let mut texts = vec![RowTexts::default(); rows.len()];
        let filled = rows.iter().zip(&mut texts);
        let filled = filled.map(|(row, texts)| !self.by.is_empty() && reader.texts(row, texts));
        let filled: Vec<bool> = filled.collect();
        let asked: Vec<Option<Asked>> =
            filled.into_iter().zip(&texts).map(|(is_filled, texts)| self.ask(texts, is_filled)).collect();
        let mut members = self.guess(next.take(), &asked, &texts).await?;
        let is_open = |(asked, member): (&Option<Asked>, &Seen)| asked.is_some() && !member.is_said;
        let open: Vec<bool> = asked.iter().zip(&members).map(is_open).collect();
        let asks = asked.iter().zip(&open).filter(|(_, is_open)| **is_open);
        let wanted: Vec<Wanted> = asks.filter_map(|(asked, _)| Some(asked.as_ref()?.key)).collect();
        if !wanted.is_empty() {
            let found = {
                let published = self.open.published.read().await;
                resolve(&self.open.parts.engine, self.open.number, &published, &[], &wanted).await?
            };
            let places = found.iter().flatten().map(|(row, _)| Row(*row));
            let stored = Stored::read(&self.open.parts.engine, self.open.number, places).await?;
            let sought = members.iter_mut().zip(&texts).zip(&open).filter(|(_, is_open)| **is_open);
            for (((member, texts), _), found) in sought.zip(&found) {
                for (row, _) in found {
                    let bytes = stored.record(Row(*row))?;
                    if !member.is_said {
                        member.is_said = bytes.map_or(Ok(false), |bytes| member::says(bytes, texts))?;
                        member.row = Some(Row(*row));
                    }
                }
            }
        }
        *next = after(members.iter().filter_map(|member| member.row));
        same.extend(asked.into_iter().zip(members).map(|(asked, member)| {
            let row = member.row.filter(|_| member.is_said)?;
            Some(Same { row, keys: asked?.keys })
        }));
        Ok(())
    }

    /// Looks for the members of rows from `first` on: lists often have the order in which their members were
    /// made. A member that says a row has the row's key, which is unique, so a lookup would find it too.
    async fn guess(
        &self,
        first: Option<Row>,
        asked: &[Option<Asked>],
        texts: &[RowTexts<'_>],
    ) -> Result<Vec<Seen>, TableError> {
        let Some(Row(first)) = first else { return Ok(vec![Seen::default(); asked.len()]) };
        let most = first.saturating_add(u64::try_from(asked.len()).unwrap_or(u64::MAX)).saturating_add(SPARE);
        let stored = Stored::read(&self.open.parts.engine, self.open.number, (first..most).map(Row)).await?;
        let mut next = first;
        let mut members = Vec::with_capacity(asked.len());
        for (asked, texts) in asked.iter().zip(texts) {
            let mut member = Seen::default();
            for row in (next..next.saturating_add(NEAR)).filter(|_| asked.is_some()) {
                if let Some(bytes) = stored.record(Row(row))?
                    && member::says(bytes, texts)?
                {
                    member = Seen { row: Some(Row(row)), is_said: true };
                    next = row.saturating_add(1);
                    break;
                }
            }
            members.push(member);
        }
        Ok(members)
    }

    /// The keys of a row, and the one that finds its member.
    fn ask(&self, texts: &RowTexts<'_>, is_filled: bool) -> Option<Asked> {
        let hashes = &self.open.parts.hashes;
        let keys = LookupKind::ALL.map(|kind| {
            let text = match kind {
                LookupKind::Ref => &texts.ref_,
                LookupKind::Email => &texts.email,
                LookupKind::WorkerId => &texts.worker_id,
            };
            text.as_set().filter(|_| is_filled).map(|text| (kind, hashes.text(kind, text)))
        });
        let of_kind = |by: &LookupKind| keys.iter().flatten().find(|(kind, _)| kind == by).copied();
        let key = self.by.iter().find_map(of_kind)?;
        Some(Asked { keys, key })
    }
}

/// The member that a row has a key of, as far as one was found, and whether it is what the row says.
#[derive(Debug, Clone, Default)]
struct Seen {
    row: Option<Row>,
    is_said: bool,
}

/// Where the member of the row after these members may be, if most of them follow each other.
fn after(rows: impl Iterator<Item = Row>) -> Option<Row> {
    let (mut last, mut steps, mut short): (Option<Row>, usize, usize) = (None, 0, 0);
    for row in rows {
        if let Some(last) = last {
            steps += 1;
            short += usize::from(row > last && row.0 - last.0 <= NEAR);
        }
        last = Some(row);
    }
    last.filter(|_| steps > 0 && short * 2 >= steps).map(|last| Row(last.0.saturating_add(1)))
}

/// The keys of a row.
struct Asked {
    keys: [Option<Wanted>; 3],
    /// The key that finds its member.
    key: Wanted,
}
