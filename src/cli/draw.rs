//! Ids that the command line chooses.

use super::Error;
use crate::model::ImportId;

/// A random id, which no other run of the program has: that of an import, or of a request.
pub fn id() -> Result<ImportId, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Broken(format!("no random numbers: {error}")))?;
    Ok(ImportId(u128::from_le_bytes(bytes)))
}
