//! Checks that who is in each audience equals an evaluation of every member.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Audience, AudienceNumber, AudienceState, Fold, Hand, Member, Row};
use crate::stored::audience::{self, Kind, Numbers, Record};
use crate::stored::index::decode_chunk;
use crate::table::TableError;
use crate::table::audit::findings::Findings;
use crate::table::audit::state::{Audit, State};
use crate::table::index::audiences::{Definitions, Evaluator, Hands, Next, Sided, read, renew};
use crate::table::index::damage::Damage;
use crate::table::index::scan::for_each;
use crate::table::index::sets::{CHUNK_ROWS, Chunk, RowSet};

/// Loads the audiences, as when a base opens. Without a fold the addresses of the store cannot be compared,
/// and nothing is checked.
pub async fn load(audit: &mut Audit<'_>, state: &mut State, fold: Option<Fold>) -> Result<(), TableError> {
    let (engine, base) = (audit.engine, state.number);
    let Some((sealer, fold)) = audit.findings.sealer.clone().zip(fold) else { return Ok(()) };
    let findings = &mut audit.findings;
    let mut numbers = Numbers::default();
    let mut audiences = Vec::new();
    for_each(engine, audience::audiences(base), |key, value| {
        if key == audience::numbers(base) {
            match Numbers::decode(&value) {
                Ok(read) => numbers = read,
                Err(error) => findings.unreadable(base, &key, error),
            }
            return Ok(());
        }
        let Some(number) = audience::number_in(&key) else {
            findings.unknown_key(Some(base), &key);
            return Ok(());
        };
        match Record::decode(&value).and_then(|record| read(number, record, (&sealer, base, fold))) {
            Ok(audience) => audiences.push(audience),
            Err(error) => findings.unreadable(base, &key, error),
        }
        if number > numbers.last {
            let damage = Damage::AudienceNumber { audience: number, last: numbers.last.0 };
            findings.add(Some(base), damage);
        }
        Ok(())
    })
    .await?;
    if numbers.fold != fold.version() {
        audiences.iter_mut().for_each(renew);
    }
    let hands = load_rows(audit, state).await?;
    let mut definitions = Definitions::new(audiences.into_iter().collect(), hands, numbers, fold);
    state.build.go_on(&mut definitions, state.stored.built.as_ref(), state.stored.watermark);
    state.definitions = Some(Arc::new(definitions));
    Ok(())
}

async fn load_rows(audit: &mut Audit<'_>, state: &mut State) -> Result<Hands, TableError> {
    let (engine, findings, base) = (audit.engine, &mut audit.findings, state.number);
    let mut hands = Hands::default();
    for_each(engine, audience::rows_of(base), |key, value| {
        match (audience::rows_parts(&key), decode_chunk(&value)) {
            (None, _) => findings.unknown_key(Some(base), &key),
            (_, Err(error)) => findings.unreadable(base, &key, error),
            (Some((number, Kind::In, chunk)), Ok(rows)) => state.members.load(number, chunk, rows),
            (Some((number, Kind::Picked, chunk)), Ok(rows)) => hands.load(number, Hand::Picked, chunk, rows),
            (Some((number, Kind::Removed, chunk)), Ok(rows)) => {
                hands.load(number, Hand::Removed, chunk, rows)
            }
            (Some((number, Kind::Next, chunk)), Ok(rows)) => state.build.load(number, chunk, rows),
        }
        Ok(())
    })
    .await?;
    Ok(hands)
}

/// Who is in each audience, by an evaluation of every member.
pub struct Census {
    definitions: Arc<Definitions>,
    evaluator: Evaluator,
    found: BTreeMap<AudienceNumber, RowSet>,
    next: Option<NextCensus>,
}

/// Who will be in the audiences that are built, as far as they are.
struct NextCensus {
    next: Arc<Next>,
    evaluator: Evaluator,
    found: BTreeMap<AudienceNumber, RowSet>,
}

impl NextCensus {
    fn member(&mut self, row: Row, side: Sided<'_>) {
        let found = &mut self.found;
        self.evaluator.each(row, side, &self.next.built, |audience| {
            found.entry(audience).or_default().shift(row, true);
        });
    }

    /// Compares it with what is stored, except for rows that are evaluated again when the base opens.
    fn end(self, state: &State, findings: &mut Findings) {
        for audience in self.next.numbers.iter().copied() {
            let mut found = self.found.get(&audience).cloned().unwrap_or_default();
            found.keep_below(state.build.below());
            for (row, is_in) in differences(&state.build.rows(audience), &found) {
                if !state.replayed.contains(row) {
                    findings.add(Some(state.number), Damage::Audience { audience, row, is_in });
                }
            }
        }
    }
}

impl Census {
    /// Nobody yet.
    pub fn new(definitions: Arc<Definitions>, state: &State) -> Self {
        let evaluator = Evaluator::new(Arc::clone(definitions.serving()));
        let next = state.build.next().map(|next| NextCensus {
            next: Arc::clone(next),
            evaluator: Evaluator::new(Arc::clone(&next.world)),
            found: BTreeMap::new(),
        });
        Self { definitions, evaluator, found: BTreeMap::new(), next }
    }

    /// Adds a member.
    pub fn member(&mut self, row: Row, member: &Member) {
        let world = Arc::clone(self.evaluator.world());
        let side = Sided::new(member, &self.definitions.hands);
        let found = &mut self.found;
        self.evaluator.each(row, side, world.everyone(), |audience| {
            found.entry(audience).or_default().shift(row, true);
        });
        self.next.iter_mut().for_each(|next| next.member(row, side));
    }

    /// Compares it with what is stored.
    pub fn end(self, state: &State, findings: &mut Findings) {
        let (hands, base) = (&self.definitions.hands, Some(state.number));
        let known = self.definitions.audiences().iter().map(|audience| audience.number);
        let numbers: BTreeSet<AudienceNumber> =
            known.chain(state.members.numbers()).chain(hands.numbers()).collect();
        for audience in numbers {
            let found = self.found.get(&audience).cloned().unwrap_or_default();
            if !is_renewed(&self.definitions, audience) {
                for (row, is_in) in differences(&state.members.of(audience), &found) {
                    findings.add(base, Damage::Audience { audience, row, is_in });
                }
            }
            let is_known = self.definitions.audiences().get(audience).is_some();
            let (picked, removed) = (hands.picked(audience), hands.removed(audience));
            for row in rows(&picked).chain(rows(&removed)) {
                let is_both = picked.contains(Row(row)) && removed.contains(Row(row));
                if is_both || row >= state.header.next_row || !is_known {
                    findings.add(base, Damage::AudienceHand { audience, row });
                }
            }
        }
        self.next.into_iter().for_each(|next| next.end(state, findings));
    }
}

/// Whether an audience is evaluated anew when the base opens, because addresses are folded by another rule
/// now.
fn is_renewed(definitions: &Definitions, number: AudienceNumber) -> bool {
    let is_same = |audience: &Audience| match &audience.state {
        AudienceState::Ready => false,
        AudienceState::Building { serving, .. } => **serving == audience.filter,
    };
    let is_built = definitions.next().is_some_and(|next| next.has(number));
    is_built && definitions.audiences().in_use().any(|audience| is_same(audience))
}

/// Every row that only one of the two has, and whether that is the first.
fn differences(stored: &RowSet, found: &RowSet) -> Vec<(u64, bool)> {
    let none = Chunk::new();
    let mut chunks: Vec<u64> = stored.chunks().chain(found.chunks()).map(|(chunk, _)| chunk).collect();
    chunks.sort_unstable();
    chunks.dedup();
    let mut differ = Vec::new();
    for chunk in chunks {
        let [had, has] = [stored, found].map(|rows| rows.chunk(chunk).unwrap_or(&none));
        let row = |low: u32| chunk.saturating_mul(CHUNK_ROWS).saturating_add(u64::from(low));
        differ.extend((had - has).iter().map(|low| (row(low), true)));
        differ.extend((has - had).iter().map(|low| (row(low), false)));
    }
    differ
}

fn rows(set: &RowSet) -> impl Iterator<Item = u64> {
    set.chunks().flat_map(|(chunk, rows)| {
        rows.iter().map(move |low| chunk.saturating_mul(CHUNK_ROWS).saturating_add(u64::from(low)))
    })
}
