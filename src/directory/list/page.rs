//! Which page of a list a caller asks for. The parser reports all faults at once.

use crate::model::limits::SKIP_CHECKED_MAX;
use crate::model::page::parse_sorts;
use crate::model::{
    BaseNumber, Cursor, CursorKey, Direction, Filter, Named, PageRequest, Parsed, RawSort, Reason, Refusal,
    cursor,
};

/// The low bits of a cursor's position, which hold the row. The others hold the number of entries left to
/// skip.
const ROW_BITS: u32 = 50;

/// `pagination` and `sorts` as a caller sent them.
#[derive(Debug, Clone, Default)]
pub struct RawPage {
    /// Most entries of the page.
    pub limit: Option<i64>,
    /// Where the previous page ended.
    pub cursor: Option<String>,
    /// How many entries to skip.
    pub skip: Option<i64>,
    /// The order.
    pub sorts: Vec<RawSort>,
}

/// A page to read, with its filter, order and cursor parsed.
pub struct Page {
    /// Which entries.
    pub filter: Filter,
    /// What the filter names.
    pub named: Named,
    /// The direction.
    pub direction: Direction,
    /// Most entries.
    pub limit: usize,
    /// The last entry that the previous page looked at.
    pub after: Option<u64>,
    /// Matching entries still to skip.
    pub skip: u64,
    binding: u64,
}

impl Page {
    /// The page of a list over `base` that `raw` and `filter` ask for.
    pub fn parse(
        raw: RawPage,
        filter: Result<Parsed, Refusal>,
        key: &CursorKey,
        base: BaseNumber,
    ) -> Result<Self, Refusal> {
        let page = PageRequest::parse(raw.limit, raw.cursor, raw.skip);
        let ((page, direction), Parsed { filter, named }) =
            both(both(page, parse_sorts(&raw.sorts)), filter)?;
        let binding = cursor::binding(key, base, &filter, direction);
        let (after, left) = match &page.cursor {
            None => (None, 0),
            Some(text) => open(text, key, binding)?,
        };
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        Ok(Self { filter, named, direction, limit, after, skip: page.skip.saturating_add(left), binding })
    }

    /// The cursor of a page that looked at everything up to `position` and had `skip` entries left to pass
    /// over.
    pub fn cursor(&self, key: &CursorKey, position: u64, skip: u64) -> String {
        let position = position & ((1 << ROW_BITS) - 1) | skip << ROW_BITS;
        Cursor { position, direction: self.direction }.seal(key, self.binding)
    }

    /// Rejects a `skip` over more entries than may be checked one by one.
    pub fn check_skip(&self) -> Result<(), Refusal> {
        if self.skip <= SKIP_CHECKED_MAX {
            return Ok(());
        }
        let description = format!(
            "must be at most {SKIP_CHECKED_MAX} where entries are checked one by one; use the cursor"
        );
        Err(Refusal::field(Reason::SkipInvalid, "pagination.skip", description))
    }
}

fn open(text: &str, key: &CursorKey, binding: u64) -> Result<(Option<u64>, u64), Refusal> {
    let description = "does not belong to this list, its filters and its sorts";
    let cursor = Cursor::open(text, key, binding)
        .map_err(|reason| Refusal::field(reason, "pagination.cursor", description))?;
    Ok((Some(cursor.position & ((1 << ROW_BITS) - 1)), cursor.position >> ROW_BITS))
}

/// Both values, or the faults of both.
pub fn both<A, B>(left: Result<A, Refusal>, right: Result<B, Refusal>) -> Result<(A, B), Refusal> {
    match (left, right) {
        (Ok(left), Ok(right)) => Ok((left, right)),
        (Err(refusal), Ok(_)) | (Ok(_), Err(refusal)) => Err(refusal),
        (Err(mut left), Err(right)) => {
            left.violations.extend(right.violations);
            Err(left)
        }
    }
}
