//! Checks the audiences in the stored data of a server that has ended: who is in them equals a plain evaluation
//! of every member, and the commit log tells every move once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use memberbase::engine::sled::{SledConfig, SledEngine};
use memberbase::engine::{Direction, Engine};
use memberbase::model::filter::{Effort, MemberView, Memberships};
use memberbase::model::{AudienceNumber, AudienceState, Row, Timestamp};
use memberbase::stored::commit::CommitPart;
use memberbase::stored::key;
use memberbase::table::{Base, RowSet, Table, TableConfig, View};
use roaring::RoaringTreemap;

/// Members that are read together.
const READ_AT_ONCE: usize = 1_000;
/// Parts of commits that are read together.
const PARTS_AT_ONCE: usize = 500;
/// Rows of a chunk of a set.
const CHUNK_ROWS: u64 = 65_536;

/// The rows of each audience.
#[derive(Debug, Default, PartialEq)]
struct Rows(BTreeMap<AudienceNumber, RoaringTreemap>);

impl Memberships for Rows {
    fn is_in(&self, audience: AudienceNumber, row: Row) -> bool {
        self.0.get(&audience).is_some_and(|rows| rows.contains(row.0))
    }
}

impl Rows {
    fn of(&mut self, audience: AudienceNumber) -> &mut RoaringTreemap {
        self.0.entry(audience).or_default()
    }

    fn without_empty(mut self) -> Self {
        self.0.retain(|_, rows| !rows.is_empty());
        self
    }
}

/// What was checked.
#[derive(Debug, Default)]
pub struct Checked {
    /// Members that are in audiences, each counted once for each audience.
    pub members: u64,
    /// Moves in the commit log.
    pub moves: u64,
}

/// Checks the only memberbase of a store. With `all_built`, waits until every new filter serves.
pub async fn check(data: &Path, all_built: bool) -> Checked {
    let config = SledConfig::new(data);
    let opened = tokio::task::spawn_blocking(|| SledEngine::open(config, |_| {})).await.unwrap();
    let engine: Arc<dyn Engine> = Arc::new(opened.unwrap());
    let headers = engine.scan(key::headers(), Direction::Forward, 9).await.unwrap();
    let [(header, _)] = &headers[..] else { panic!("{} memberbases", headers.len()) };
    let number = key::header_base(header).unwrap();
    let table = Table::open(Arc::clone(&engine), Arc::new(now), TableConfig::default()).await.unwrap();
    let base = table.base(number).await.unwrap();
    while all_built && is_building(&base).await {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // Nothing is published while it is there.
    let view = base.view().await;
    let stored = view.audiences().iter().map(|audience| audience.number);
    let stored: BTreeMap<_, _> = stored.map(|number| (number, plain(&view.audience_rows(number)))).collect();
    let stored = Rows(stored).without_empty();
    let found = evaluate(&table, &view).await.without_empty();
    for audience in view.audiences().iter() {
        let [has, should] = [&stored, &found].map(|rows| rows.0.get(&audience.number));
        assert!(has == should, "{}: {has:?} instead of {should:?}", audience.name.as_str());
    }
    let (told, moves) = replay(&engine, number).await;
    assert!(told.without_empty() == stored, "the commit log tells something else");
    let members = stored.0.values().map(RoaringTreemap::len).sum();
    drop(view);
    drop(base);
    table.close().await.unwrap();
    Checked { members, moves }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

async fn is_building(base: &Base) -> bool {
    let view = base.view().await;
    view.audiences().in_use().any(|audience| audience.state != AudienceState::Ready)
}

fn plain(rows: &RowSet) -> RoaringTreemap {
    let of_chunk = |(chunk, rows): (u64, &memberbase::table::Chunk)| {
        rows.iter().map(move |low| chunk * CHUNK_ROWS + u64::from(low)).collect::<Vec<_>>()
    };
    rows.chunks().flat_map(of_chunk).collect()
}

/// Evaluates, for every member, the filters that serve.
async fn evaluate(table: &Table, view: &View<'_>) -> Rows {
    let living = view.sets().living();
    let rows: Vec<Row> = living
        .chunks()
        .into_iter()
        .flat_map(|chunk| {
            let rows = living.chunk(chunk).into_owned();
            rows.into_iter().map(move |low| Row(chunk * CHUNK_ROWS + u64::from(low)))
        })
        .collect();
    let mut found = Rows::default();
    // Each stands after those that it names, and keeps the states of its regular expressions.
    let audiences = view.audiences().in_order();
    let mut efforts: Vec<Effort> = audiences.iter().map(|_| Effort::default()).collect();
    for some in rows.chunks(READ_AT_ONCE) {
        for (row, member) in view.members(some).await.unwrap() {
            for (audience, effort) in audiences.iter().zip(&mut efforts) {
                let seen = MemberView { row, member: &member, fold: table.fold(), audiences: &found };
                let is_matched = audience.serving().matches(&seen, effort);
                let is_in = view.audience_hand(audience.number, row).is_in(is_matched);
                if is_in && !audience.is_archived() {
                    found.of(audience.number).insert(row.0);
                }
            }
        }
    }
    found
}

/// Follows the commit log: nobody enters an audience twice, or leaves one without having entered it.
async fn replay(engine: &Arc<dyn Engine>, base: memberbase::model::BaseNumber) -> (Rows, u64) {
    let (mut rows, mut moves) = (Rows::default(), 0);
    let mut range = key::commits(base);
    loop {
        let parts = engine.scan(range.clone(), Direction::Forward, PARTS_AT_ONCE).await.unwrap();
        let Some((last, _)) = parts.last() else { return (rows, moves) };
        range.start = std::ops::Bound::Excluded(last.clone());
        for (_, part) in &parts {
            let mut part = CommitPart::open(part).unwrap();
            while let Some(change) = part.next_change().unwrap() {
                let row = change.row.0;
                for delta in &change.audiences {
                    let of_audience = rows.of(delta.audience);
                    let is_move =
                        if delta.enters { of_audience.insert(row) } else { of_audience.remove(row) };
                    assert!(is_move, "row {row}: {delta:?}");
                    moves += 1;
                }
                let Some(chunk) = change.rows else { continue };
                let of_audience = rows.of(chunk.audience);
                let first = row / CHUNK_ROWS * CHUNK_ROWS;
                for low in &chunk.enter {
                    assert!(of_audience.insert(first + u64::from(low)), "row {row} + {low} enters twice");
                }
                for low in &chunk.leave {
                    assert!(of_audience.remove(first + u64::from(low)), "row {row} + {low} was not in");
                }
                moves += chunk.enter.len() + chunk.leave.len();
            }
        }
    }
}
