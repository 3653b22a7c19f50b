//! The reference for records of members: plain lists.

use super::*;
use crate::model::record::{
    Clip, ClipDetails, ClipId, StampCollection, StampCollectionId, Transaction, samples,
};
use crate::model::{ForeignText, MemberRecord, RecordCounts, RecordFault, RecordKind};
use crate::table::{RecordChange, RecordOutcome, RecordsRequest, Which};

/// Only the first members have records.
const ROWS: u64 = 4;

/// A change whose member and name come from small ranges, so that changes collide.
#[derive(Debug, Clone)]
pub enum SmallChange {
    Clip { row: u64, name: u8, deal: Option<u8> },
    Unclip { row: u64, name: u8, by_id: bool },
    Enrol { row: u64, name: u8, program: bool },
    Stamp { row: u64, name: u8, stamps: u64 },
    Buy { row: u64, name: u8, amount: Option<i64> },
}

pub fn changes() -> impl Strategy<Value = Vec<SmallChange>> {
    let change =
        (0..ROWS, 0_u8..2, 0..10_u8, proptest::option::of(0_u8..3)).prop_map(|(row, name, kind, detail)| {
            match kind {
                0..3 => SmallChange::Clip { row, name, deal: detail },
                3 => SmallChange::Unclip { row, name, by_id: detail == Some(0) },
                4..6 => SmallChange::Enrol { row, name, program: detail != Some(0) },
                6 => SmallChange::Stamp { row, name, stamps: u64::from(detail.unwrap_or_default()) + 1 },
                // Names of transactions are unique in the base, so use more of them.
                _ => SmallChange::Buy { row, name: name + 2 * (kind - 7), amount: detail.map(i64::from) },
            }
        });
    // One fault refuses the whole request, so long requests would seldom succeed.
    proptest::collection::vec(change, 1..5)
}

/// The change as a request to the table. `seed` makes the ids of new records of different requests different.
pub fn record_change(small: &SmallChange, seed: u64) -> RecordChange {
    let foreign = |text: String| ForeignText::parse(text).unwrap();
    let own = |kind: &str, name: u8| foreign(format!("{kind}{name}"));
    let id = |row: u64, name: u8| u128::from(seed) << 32 | u128::from(row) << 8 | u128::from(name);
    match *small {
        SmallChange::Clip { row, name, deal } => {
            let details = ClipDetails { deal_id: deal.map(|n| own("deal", n)), ..ClipDetails::default() };
            let clip =
                Clip { id: ClipId(id(row, name)), creative_id: own("dc", name), details, ..samples::clip() };
            RecordChange::Save { row: Row(row), record: MemberRecord::Clip(clip.into()) }
        }
        SmallChange::Unclip { row, name, by_id } => {
            // No record has an id of this request yet.
            let which = if by_id { Which::Id(id(row, name)) } else { Which::Own(own("dc", name)) };
            RecordChange::Delete { row: Row(row), kind: RecordKind::Clip, which }
        }
        SmallChange::Enrol { row, name, program } => {
            let stamps = StampCollection {
                id: StampCollectionId(id(row, name)),
                loyalty_program_id: foreign(if program { "lp_1" } else { "lp_2" }.to_owned()),
                external_id: own("sc", name),
                stamps: 0,
                ..samples::stamps()
            };
            RecordChange::Save { row: Row(row), record: MemberRecord::StampCollection(stamps.into()) }
        }
        SmallChange::Stamp { row, name, stamps } => {
            RecordChange::AddStamps { row: Row(row), which: Which::Own(own("sc", name)), stamps }
        }
        SmallChange::Buy { row, name, amount } => {
            let transaction = Transaction {
                external_id: own("tx", name),
                amount,
                currency: None,
                statement_descriptor: None,
                ..samples::transaction()
            };
            RecordChange::Save { row: Row(row), record: MemberRecord::Transaction(transaction.into()) }
        }
    }
}

/// One outcome for each change, or all faults with the places of their changes.
pub type Outcomes = Result<Vec<RecordOutcome>, Vec<(usize, RecordFault)>>;

/// The records of every member, in the order in which they were made.
pub type Lists = BTreeMap<u64, Vec<MemberRecord>>;

impl Reference {
    pub fn change_records(&mut self, changes: &[RecordChange], now: Timestamp) -> Outcomes {
        let mut lists = self.records.clone();
        let (mut outcomes, mut faults) = (Vec::new(), Vec::new());
        for (index, change) in changes.iter().enumerate() {
            match self.change(&mut lists, change, now) {
                Ok(outcome) => outcomes.push(outcome),
                Err(fault) => faults.push((index, fault)),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        self.note_taken_names(changes, &outcomes);
        let wrote = outcomes.iter().any(|outcome| !matches!(outcome, RecordOutcome::Unchanged(_)));
        self.records = lists;
        self.revision += u64::from(wrote);
        Ok(outcomes)
    }

    fn change(
        &self,
        lists: &mut Lists,
        change: &RecordChange,
        now: Timestamp,
    ) -> Result<RecordOutcome, RecordFault> {
        let row = match change {
            RecordChange::Save { row, .. }
            | RecordChange::AddStamps { row, .. }
            | RecordChange::Delete { row, .. } => row.0,
        };
        if !self.rows.contains_key(&row) {
            return Err(RecordFault::MemberNotFound);
        }
        let named = |kind, own: &ForeignText| {
            let own = own.clone();
            move |record: &MemberRecord| record.kind() == kind && *record.name() == own
        };
        match change {
            RecordChange::Save { record, .. } => {
                let is_it = named(record.kind(), record.name());
                let is_foreign = record.kind() == RecordKind::Transaction
                    && lists.iter().any(|(other, list)| *other != row && list.iter().any(&is_it));
                let list = lists.entry(row).or_default();
                match list.iter_mut().find(|record| is_it(record)) {
                    _ if is_foreign => Err(RecordFault::OfAnotherMember),
                    None => {
                        list.push(record.clone().created_at(now));
                        Ok(RecordOutcome::Created(record.clone().created_at(now)))
                    }
                    Some(old) => match old.merge(record)? {
                        None => Ok(RecordOutcome::Unchanged(old.clone())),
                        Some(merged) => {
                            *old = merged.updated_at(now);
                            Ok(RecordOutcome::Updated(old.clone()))
                        }
                    },
                }
            }
            RecordChange::AddStamps { which: Which::Own(own), stamps, .. } => {
                let is_it = named(RecordKind::StampCollection, own);
                let found = lists.get_mut(&row).and_then(|list| list.iter_mut().find(|record| is_it(record)));
                let old = found.ok_or(RecordFault::RecordNotFound)?;
                let MemberRecord::StampCollection(collection) = old else {
                    return Err(RecordFault::RecordNotFound);
                };
                collection.stamps += stamps;
                *old = old.clone().updated_at(now);
                Ok(RecordOutcome::Updated(old.clone()))
            }
            RecordChange::Delete { kind, which, .. } => {
                let is_it = |record: &MemberRecord| match which {
                    Which::Own(own) => named(*kind, own)(record),
                    Which::Id(id) => record.kind() == *kind && record.id() == Some(*id),
                };
                let list = lists.entry(row).or_default();
                let place = list.iter().position(is_it).ok_or(RecordFault::RecordNotFound)?;
                list.remove(place);
                Ok(RecordOutcome::Deleted)
            }
            RecordChange::AddStamps { which: Which::Id(_), .. } => Err(RecordFault::RecordNotFound),
        }
    }

    /// Removes the records of a deleted member, and counts them.
    pub fn drop_records(&mut self, row: u64) -> RecordCounts {
        let mut counts = RecordCounts::default();
        for record in self.records.remove(&row).unwrap_or_default() {
            *counts.get_mut(record.kind()) += 1;
        }
        counts
    }
}

impl Subject {
    pub async fn change_records(&self, changes: Vec<RecordChange>) -> Result<(Outcomes, u64), TableError> {
        let reply = self
            .base
            .change_records(RecordsRequest {
                changes,
                claim: None,
                deadline: None,
                origin: Origin::default(),
            })
            .await?;
        Ok((reply.outcomes, reply.revision))
    }

    /// Compares the records of every member, and of all together, with the reference.
    pub async fn compare_records(&self, reference: &Reference) {
        let view = self.base.view().await;
        for row in 0..ROWS {
            for kind in RecordKind::ALL {
                let found = view.member_records(Row(row), kind, None, false, usize::MAX).await.unwrap();
                let found = found.map(|list| list.into_iter().map(|(_, record)| record).collect::<Vec<_>>());
                let listed = reference.records.get(&row).into_iter().flatten();
                let listed: Vec<_> = listed.filter(|record| record.kind() == kind).cloned().collect();
                assert_eq!(found, reference.rows.contains_key(&row).then_some(listed), "{kind:?} of {row}");
            }
        }
        let (all, next) = view.all_records(None, usize::MAX).await.unwrap();
        assert_eq!((all.len(), next), (reference.records.values().map(Vec::len).sum(), None));
    }
}
