//! The metadata of a store: its format, the fold of its e-mail addresses, and its secret keys.
//!
//! - Opening rejects the metadata of a newer format before it reads anything else.
//! - Opening raises a store of an older format to this program's format before it writes anything else.
//! - Opening finishes an interrupted refold before any lookup is read.
//! - Only a store that no batch was ever written to lacks metadata. Any other has lost it, and is refused:
//!   taken for a new store it would be served without tokens.

use std::sync::Arc;

use crate::engine::{Batch, Engine, EngineError, Value, commit_caught_up};
use crate::model::Fold;
use crate::stored::key;
use crate::stored::meta::{self, Meta, REFOLDING};
use crate::table::TableError;
use crate::table::index::hash::Hashes;
use crate::table::index::rewrite::{Pieces, rewrite_all};

/// Reads the metadata of the store in `engine`, or creates it.
pub async fn open(engine: &Arc<dyn Engine>) -> Result<Meta, TableError> {
    match engine.get_many(&[key::meta()]).await?.pop().flatten() {
        Some(bytes) => {
            let meta = raise_format(engine, bytes).await?;
            finish_refold(Pieces::default(), engine, meta).await
        }
        None => {
            check_new(engine)?;
            make_meta(engine).await
        }
    }
}

/// Reads the metadata of a store that another process owns, for a base on lease. The owner has raised the
/// store to its own format; if that is not this program's format, this program leaves the store alone.
pub async fn open_lent(engine: &Arc<dyn Engine>) -> Result<Meta, TableError> {
    let other = |what: &str| TableError::from(EngineError::NotOwner(what.to_owned()));
    let meta = stored_meta(engine).await?.ok_or_else(|| other("there is no store"))?;
    if meta.format != meta::FORMAT || meta.fold_version == REFOLDING {
        return Err(other("the server that owns the store keeps it in another format"));
    }
    Ok(meta)
}

/// Whether a store without metadata may be a new one.
pub fn check_new(engine: &Arc<dyn Engine>) -> Result<(), TableError> {
    let last = engine.status().durable;
    if last == 0 {
        return Ok(());
    }
    Err(TableError::Damaged(format!(
        "it has lost its metadata, although {last} batches were written to it; perhaps it was restored without the \
         rest of its data, or a rule of the database hides the rows from this user"
    )))
}

/// Decodes stored metadata; a newer format or fold is an error.
pub fn open_meta(bytes: &[u8]) -> Result<Meta, TableError> {
    if bytes == meta::unfinished() {
        return Err(TableError::UnfinishedCopy);
    }
    let found = Meta::format(bytes)?;
    if found > meta::FORMAT {
        return Err(TableError::NewerFormat { found, supported: meta::FORMAT });
    }
    let meta = Meta::decode(bytes)?;
    if meta.fold_version != REFOLDING && Fold::from_version(meta.fold_version).is_none() {
        return Err(newer_fold(meta.fold_version));
    }
    Ok(meta)
}

/// The error for a fold of a newer program.
pub fn newer_fold(found: u32) -> TableError {
    TableError::NewerFormat { found, supported: Fold::NEWEST.version() }
}

/// Raises the format of a store to that of this program, and returns the metadata then stored. No other
/// program has the store open, so none continues to write in the older format.
async fn raise_format(engine: &Arc<dyn Engine>, stored: Value) -> Result<Meta, TableError> {
    let meta = open_meta(&stored)?;
    if meta.format == meta::FORMAT {
        return Ok(meta);
    }
    // Whoever has a base of the store on lease may be an older program.
    for lease in engine.lent() {
        engine.take_back(lease).await?;
    }
    let (from, raised) = (meta.format, meta.raised());
    let mut batch = Batch::default();
    batch.checks.push((key::meta(), Some(stored)));
    batch.put(key::meta(), raised.encode());
    commit_caught_up(&**engine, batch).await?;
    tracing::info!(
        from,
        to = meta::FORMAT,
        "the store's format was raised; older versions of this program refuse it now"
    );
    Ok(raised)
}

async fn make_meta(engine: &Arc<dyn Engine>) -> Result<Meta, TableError> {
    let meta = Meta {
        format: meta::FORMAT,
        write_format: meta::FORMAT,
        fold_version: Fold::NEWEST.version(),
        id_key: random()?,
        cursor_key: random()?,
        hash_key: random()?,
        fingerprint_key: random()?,
    };
    let mut batch = Batch::default();
    batch.checks.push((key::meta(), None));
    batch.put(key::meta(), meta.encode());
    commit_caught_up(&**engine, batch).await?;
    Ok(meta)
}

/// Sixteen random bytes from the system.
pub fn random() -> Result<[u8; 16], TableError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| EngineError::Io(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

/// Finishes a refold that was begun, and returns the metadata then stored.
pub async fn finish_refold(pieces: Pieces, engine: &Arc<dyn Engine>, meta: Meta) -> Result<Meta, TableError> {
    if meta.fold_version != REFOLDING {
        return Ok(meta);
    }
    rewrite_all(pieces, engine, &Hashes::new(&meta)).await?;
    let done = Meta { fold_version: Fold::NEWEST.version(), ..meta.clone() };
    replace(engine, &meta, &done).await?;
    Ok(done)
}

/// The stored metadata; `None` if the engine holds no store yet.
pub async fn stored_meta(engine: &Arc<dyn Engine>) -> Result<Option<Meta>, TableError> {
    match engine.get_many(&[key::meta()]).await?.pop().flatten() {
        Some(bytes) => open_meta(&bytes).map(Some),
        None => check_new(engine).map(|()| None),
    }
}

/// Replaces the metadata, if it is still `before`.
pub async fn replace(engine: &Arc<dyn Engine>, before: &Meta, after: &Meta) -> Result<(), TableError> {
    let mut batch = Batch::default();
    batch.checks.push((key::meta(), Some(before.encode().into())));
    batch.put(key::meta(), after.encode());
    commit_caught_up(&**engine, batch).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::memory::MemoryEngine;

    #[tokio::test]
    async fn a_store_that_lost_its_metadata_is_not_taken_for_a_new_one() {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        open(&engine).await.unwrap();
        let mut batch = Batch::default();
        batch.delete(key::meta());
        engine.commit(batch).await.unwrap();
        let lost =
            |error: &TableError| error.to_string().contains("it has lost its metadata, although 2 batches");
        assert!(lost(&open(&engine).await.err().unwrap()));
        assert!(lost(&stored_meta(&engine).await.err().unwrap()));
        let empty: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        assert!(stored_meta(&empty).await.unwrap().is_none());
        assert_eq!(engine.get_many(&[key::meta()]).await.unwrap(), [None], "nothing was made in its place");
    }
}
