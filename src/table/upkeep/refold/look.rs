//! The search for members whose addresses become equal, and for addresses that would not be accepted today.

use std::sync::Arc;

use crate::engine::Engine;
use crate::model::{BaseNumber, Email, Row, Sealer};
use crate::stored::member;
use crate::table::TableError;
use crate::table::index::block::Stored;
use crate::table::index::hash::Hashes;
use crate::table::index::rewrite::{Pieces, email_lookup};
use crate::table::index::walk::{self, Seen};
use crate::table::upkeep::refold::report::{Holder, MAX_LISTED, RefoldReport, holder};

/// Adds the findings in one base to `report`. `hashes` uses the new fold.
pub async fn look(
    pieces: Pieces,
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    hashes: &Hashes,
    sealer: &Sealer,
    report: &mut RefoldReport,
) -> Result<(), TableError> {
    let (_, parts) = email_lookup(pieces, engine, base).await?;
    for part in 0..parts {
        let mut seen: Vec<(u64, u64)> = Vec::new();
        let mut damaged = None;
        walk::walk(engine, base, |found| match found {
            Seen::Member(row, member) => {
                let Some(email) = &member.profile.email else { return };
                if part == 0 {
                    note(report, email, || holder(sealer, base, row, email));
                }
                let hash = hashes.email(email);
                if hash % parts == part {
                    seen.push((hash, row));
                }
            }
            Seen::Damaged(damage) => damaged = Some(damage),
        })
        .await?;
        if let Some(damage) = damaged {
            return Err(TableError::Damaged(damage.to_string()));
        }
        seen.sort_unstable();
        for (a, b) in seen.iter().zip(seen.iter().skip(1)).filter(|(a, b)| a.0 == b.0) {
            compare(engine, base, hashes, sealer, [a.1, b.1], report).await?;
        }
    }
    Ok(())
}

fn note(report: &mut RefoldReport, email: &Email, holder: impl FnOnce() -> Holder) {
    report.members += 1;
    if Email::parse(email.as_str()).is_ok() {
        return;
    }
    if report.outdated.len() < MAX_LISTED {
        report.outdated.push(holder());
    } else {
        report.more_outdated += 1;
    }
}

/// Reports two members whose addresses have the same hash, if their folded addresses really are equal.
async fn compare(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    hashes: &Hashes,
    sealer: &Sealer,
    rows: [u64; 2],
    report: &mut RefoldReport,
) -> Result<(), TableError> {
    let stored = Stored::read(engine, base, rows.iter().map(|row| Row(*row))).await?;
    let email = |row: u64| -> Result<Option<Email>, TableError> {
        let record = stored.record(Row(row))?;
        Ok(record.map(member::decode).transpose()?.and_then(|member| member.profile.email))
    };
    let [row, other] = rows;
    let (Some(a), Some(b)) = (email(row)?, email(other)?) else { return Ok(()) };
    if a.folded(hashes.fold()) != b.folded(hashes.fold()) {
        return Ok(());
    }
    if report.pairs.len() < MAX_LISTED {
        report.pairs.push((holder(sealer, base, row, &a), holder(sealer, base, other, &b)));
    } else {
        report.more_pairs += 1;
    }
    Ok(())
}
