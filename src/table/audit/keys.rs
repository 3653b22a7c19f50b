//! The key space: nothing is anywhere but in a table, and nothing of a base without its header.

use crate::engine::{Direction, KeyRange};
use crate::model::{Fold, IdKey, Sealer};
use crate::stored::meta::{self, Meta, REFOLDING};
use crate::stored::{key, token};
use crate::table::TableError;
use crate::table::audit::state::Audit;
use crate::table::index::damage::Damage;
use crate::table::index::damage::hex;
use crate::table::index::hash::Hashes;
use crate::table::index::scan::for_each;
use crate::table::shared::meta::newer_fold;

/// Looks outside of every table.
pub async fn check_unclaimed(audit: &mut Audit<'_>) -> Result<(), TableError> {
    for range in key::unclaimed() {
        let findings = &mut audit.findings;
        for_each(audit.engine, range, |key, _| {
            findings.unknown_key(None, &key);
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Reads the store's own record; none if lookups cannot be checked. An empty store needs no such record.
pub async fn check_meta(audit: &mut Audit<'_>) -> Result<Option<Hashes>, TableError> {
    let Some(bytes) = audit.engine.get_many(&[key::meta()]).await?.pop().flatten() else {
        let anything = audit.engine.scan(KeyRange::prefix(&[]), Direction::Forward, 1).await?;
        if !anything.is_empty() {
            audit.findings.add(None, Damage::MetaMissing);
        }
        return Ok(None);
    };
    // What a newer program wrote is no damage, but nothing that this one could judge.
    let found = Meta::format(&bytes).unwrap_or_default();
    if found > meta::FORMAT {
        return Err(TableError::NewerFormat { found, supported: meta::FORMAT });
    }
    match Meta::decode(&bytes) {
        Ok(meta) => {
            audit.findings.sealer = Some(Sealer::new(IdKey(meta.id_key)));
            if meta.fold_version == REFOLDING {
                // Lookups of two folds fit to neither.
                audit.findings.add(None, Damage::Refolding);
                return Ok(None);
            }
            match Fold::from_version(meta.fold_version) {
                Some(_) => Ok(Some(Hashes::new(&meta))),
                None => Err(newer_fold(meta.fold_version)),
            }
        }
        Err(error) => {
            audit.findings.add(None, Damage::Unreadable { key: hex(&key::meta()), error });
            Ok(None)
        }
    }
}

/// Reads every token, and when each was last used.
pub async fn check_tokens(audit: &mut Audit<'_>) -> Result<(), TableError> {
    let findings = &mut audit.findings;
    let mut tokens: u32 = 0;
    for_each(audit.engine, key::tokens(), |key, value| {
        match (key::token_number(&key), token::decode(&value)) {
            (None, _) => findings.unknown_key(None, &key),
            (Some(number), decoded) => {
                if number > tokens {
                    findings.add(None, Damage::TokensMissing { from: tokens, to: number - 1 });
                }
                tokens = number.saturating_add(1);
                if let Err(error) = decoded {
                    findings.add(None, Damage::Unreadable { key: hex(&key), error });
                }
            }
        }
        Ok(())
    })
    .await?;
    for_each(audit.engine, key::token_uses(), |key, value| {
        match (key::token_use_number(&key).filter(|number| *number < tokens), token::decode_use(&value)) {
            (None, _) => findings.unknown_key(None, &key),
            (_, Err(error)) => findings.add(None, Damage::Unreadable { key: hex(&key), error }),
            (Some(_), Ok(_)) => {}
        }
        Ok(())
    })
    .await
}

/// Looks for keys of bases that have no header. One read per base and table.
pub async fn check_orphans(audit: &mut Audit<'_>) -> Result<(), TableError> {
    for (table, mut range) in key::tables_of_bases() {
        loop {
            let first = audit.engine.scan(range.clone(), Direction::Forward, 1).await?.pop();
            let Some((key, _)) = first else { break };
            let Some(base) = key::base_of(&key) else {
                audit.findings.unknown_key(None, &key);
                range.start = std::ops::Bound::Excluded(key);
                continue;
            };
            let header = audit.engine.get_many(&[key::header(base)]).await?.pop().flatten();
            if header.is_none() {
                audit.findings.add(Some(base), Damage::NoHeader { table, key: hex(&key) });
            }
            range = key::after_base(range, &key, base);
        }
    }
    Ok(())
}
