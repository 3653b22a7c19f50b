//! Entry points for fuzzing the requests of callers, see [`crate::fuzz`].

use prost::Message;

use super::{convert, v1};
use crate::model::{
    BaseNumber, Cursor, CursorKey, Date, Filter, Fold, IdKey, MatchBy, Sealer, Timestamp, cursor,
};

/// Reads `bytes` as a request for a list: its filters, and its cursor under what they are bound to.
pub(crate) fn filter(bytes: &[u8]) {
    let Ok(request) = v1::ListMembersRequest::decode(bytes) else { return };
    let page = convert::list::page(request.pagination, request.sorts);
    let raw = convert::value::filters(request.filters);
    let (sealer, base) = (Sealer::new(IdKey([7; 16])), BaseNumber(1));
    let key = CursorKey([9; 16]);
    let today = Timestamp::from_micros(0).date();
    if let Ok(parsed) = Filter::parse_members(raw.clone(), &sealer, base, Fold::NEWEST, today) {
        let binding = cursor::binding(&key, base, &parsed.filter, crate::model::Direction::Ascending);
        let _ = page.cursor.map(|cursor| Cursor::open(&cursor, &key, binding));
    }
    let _ = Filter::parse_bases(raw, &sealer);
}

/// Reads `bytes` as a request with rows.
pub(crate) fn rows(bytes: &[u8]) {
    let Ok(request) = v1::BulkUpsertMembersRequest::decode(bytes) else { return };
    let Ok(today) = Date::parse("2026-01-31") else { return };
    let sealer = Sealer::new(IdKey([7; 16]));
    for row in request.members {
        let finder = convert::input::finder(MatchBy::Ref, &sealer, BaseNumber(1));
        let _ = convert::input::row(row, Some(finder), today);
    }
}
