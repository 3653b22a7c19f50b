//! Checks that every key is in a known table, and that every key of a base has the base's header.

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
use crate::table::shared::meta::{check_new, newer_fold};

/// Reports keys that are in no known table.
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

/// Checks the store's metadata, which only an empty store may lack. Returns the hashes for checking
/// lookups; `None` if lookups cannot be checked.
pub async fn check_meta(audit: &mut Audit<'_>) -> Result<Option<Hashes>, TableError> {
    let Some(bytes) = audit.engine.get_many(&[key::meta()]).await?.pop().flatten() else {
        let anything = audit.engine.scan(KeyRange::prefix(&[]), Direction::Forward, 1).await?;
        if !anything.is_empty() || check_new(audit.engine).is_err() {
            audit.findings.add(None, Damage::MetaMissing);
        }
        return Ok(None);
    };
    // What a newer program wrote is not damage, but this program cannot check it.
    if bytes == meta::unfinished() {
        return Err(TableError::UnfinishedCopy);
    }
    let found = Meta::format(&bytes).unwrap_or_default();
    if found > meta::FORMAT {
        return Err(TableError::NewerFormat { found, supported: meta::FORMAT });
    }
    match Meta::decode(&bytes) {
        Ok(meta) => {
            audit.findings.sealer = Some(Sealer::new(IdKey(meta.id_key)));
            if meta.fold_version == REFOLDING {
                // Some lookups have the old fold and some the new one, so they cannot be checked.
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

/// Checks every token, and the times when tokens were last used.
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

/// Reports keys of bases that have no header, with one read for each base and table.
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
