//! Opening a base: loading what is stored, and replaying the commits that the stored indexes lack.
//!
//! The first checkpoint takes over sets that an older version wrote (see [`SetTable`]). Where that version
//! could have written them wrongly, they are built from the members instead. Commits of version 1 stored only
//! seven bits of the number of an index, so from number 128 on, the values of an attribute could get into the
//! sets of another field, even the status. Numbers wrapped around, so a header does not show whether the base
//! had such an index. Therefore every base that ever had an index counts as doubtful.

use std::sync::Arc;

use crate::engine::{Direction, Engine};
use crate::model::schema::AttributeSchema;
use crate::model::search::SEARCH_VERSION;
use crate::model::{BaseNumber, Fold, Member, Row, Sealer};
use crate::stored::commit::{AudienceDelta, AudienceRows, CommitPart, LookupOp, RowChange};
use crate::stored::header::Header;
use crate::stored::index::{IndexState, SetTable, decode_chunk};
use crate::stored::{key, set_key};
use crate::table::TableError;
use crate::table::index::audiences::{self, AudienceChange};
use crate::table::index::entries::{index_changes, set_changes};
use crate::table::index::lookup::LookupKind;
use crate::table::index::overlay::Op;
use crate::table::index::published::Published;
use crate::table::index::replayed::Replayed;
use crate::table::index::scan::for_each;
use crate::table::index::search;
use crate::table::index::sets::{FieldSets, SetChange, SetField, Sets};
use crate::table::index::walk::{self, Seen};

/// Loads the published state of a base. Young indexes of up to `at_once` members are built now, and otherwise
/// later.
pub async fn load(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    sealer: &Sealer,
    fold: Fold,
    at_once: u64,
) -> Result<Published, TableError> {
    let keys = [key::header(base), key::settings(base), key::index(base)];
    let mut values = engine.get_many(&keys).await?.into_iter();
    let (head, settings, index) = (values.next().flatten(), values.next().flatten(), values.next().flatten());
    let header = Header::decode(&head.ok_or(TableError::BaseNotFound)?, settings.as_deref())?;
    if header.is_purging {
        return Err(TableError::BaseNotFound);
    }
    let stored = index.map(|bytes| IndexState::decode(&bytes)).transpose()?.unwrap_or_else(IndexState::none);
    let are_doubtful = are_doubtful(&header, &stored);
    let sets = if are_doubtful { Sets::default() } else { load_sets(engine, base, &header, &stored).await? };
    let mut published = Published::new(header, stored, sets);
    let (definitions, members, built) =
        audiences::load(engine, base, sealer, fold, &published.stored).await?;
    (published.definitions, published.members, published.build) = (Arc::new(definitions), members, built);
    published.has_narrow_sets =
        !engine.scan(set_key::narrow_sets(base), Direction::Forward, 1).await?.is_empty();
    let missing = key::commits_from(base, published.stored.watermark + 1);
    let mut replayed = Replayed::default();
    for_each(engine, missing, |_, value| replay(&mut published, &mut replayed, &value)).await?;
    if are_doubtful {
        let schema = published.header.schema.clone();
        let built = build(engine, base, schema.as_deref(), |row, member| {
            set_changes(row, None, Some(member), schema.as_deref())
        })
        .await?;
        published.sets.replace(built);
    } else {
        if published.header.counts.total() <= at_once {
            build_indexes(engine, base, &mut published).await?;
        } else {
            begin_indexes(&mut published);
        }
        restore_tiers(engine, base, &mut published).await?;
    }
    published.sets.settle();
    replayed.renew((engine, base), &mut published.build, &published.definitions.hands).await?;
    if published.stored.search == SEARCH_VERSION {
        published.search.add(&replayed.finish(engine, base).await?);
    } else {
        let chunks = published.sets.living().chunks();
        published.stored = search::build(engine, base, chunks, &published.stored).await?;
    }
    Ok(published)
}

/// Whether an older version may have written the sets wrongly.
pub fn are_doubtful(header: &Header, stored: &IndexState) -> bool {
    stored.sets == SetTable::Narrow
        && header.schema.as_ref().is_some_and(|schema| schema.last_index.is_some())
}

/// Builds sets under `schema` from the members.
async fn build(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    schema: Option<&AttributeSchema>,
    moves: impl Fn(Row, &Member) -> Vec<SetChange>,
) -> Result<Sets, TableError> {
    let mut building = Sets::default();
    building.follow(schema);
    let mut damaged = None;
    walk::walk(engine, base, |seen| match seen {
        Seen::Member(row, member) => {
            moves(Row(row), &member).iter().for_each(|change| building.apply(change));
        }
        Seen::Damaged(damage) => damaged = Some(damage),
    })
    .await?;
    match damaged {
        Some(damage) => Err(TableError::Damaged(damage.to_string())),
        None => Ok(building),
    }
}

/// Builds from the members the indexes that were added after the watermark: their rows are in no commit.
async fn build_indexes(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    published: &mut Published,
) -> Result<(), TableError> {
    let young = published.sets.younger_than(published.stored.watermark);
    let Some(schema) = published.header.schema.clone().filter(|_| !young.is_empty()) else { return Ok(()) };
    let moves = |row, member: &Member| index_changes(row, None, Some(member), &schema);
    let mut built = build(engine, base, Some(&schema), moves).await?.into_built();
    for index in young.iter().filter_map(|key| schema.indexes.get(key)) {
        published.sets.note_stray(index.number);
        published.sets.install(index.number, built.remove(&index.number).unwrap_or_default());
    }
    Ok(())
}

/// Begins to build the indexes that were added after the watermark.
fn begin_indexes(published: &mut Published) {
    let young = published.sets.younger_than(published.stored.watermark);
    let Some(schema) = published.header.schema.clone() else { return };
    for index in young.iter().filter_map(|key| schema.indexes.get(key)) {
        published.sets.note_stray(index.number);
        published.sets.install(index.number, FieldSets::default());
        published.sets.begin(index.number);
    }
}

/// Restores the sets of tiers if they were dropped and members now have few enough tiers. It reads members
/// until there is one tier too many, so it usually ends soon if nothing has changed. Attributes are not
/// restored here: their index can be dropped from the schema and added again.
async fn restore_tiers(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    published: &mut Published,
) -> Result<(), TableError> {
    if !published.sets.unindexed().any(|field| field == SetField::Tier) {
        return Ok(());
    }
    let mut tiers = Sets::default();
    let mut is_good = true;
    walk::walk_while(engine, base, |seen| {
        match seen {
            Seen::Member(row, member) => {
                let moves = set_changes(Row(row), None, Some(&member), None).into_iter();
                moves.filter(|change| change.field == SetField::Tier).for_each(|change| tiers.apply(&change));
                is_good = tiers.unindexed().next().is_none();
            }
            // A damaged member must not keep the base from opening.
            Seen::Damaged(_) => is_good = false,
        }
        is_good
    })
    .await?;
    if is_good {
        published.sets.restore_tiers(tiers);
    }
    Ok(())
}

async fn load_sets(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    header: &Header,
    stored: &IndexState,
) -> Result<Sets, TableError> {
    let mut sets = Sets::default();
    sets.follow(header.schema.as_deref());
    let unindexed: Vec<SetField> =
        stored.unindexed.iter().filter_map(|field| SetField::from_number(*field)).collect();
    let known: Vec<SetField> = sets.fields().collect();
    let moves = stored.sets == SetTable::Narrow;
    let range = if moves { set_key::narrow_sets(base) } else { set_key::sets(base) };
    for_each(engine, range, |key, value| {
        let (field, name, chunk) = set_key::set_parts(&key)
            .ok_or_else(|| TableError::Damaged("the key of a set cannot be read".to_owned()))?;
        match SetField::from_number(field) {
            Some(SetField::Attribute(number)) if !known.contains(&SetField::Attribute(number)) => {
                sets.note_stray(number);
            }
            Some(field) if !unindexed.contains(&field) => {
                sets.load(field, name, chunk, decode_chunk(&value)?, moves);
            }
            Some(_) | None => {}
        }
        Ok(())
    })
    .await?;
    unindexed.into_iter().for_each(|field| sets.drop_field(field));
    stored.indexing.iter().for_each(|(number, below)| sets.go_on(*number, *below));
    Ok(sets)
}

/// Applies one part of a commit to the indexes. Applying it twice would only make the entry counters wrong,
/// so only parts after the watermark may be applied.
fn replay(published: &mut Published, replayed: &mut Replayed, part: &[u8]) -> Result<(), TableError> {
    let mut part = CommitPart::open(part)?;
    while let Some(change) = part.next_change()? {
        replayed.add(&change)?;
        let RowChange { row, lookups, sets, audiences, rows, .. } = change;
        audience_changes(row, &audiences, rows).for_each(|change| published.members.apply(&change));
        for delta in lookups {
            let Some(kind) = LookupKind::from_number(delta.lookup) else { continue };
            let lookup = published.lookups.get_mut(kind);
            let (op, growth) = match delta.op {
                LookupOp::Insert(fingerprint) => (Op::Put(fingerprint), 1),
                LookupOp::Refresh(fingerprint) => (Op::Put(fingerprint), 0),
                LookupOp::Remove => (Op::Remove, -1),
            };
            lookup.active.set(delta.hash, row.0, op);
            lookup.entries = lookup.entries.saturating_add_signed(growth);
        }
        for delta in sets {
            if let Some(field) = SetField::from_number(delta.field) {
                let value = Arc::from(delta.value);
                published.sets.shift(&SetChange { field, value, row, enters: delta.enters });
            }
        }
    }
    Ok(())
}

/// What a change in a commit says about who is in which audience.
pub fn audience_changes(
    row: Row,
    deltas: &[AudienceDelta],
    rows: Option<AudienceRows>,
) -> impl Iterator<Item = AudienceChange> {
    let of_row = move |delta: &AudienceDelta| AudienceChange::Row {
        audience: delta.audience,
        row,
        enters: delta.enters,
    };
    let of_rows = rows.map(|rows| AudienceChange::of_rows(row, rows));
    deltas.iter().map(of_row).chain(of_rows)
}
