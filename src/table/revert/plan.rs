//! Finds the members of a revert, and orders them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Reason, Refusal, Row};
use crate::stored::job::{Reversal, Undo};
use crate::table::TableError;
use crate::table::index::resolve::Wanted;
use crate::table::open::OpenBase;
use crate::table::revert::compare::{self, Candidate};
use crate::table::revert::judge::ReadyRevert;
use crate::table::revert::log::{Own, Since, Traces, Walk, check_log};
use crate::table::revert::order;
use crate::table::revert::request::RevertRequest;
use crate::table::sync::Begun;

/// Members that are compared with the present together.
const COMPARED_TOGETHER: usize = 500;
/// Members of one group at most, because a group is one commit.
const GROUP_MAX: usize = 1_000;

/// The plan of a revert, while the commit log is read and compared with the present. Drop it to give up.
pub struct RevertPlan {
    open: Arc<OpenBase>,
    request: RevertRequest,
    begun: Begun,
    /// Where the log must begin.
    since: Since,
    own: Own,
    walk: Walk,
    traces: Traces,
    is_read: bool,
    candidates: Vec<Candidate>,
}

impl RevertPlan {
    /// Begins a plan on what is published now.
    pub(in crate::table) async fn begin(
        open: Arc<OpenBase>,
        request: RevertRequest,
    ) -> Result<Self, TableError> {
        let begun = Begun::now(&open).await?;
        let (since, until) = request.span(begun.revision);
        let first = check_log(&open, since).await?;
        Ok(Self {
            walk: Walk::new(&open, first, until, begun.revision),
            own: Own { of: request.of, until: request.asked_at, job: request.job },
            traces: Traces::default(),
            is_read: false,
            candidates: Vec::new(),
            begun,
            since,
            request,
            open,
        })
    }

    /// Does a part of the work. Returns `false` once the plan is ready to be ordered.
    pub async fn go_on(&mut self) -> Result<bool, TableError> {
        if !self.is_read {
            self.is_read = !self.walk.read(&self.open, &self.own, &mut self.traces).await?;
            if self.is_read {
                // The housekeeping may have removed commits that were not read yet.
                check_log(&self.open, self.since).await?;
            }
            return Ok(true);
        }
        let mut slice = Vec::with_capacity(COMPARED_TOGETHER);
        while slice.len() < COMPARED_TOGETHER
            && let Some(next) = self.traces.members.pop_first()
        {
            slice.push(next);
        }
        if slice.is_empty() {
            return Ok(false);
        }
        for (row, _) in &slice {
            // Its records are taken into account there.
            self.traces.records.remove(row.0);
        }
        self.candidates.extend(compare::compare(&self.open, slice).await?);
        Ok(true)
    }

    /// How many members were compared with the present.
    #[must_use]
    pub fn compared(&self) -> u64 {
        u64::try_from(self.candidates.len()).unwrap_or(u64::MAX)
    }

    /// Orders the members.
    #[must_use]
    pub fn order(mut self) -> ReadyRevert {
        let mut reversals = ordered(std::mem::take(&mut self.candidates));
        let stays = |row, why| Reversal { row, seen: 0, with_next: false, does: Undo::Stays(why) };
        for row in &self.traces.records {
            let text = "its records were changed: clips, stamp collections and transactions stay as they are";
            reversals.push(stays(Some(Row(row)), Refusal::field(Reason::NotReverted, "", text)));
        }
        for (revision, call) in &self.traces.base {
            let call = call.and_then(|call| call.name()).unwrap_or("an unknown call");
            let text =
                format!("revision {revision} changed the memberbase itself ({call}), which stays as it is");
            reversals.push(stays(None, Refusal::field(Reason::NotReverted, "", text)));
        }
        ReadyRevert { open: self.open, request: self.request, begun: self.begun, reversals }
    }
}

/// The candidates in the order in which they are applied: each after those whose keys it gets, in groups that
/// exchange their keys; apart from that in the order of their rows, so that few blocks are written twice.
fn ordered(candidates: Vec<Candidate>) -> Vec<Reversal> {
    let mut freed_by: HashMap<Wanted, usize> = HashMap::new();
    for (n, candidate) in candidates.iter().enumerate() {
        freed_by.extend(candidate.frees.iter().map(|key| (*key, n)));
    }
    let needs: Vec<Vec<usize>> = candidates
        .iter()
        .enumerate()
        .map(|(n, candidate)| {
            let holders = candidate.needs.iter().filter_map(|key| freed_by.get(key));
            holders.copied().filter(|holder| *holder != n).collect()
        })
        .collect();
    let mut groups = order::groups(&needs);
    for (_, members) in &mut groups {
        members.sort_unstable();
    }
    // The candidates are in the order of their rows.
    groups.sort_by_key(|(length, members)| (*length, members.first().copied()));
    let mut reversals: Vec<Option<Reversal>> =
        candidates.into_iter().map(|candidate| Some(candidate.reversal)).collect();
    let mut ordered = Vec::with_capacity(reversals.len());
    for (_, members) in groups {
        let (count, is_too_large) = (members.len(), members.len() > GROUP_MAX);
        for (n, place) in members.into_iter().enumerate() {
            let Some(mut reversal) = reversals.get_mut(place).and_then(Option::take) else { continue };
            if is_too_large {
                reversal.does = Undo::Stays(Refusal::new(Reason::KeysEntangled));
            }
            reversal.with_next = !is_too_large && n + 1 < count;
            ordered.push(reversal);
        }
    }
    ordered
}
