//! Checks that the commit log of a base is complete, without a gap, and in line with its header. Applies the
//! commits after the watermark to the stored indexes, as when a base opens.

use std::sync::Arc;

use crate::model::{Row, Timestamp};
use crate::stored::audience::Record;
use crate::stored::commit::{Change, CommitPart, LookupOp, RowChange};
use crate::stored::header::{Header, follows, may_precede};
use crate::stored::{DecodeError, key, member};
use crate::table::TableError;
use crate::table::audit::findings::Findings;
use crate::table::audit::state::Audit;
use crate::table::audit::state::State;
use crate::table::index::damage::Damage;
use crate::table::index::lookup::LookupKind;
use crate::table::index::overlay::Op;
use crate::table::index::replay::audience_changes;
use crate::table::index::scan::for_each;
use crate::table::index::sets::{CHUNK_ROWS, SetChange, SetField};

/// Checks the log, and applies to `state` the commits that the stored indexes lack.
pub async fn check(audit: &mut Audit<'_>, state: &mut State) -> Result<(), TableError> {
    let (engine, findings, base) = (audit.engine, &mut audit.findings, state.number);
    let mut log = Log::default();
    for_each(engine, key::commits(base), |key, value| {
        let Some((revision, part)) = key::commit_parts(&key) else {
            findings.unknown_key(Some(base), &key);
            return Ok(());
        };
        log.follow(state, revision, part, findings);
        match log.read(state, revision, part, &value, findings) {
            Ok(()) => {}
            Err(error) => {
                log.is_readable = false;
                findings.unreadable(base, &key, error);
            }
        }
        Ok(())
    })
    .await?;
    state.sets.settle();
    state.sets.show_built();
    log.end(state, findings);
    audit.report.commits += log.commits;
    Ok(())
}

/// The position in the log, and what was counted up to there.
#[derive(Debug)]
struct Log {
    first: Option<u64>,
    at: Option<At>,
    commits: u64,
    /// Rows created for the first time.
    created: u64,
    /// Deleted members that came back.
    restored: u64,
    deleted: u64,
    /// The row after the last one that was created for the first time.
    next_row: u64,
    /// Whether every part so far was readable.
    is_readable: bool,
    /// The last change that was read in this commit.
    change: Option<(Row, Change)>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            first: None,
            at: None,
            commits: 0,
            created: 0,
            restored: 0,
            deleted: 0,
            next_row: 0,
            is_readable: true,
            change: None,
        }
    }
}

/// The last part that was read.
#[derive(Debug, Clone, Copy)]
struct At {
    revision: u64,
    part: u32,
    /// Whether it is the last part of its commit; `None` if it is not readable.
    last: Option<bool>,
    time: Timestamp,
}

impl Log {
    /// Checks that a part follows the one before it.
    fn follow(&mut self, state: &State, revision: u64, part: u32, findings: &mut Findings) {
        let mut add = |damage| findings.add(Some(state.number), damage);
        match self.at {
            Some(at) if at.revision == revision => {
                if at.part.checked_add(1) != Some(part) || at.last == Some(true) {
                    add(Damage::CommitParts { revision, part });
                }
                return;
            }
            Some(at) => {
                if at.last == Some(false) {
                    add(Damage::CommitParts { revision: at.revision, part: at.part });
                }
                if revision > at.revision && !follows(at.revision, revision) {
                    add(Damage::CommitsMissing { from: at.revision + 1, to: revision - 1 });
                }
                if part != 0 {
                    add(Damage::CommitParts { revision, part });
                }
            }
            None => {
                self.first = Some(revision);
                // Housekeeping may have removed the first parts of a commit that the indexes have.
                if part != 0 && revision > state.stored.watermark {
                    add(Damage::CommitParts { revision, part });
                }
                if revision > state.stored.watermark && !follows(state.stored.watermark, revision) {
                    add(Damage::CommitsMissing { from: state.stored.watermark + 1, to: revision - 1 });
                }
            }
        }
        self.commits += 1;
        if revision > state.header.revision {
            add(Damage::CommitSurplus { revision, last: state.header.revision });
        }
    }

    fn read(
        &mut self,
        state: &mut State,
        revision: u64,
        number: u32,
        bytes: &[u8],
        findings: &mut Findings,
    ) -> Result<(), DecodeError> {
        let before = self.at.map_or(state.header.created_at, |at| at.time);
        self.at = Some(At { revision, part: number, last: None, time: before });
        if number == 0 {
            self.change = None;
        }
        let mut part = CommitPart::open(bytes)?;
        self.at = Some(At { revision, part: number, last: Some(part.last), time: part.time });
        if part.time < before {
            findings.add(Some(state.number), Damage::CommitTime { revision });
        }
        while let Some(change) = part.next_change()? {
            if change.goes_on {
                if !self.goes_on_rightly(&change) {
                    findings.add(Some(state.number), Damage::CommitParts { revision, part: number });
                }
                replay_if_missing(state, revision, change);
                continue;
            }
            self.change = Some((change.row, change.change));
            self.sum(change.row, change.change);
            if let Some(damage) = judge(&state.header, revision, &change) {
                findings.add(Some(state.number), damage);
            }
            replay_if_missing(state, revision, change);
        }
        Ok(())
    }

    /// Whether a change continues the one before it.
    fn goes_on_rightly(&self, change: &RowChange<'_>) -> bool {
        self.change == Some((change.row, change.change)) && change.before.is_none()
    }

    fn sum(&mut self, row: Row, change: Change) {
        match change {
            // New rows are created in ascending order.
            Change::Created if row.0 < self.next_row => self.restored += 1,
            Change::Created => {
                self.created += 1;
                self.next_row = row.0.saturating_add(1);
            }
            Change::Deleted => self.deleted += 1,
            Change::Updated
            | Change::Reactivated
            | Change::Base
            | Change::Records
            | Change::Audience
            | Change::AudienceRows => {}
        }
    }

    /// Checks that the log ends at the revision of the header.
    fn end(&self, state: &State, findings: &mut Findings) {
        let mut add = |damage| findings.add(Some(state.number), damage);
        let (header, watermark) = (&state.header, state.stored.watermark);
        if watermark > header.revision {
            add(Damage::Watermark { watermark, last: header.revision });
        }
        let has_up_to = self.at.map_or(watermark, |at| at.revision);
        if has_up_to < header.revision {
            add(Damage::CommitsMissing { from: has_up_to + 1, to: header.revision });
        }
        if let Some(at) = self.at {
            if at.last == Some(false) {
                add(Damage::CommitParts { revision: at.revision, part: at.part });
            }
            if at.revision == header.revision && at.last.is_some() && at.time != header.committed_at {
                add(Damage::CommitTime { revision: at.revision });
            }
        }
        let is_whole = self.first == Some(1) && self.commits == header.revision && self.is_readable;
        let (next_row, total) = (header.next_row, total(header));
        let all = self.created.saturating_add(self.restored);
        let adds_up = self.created == next_row && all.checked_sub(self.deleted) == Some(total);
        if is_whole && !adds_up {
            add(Damage::LogSum { created: all, deleted: self.deleted, next_row, total });
        }
    }
}

fn total(header: &Header) -> u64 {
    let counts = &header.counts;
    counts.invited.saturating_add(counts.active).saturating_add(counts.inactive)
}

fn judge(header: &Header, revision: u64, change: &RowChange<'_>) -> Option<Damage> {
    let is_of_rows = !matches!(change.change, Change::Base | Change::Audience);
    if is_of_rows && change.row.0 >= header.next_row {
        return Some(Damage::CommitRow { revision, row: change.row.0, next_row: header.next_row });
    }
    let fits = match (change.change, change.before) {
        (Change::Created | Change::Records | Change::AudienceRows, before) => before.is_none(),
        (Change::Audience, before) => {
            before.is_none_or(|before| Record::decode(before).is_ok_and(|before| before.revision <= revision))
        }
        (_, None) => false,
        (Change::Base, Some(before)) => may_precede(before, revision),
        (_, Some(before)) => member::decode(before).is_ok_and(|before| before.revision <= revision),
    };
    if fits { None } else { Some(Damage::CommitBefore { revision }) }
}

fn replay_if_missing(state: &mut State, revision: u64, change: RowChange<'_>) {
    if revision > state.stored.watermark {
        replay(state, change);
    }
}

fn replay(state: &mut State, change: RowChange<'_>) {
    let Row(row) = change.row;
    state.replayed.insert(row);
    for delta in change.lookups {
        let Some(kind) = LookupKind::from_number(delta.lookup) else { continue };
        let (op, growth) = match delta.op {
            LookupOp::Insert(fingerprint) => (Op::Put(fingerprint), 1),
            LookupOp::Refresh(fingerprint) => (Op::Put(fingerprint), 0),
            LookupOp::Remove => (Op::Remove, -1),
        };
        state.overlays.get_mut(kind).set(delta.hash, row, op);
        let entries = state.entries.get_mut(kind);
        *entries = entries.saturating_add_signed(growth);
    }
    let moves = audience_changes(change.row, &change.audiences, change.rows);
    moves.for_each(|change| state.members.apply(&change));
    for delta in change.sets {
        let Some(field) = SetField::from_number(delta.field) else { continue };
        state.chunks.insert(row / CHUNK_ROWS);
        state.sets.shift(&SetChange {
            field,
            value: Arc::from(delta.value),
            row: Row(row),
            enters: delta.enters,
        });
    }
}
