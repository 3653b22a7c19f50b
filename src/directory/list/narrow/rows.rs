//! The rows that can match a filter, as an expression over bitmaps, and its value for each chunk.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::chunk::split;
use crate::compute::Stretch;
use crate::compute::{self, Size};
use crate::model::Row;
use crate::table::{AudienceMembers, Chunk, Living, MemberKey, RowSet, WordRows, union};

/// Bitmaps that may be combined while writes wait: about as long as reading one page of members takes.
const LIGHT_WORK: usize = 4_096;
/// Up to this many bitmaps of one chunk are combined at once, without waiting for a turn to compute. Each
/// takes a microsecond or a few.
const PLAIN_BITMAPS: usize = 1_024;

/// The rows that can match a filter at one revision.
pub struct Narrowed {
    rows: Rows,
    sources: Sources,
    /// The bitmaps that evaluating one chunk takes.
    bitmaps: usize,
    /// Whether these are exactly the rows that match.
    pub exact: bool,
    /// The revision at which these are the rows.
    pub revision: u64,
    /// Who is in which audience at that revision; nobody is in any if the filter names none.
    pub memberships: AudienceMembers,
}

/// An expression over bitmaps of rows. Every result is a subset of the rows that hold a member.
pub(super) enum Rows {
    All,
    /// The rows of a value, by its place among the sources.
    Set(usize),
    /// The rows that have a value in a field, by its place among the sources.
    Present(usize),
    /// The rows of a word, by its place among the sources.
    Words(usize),
    /// Rows by chunk.
    These(BTreeMap<u64, Chunk>),
    /// Keys that are still to be looked up.
    Keys(Vec<MemberKey>),
    /// The place of this many keys that are being looked up. There are none once the narrowing is done.
    Found(usize),
    And(Vec<Rows>),
    Or(Vec<Rows>),
    Not(Box<Rows>),
}

/// The sets that an expression uses, as they were at its revision.
pub(super) struct Sources {
    living: Living,
    values: Vec<RowSet>,
    presences: Vec<Vec<RowSet>>,
    words: Vec<WordRows>,
}

impl Sources {
    /// Only the sets that hold every member.
    pub fn of(living: Living) -> Self {
        Self { living, values: Vec::new(), presences: Vec::new(), words: Vec::new() }
    }

    /// Adds the rows of a value, and returns their place.
    pub fn add_value(&mut self, rows: RowSet) -> usize {
        self.values.push(rows);
        self.values.len() - 1
    }

    /// Sets the rows of all words.
    pub fn set_words(&mut self, words: Vec<WordRows>) {
        self.words = words;
    }

    /// Adds the rows that have any of the values of a field, and returns their place.
    pub fn add_presence(&mut self, rows: Vec<RowSet>) -> usize {
        self.presences.push(rows);
        self.presences.len() - 1
    }
}

impl Narrowed {
    pub(super) fn new(
        rows: Rows,
        sources: Sources,
        exact: bool,
        revision: u64,
        memberships: AudienceMembers,
    ) -> Self {
        let bitmaps = rows.bitmaps() + sources.presences.iter().map(Vec::len).sum::<usize>();
        Self { rows, sources, bitmaps, exact, revision, memberships }
    }

    /// Whether going through all chunks is so little work that writes may wait for it.
    pub fn is_light(&self) -> bool {
        self.bitmaps.saturating_mul(self.chunks().len()) <= LIGHT_WORK
    }

    /// The numbers of the chunks that have members, in order.
    pub fn chunks(&self) -> Vec<u64> {
        self.sources.living.chunks()
    }

    /// The rows of one chunk, by their places in it.
    pub async fn chunk(&self, number: u64, stretch: &mut Stretch) -> Chunk {
        stretch.work(self.bitmaps).await;
        compute::here(Size::large_if(self.bitmaps > PLAIN_BITMAPS), || self.at(number)).await
    }

    fn at(&self, number: u64) -> Chunk {
        let present = |sets: &Vec<RowSet>| union(sets.iter().filter_map(|set| set.chunk(number)));
        let presences = self.sources.presences.iter().map(present).collect();
        let at = At { sources: &self.sources, number, living: self.sources.living.chunk(number), presences };
        at.rows(&self.rows).into_owned()
    }

    /// How many rows there are, over all chunks.
    pub async fn count(&self) -> u64 {
        if let Rows::Set(place) = self.rows {
            return self.sources.values.get(place).map_or(0, RowSet::len);
        }
        let mut stretch = Stretch::default();
        let mut count = 0;
        for number in self.chunks() {
            count += self.chunk(number, &mut stretch).await.len();
        }
        count
    }
}

impl Rows {
    /// The bitmaps that evaluating it takes.
    fn bitmaps(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::bitmaps).sum::<usize>() + 1,
            Self::Not(part) => part.bitmaps() + 1,
            Self::All
            | Self::Set(_)
            | Self::Present(_)
            | Self::Words(_)
            | Self::These(_)
            | Self::Keys(_)
            | Self::Found(_) => 1,
        }
    }
}

/// One chunk of the sources.
struct At<'a> {
    sources: &'a Sources,
    number: u64,
    living: Cow<'a, Chunk>,
    /// The rows that have any value in a field, by the place of the field: computed once, however often they
    /// are used.
    presences: Vec<Chunk>,
}

impl At<'_> {
    fn rows<'b>(&'b self, rows: &'b Rows) -> Cow<'b, Chunk> {
        match rows {
            Rows::All => Cow::Borrowed(&self.living),
            Rows::Set(place) => {
                let set = self.sources.values.get(*place).and_then(|set| set.chunk(self.number));
                set.map_or_else(Cow::default, Cow::Borrowed)
            }
            Rows::Present(place) => self.presences.get(*place).map_or_else(Cow::default, Cow::Borrowed),
            Rows::Words(place) => {
                let rows = self.sources.words.get(*place).and_then(|rows| rows.get(&self.number));
                rows.map_or_else(Cow::default, Cow::Borrowed)
            }
            Rows::These(chunks) => match chunks.get(&self.number) {
                Some(rows) => Cow::Owned(rows & self.living.as_ref()),
                None => Cow::default(),
            },
            Rows::Keys(_) | Rows::Found(_) => Cow::default(),
            Rows::And(parts) => self.intersect(parts),
            Rows::Or(parts) => {
                let parts: Vec<Cow<'_, Chunk>> = parts.iter().map(|part| self.rows(part)).collect();
                Cow::Owned(union(parts.iter().map(Cow::as_ref)))
            }
            Rows::Not(part) => Cow::Owned(self.living.as_ref() - self.rows(part).as_ref()),
        }
    }

    fn intersect<'b>(&'b self, parts: &'b [Rows]) -> Cow<'b, Chunk> {
        let Some((first, others)) = parts.split_first() else { return Cow::Borrowed(&self.living) };
        let mut all = self.rows(first);
        for part in others {
            if all.is_empty() {
                break;
            }
            all = Cow::Owned(all.as_ref() & self.rows(part).as_ref());
        }
        all
    }
}

/// Exactly these rows.
pub(super) fn these(rows: impl Iterator<Item = Row>) -> Rows {
    let mut chunks: BTreeMap<u64, Chunk> = BTreeMap::new();
    for Row(row) in rows {
        let (chunk, place) = split(row);
        chunks.entry(chunk).or_default().insert(place);
    }
    Rows::These(chunks)
}
