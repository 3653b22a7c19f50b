//! The part of a list that a caller requests, and its order.

use crate::model::limits::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, SORTS_MAX};
use crate::model::refusal::error::{Reason, Refusal, Violations};

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Most members to return: 1 to 5000.
    pub limit: u32,
    /// The cursor of the previous page; `None` for the first page.
    pub cursor: Option<String>,
    /// The number of members to skip after the cursor.
    pub skip: u64,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: PAGE_LIMIT_DEFAULT, cursor: None, skip: 0 }
    }
}

impl PageRequest {
    /// Parses `pagination`. A limit above the maximum is lowered. An empty cursor counts as none, because
    /// clients send it for the first page.
    pub fn parse(limit: Option<i64>, cursor: Option<String>, skip: Option<i64>) -> Result<Self, Refusal> {
        let mut violations = Violations::default();
        let limit = match limit {
            None => PAGE_LIMIT_DEFAULT,
            Some(limit) if limit >= 1 => u32::try_from(limit).unwrap_or(PAGE_LIMIT_MAX).min(PAGE_LIMIT_MAX),
            Some(_) => {
                violations.add(Reason::PageLimitInvalid, "pagination.limit", "must be at least 1");
                PAGE_LIMIT_DEFAULT
            }
        };
        let skip = u64::try_from(skip.unwrap_or(0)).unwrap_or_else(|_| {
            violations.add(Reason::SkipInvalid, "pagination.skip", "must not be negative");
            0
        });
        violations.finish(Self { limit, cursor: cursor.filter(|text| !text.is_empty()), skip })
    }
}

/// The key by which a list is sorted. Row order is creation order, so both keys mean the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SortKey {
    /// `id`
    #[default]
    Id,
    /// `created_at`
    CreatedAt,
}

impl SortKey {
    /// The key with this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "id" => Some(Self::Id),
            "created_at" => Some(Self::CreatedAt),
            _ => None,
        }
    }
}

/// The end at which a list begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// `asc`: the oldest first.
    #[default]
    Ascending,
    /// `desc`: the newest first.
    Descending,
}

impl Direction {
    /// Whether the newest come first.
    pub fn is_descending(self) -> bool {
        self == Self::Descending
    }

    /// The direction with this word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "asc" => Some(Self::Ascending),
            "desc" => Some(Self::Descending),
            _ => None,
        }
    }
}

/// An entry of `sorts`, as sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawSort {
    /// Name of the key.
    pub key: String,
    /// `asc` (when absent or empty) or `desc`.
    pub direction: Option<String>,
}

/// The order that `sorts` requests. Every key gives a total order, so entries after the first are checked but
/// change nothing.
pub fn parse_sorts(sorts: &[RawSort]) -> Result<Direction, Refusal> {
    let mut violations = Violations::default();
    if sorts.len() > SORTS_MAX {
        violations.add(Reason::SortInvalid, "sorts", format!("must have at most {SORTS_MAX} entries"));
    }
    let mut first = None;
    for (index, sort) in sorts.iter().take(SORTS_MAX).enumerate() {
        if SortKey::parse(&sort.key).is_none() {
            violations.add(
                Reason::SortInvalid,
                format!("sorts[{index}].key"),
                "must be one of id, created_at",
            );
        }
        match sort.direction.as_deref().filter(|word| !word.is_empty()).map(Direction::parse) {
            None => _ = first.get_or_insert(Direction::Ascending),
            Some(Some(direction)) => _ = first.get_or_insert(direction),
            Some(None) => {
                violations.add(
                    Reason::SortInvalid,
                    format!("sorts[{index}].direction"),
                    "must be one of asc, desc",
                );
            }
        }
    }
    violations.finish(first.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_a_default_a_maximum_and_no_nonsense() {
        let limit = |limit| PageRequest::parse(limit, None, None).map(|page| page.limit);
        assert_eq!(limit(None), Ok(500));
        assert_eq!(limit(Some(1)), Ok(1));
        assert_eq!(limit(Some(5_000)), Ok(5_000));
        assert_eq!(limit(Some(5_001)), Ok(5_000));
        assert_eq!(limit(Some(i64::MAX)), Ok(5_000));
        for bad in [0, -1, i64::MIN] {
            let refusal = limit(Some(bad)).unwrap_err();
            assert_eq!(refusal.reason, Reason::PageLimitInvalid);
            assert_eq!(refusal.violations[0].field, "pagination.limit");
        }
    }

    #[test]
    fn all_faults_of_a_page_are_reported() {
        let refusal = PageRequest::parse(Some(0), None, Some(-1)).unwrap_err();
        let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["pagination.limit", "pagination.skip"]);
    }

    #[test]
    fn an_empty_cursor_is_the_first_page() {
        let page = PageRequest::parse(None, Some(String::new()), Some(3)).unwrap();
        assert_eq!(page, PageRequest { limit: 500, cursor: None, skip: 3 });
        assert_eq!(PageRequest::parse(None, None, None), Ok(PageRequest::default()));
        let page = PageRequest::parse(None, Some("x".to_owned()), Some(0)).unwrap();
        assert_eq!(page.cursor.as_deref(), Some("x"));
    }

    fn sort(key: &str, direction: Option<&str>) -> RawSort {
        RawSort { key: key.to_owned(), direction: direction.map(str::to_owned) }
    }

    #[test]
    fn the_first_sort_decides() {
        for (sorts, expected) in [
            (vec![], Direction::Ascending),
            (vec![sort("id", None)], Direction::Ascending),
            (vec![sort("id", Some(""))], Direction::Ascending),
            (vec![sort("created_at", Some("desc"))], Direction::Descending),
            (vec![sort("created_at", Some("desc")), sort("id", Some("asc"))], Direction::Descending),
            (vec![sort("id", None), sort("created_at", Some("desc"))], Direction::Ascending),
        ] {
            assert_eq!(parse_sorts(&sorts), Ok(expected), "{sorts:?}");
        }
    }

    #[test]
    fn unknown_sorts_are_refused_where_they_stand() {
        for (sorts, field) in [
            (vec![sort("name", None)], "sorts[0].key"),
            (vec![sort("", None)], "sorts[0].key"),
            (vec![sort("id", None), sort("id", Some("down"))], "sorts[1].direction"),
            (vec![sort("id", None); 3], "sorts"),
        ] {
            let refusal = parse_sorts(&sorts).unwrap_err();
            assert_eq!((refusal.reason, refusal.violations[0].field.as_str()), (Reason::SortInvalid, field));
        }
    }
}
