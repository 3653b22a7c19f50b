//! Checks the bases one after another, each from its header to its last bucket.

use std::collections::BTreeSet;

use roaring::RoaringTreemap;

use crate::engine::{Direction, Value};
use crate::model::{BaseNumber, Member, Row, Status, StatusCounts};
use crate::stored::header::{Head, Header};
use crate::stored::index::IndexState;
use crate::stored::{key, meta};
use crate::table::TableError;
use crate::table::audit::audiences::Census;
use crate::table::audit::sets::Recount;
use crate::table::audit::state::Audit;
use crate::table::audit::state::State;
use crate::table::audit::words::Words;
use crate::table::audit::{audiences, commits, lookups, records, sets, words};
use crate::table::index::audiences::{Build, Members};
use crate::table::index::damage::Damage;
use crate::table::index::damage::hex;
use crate::table::index::entries::hashes_of;
use crate::table::index::hash::Hashes;
use crate::table::index::lookup::{LookupKind, PerLookup};
use crate::table::index::scan::for_each;
use crate::table::index::sets::Sets;
use crate::table::index::walk::{self, Seen};
use crate::table::upkeep::purge::base::is_due;

/// Headers read at once.
const BASES_AT_ONCE: usize = 500;

/// Checks every base.
pub async fn check_all(audit: &mut Audit<'_>, hashes: Option<&Hashes>) -> Result<(), TableError> {
    let next = next_number(audit).await?;
    let mut range = key::headers();
    loop {
        let headers = audit.engine.scan(range.clone(), Direction::Forward, BASES_AT_ONCE).await?;
        let Some((last, _)) = headers.last() else { return Ok(()) };
        range.start = std::ops::Bound::Excluded(last.clone());
        for (key, value) in headers {
            let Some(number) = key::header_base(&key) else {
                audit.findings.unknown_key(None, &key);
                continue;
            };
            if number.0 >= next {
                audit.findings.add(Some(number), Damage::NumberNotHandedOut { next });
            }
            let settings = settings(audit, number).await?;
            match Header::decode(&value, settings.as_deref()) {
                Ok(header) => check(audit, number, header, hashes).await?,
                Err(error) => audit.findings.unreadable(number, &key, error),
            }
        }
    }
}

/// The stored settings of a base. Reports other keys of the base in the table of settings.
async fn settings(audit: &mut Audit<'_>, number: BaseNumber) -> Result<Option<Value>, TableError> {
    let mut found: Option<Value> = None;
    let findings = &mut audit.findings;
    for_each(audit.engine, key::all_settings(number), |key, value| {
        if key == key::settings(number) {
            found = Some(value);
        } else {
            findings.unknown_key(Some(number), &key);
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

async fn next_number(audit: &mut Audit<'_>) -> Result<u32, TableError> {
    let stored = audit.engine.get_many(&[key::next_base()]).await?.pop().flatten();
    // If the record is missing, no base was created yet, and the first one gets the number 1.
    let next = stored.map_or(Ok(1), |bytes| meta::decode_next_base(&bytes));
    Ok(next.unwrap_or_else(|error| {
        let key = hex(&key::next_base());
        audit.findings.add(None, Damage::Unreadable { key, error });
        u32::MAX
    }))
}

async fn check(
    audit: &mut Audit<'_>,
    number: BaseNumber,
    header: Header,
    hashes: Option<&Hashes>,
) -> Result<(), TableError> {
    if header.deleted_at.is_some() && is_due(&header, audit.config.now, audit.config.grace_micros) {
        audit.report.past_grace += 1;
        return Ok(());
    }
    check_settings(audit, number, &header).await?;
    // The counts of a damaged header may overflow a sum.
    let members =
        Status::ALL.iter().fold(0_u64, |sum, status| sum.saturating_add(header.counts.get(*status)));
    (audit.progress)(format!("checking base {}, members: {members}", number.0));
    let stored = index_state(audit, number).await?;
    let mut state = State {
        number,
        entries: PerLookup::from_fn(|kind| stored.lookup(kind.number()).entries),
        header,
        stored,
        sets: Sets::default(),
        definitions: None,
        members: Members::default(),
        build: Build::default(),
        chunks: BTreeSet::new(),
        replayed: RoaringTreemap::new(),
        overlays: PerLookup::default(),
    };
    sets::load(audit, &mut state).await?;
    audiences::load(audit, &mut state, hashes.map(Hashes::fold)).await?;
    let words = words::load(audit, &state).await?;
    commits::check(audit, &mut state).await?;
    let keys = check_records(audit, &mut state, words, hashes).await?;
    records::check(audit, &state).await?;
    if let Some(hashes) = hashes {
        lookups::check(audit, &state, hashes, keys).await?;
    }
    audit.report.bases += 1;
    Ok(())
}

/// Checks that head and settings fit together.
async fn check_settings(
    audit: &mut Audit<'_>,
    number: BaseNumber,
    header: &Header,
) -> Result<(), TableError> {
    let stored = audit.engine.get_many(&[key::header(number), key::settings(number)]).await?;
    let [Some(head), settings] = stored.as_slice() else { return Ok(()) };
    // Settings that fit the head are encoded again to the same bytes.
    let is_one = match (&header.whole, settings) {
        (Some(_), settings) => settings.is_none(),
        (None, Some(settings)) => header.has_settings(settings),
        (None, None) => false,
    };
    let has_state = Head::decode(head).is_ok_and(|head| head.state == header.state());
    // Only a deleted base is purged.
    let may_be_purged = !header.is_purging || header.deleted_at.is_some();
    if !is_one || !has_state || !may_be_purged || header.settings_revision > header.revision {
        audit.findings.add(Some(number), Damage::Settings);
    }
    Ok(())
}

async fn index_state(audit: &mut Audit<'_>, number: BaseNumber) -> Result<IndexState, TableError> {
    let mut found: Option<Value> = None;
    let findings = &mut audit.findings;
    for_each(audit.engine, key::indexes(number), |key, value| {
        if key == key::index(number) {
            found = Some(value);
        } else {
            findings.unknown_key(Some(number), &key);
        }
        Ok(())
    })
    .await?;
    let Some(bytes) = found else { return Ok(IndexState::none()) };
    Ok(IndexState::decode(&bytes).unwrap_or_else(|error| {
        audit.findings.unreadable(number, &key::index(number), error);
        IndexState::default()
    }))
}

/// Reads every member and checks blocks, counters and sets. Returns how many keys the members have in all
/// lookups together.
async fn check_records(
    audit: &mut Audit<'_>,
    state: &mut State,
    mut words: Words,
    hashes: Option<&Hashes>,
) -> Result<u64, TableError> {
    let (engine, findings) = (audit.engine, &mut audit.findings);
    let base = Some(state.number);
    let mut counted = StatusCounts::default();
    let mut recount = Recount::default();
    let mut census = state.definitions.clone().map(|definitions| Census::new(definitions, state));
    let (mut members, mut keys) = (0_u64, 0_u64);
    walk::walk(engine, state.number, |seen| match seen {
        Seen::Damaged(damage) => findings.add(base, damage),
        Seen::Member(row, member) => {
            members += 1;
            *counted.get_mut(member.status) += 1;
            check_member(&state.header, row, &member)
                .into_iter()
                .for_each(|damage| findings.add(base, damage));
            recount.member(row, &member, state, findings);
            census.iter_mut().for_each(|census| census.member(Row(row), &member));
            words.member(row, &member, state, findings);
            if let Some(hashes) = hashes {
                keys += LookupKind::ALL
                    .iter()
                    .flat_map(|kind| hashes_of(hashes, *kind, &member))
                    .fold(0, |n, _| n + 1);
            }
        }
    })
    .await?;
    recount.end(state, findings);
    census.into_iter().for_each(|census| census.end(state, findings));
    words.end(state, findings);
    for status in Status::ALL {
        let (header, counted) = (state.header.counts.get(status), counted.get(status));
        if header != counted {
            findings.add(base, Damage::Count { status, header, counted });
        }
    }
    audit.report.members += members;
    Ok(keys)
}

fn check_member(header: &Header, row: u64, member: &Member) -> Vec<Damage> {
    let mut found = Vec::new();
    if row >= header.next_row {
        found.push(Damage::RowNotHandedOut { row, next_row: header.next_row });
    }
    if member.revision == 0 || member.revision > header.revision {
        found.push(Damage::MemberRevision { row, revision: member.revision, last: header.revision });
    }
    if member.created_at > member.updated_at || member.updated_at > header.committed_at {
        found.push(Damage::MemberTimes { row });
    }
    found
}
