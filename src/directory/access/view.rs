//! Views of memberbases that callers can see.

use crate::directory::Error;
use crate::table::{Base, View};

/// A view of a memberbase that is not deleted and has reached `min_revision`.
pub async fn view(base: &Base, min_revision: Option<u64>) -> Result<View<'_>, Error> {
    let view = base.view().await;
    if view.is_deleted() {
        return Err(Error::MemberBaseNotFound);
    }
    let reached = view.revision();
    match min_revision {
        Some(asked) if asked > reached => Err(Error::RevisionAhead { asked, reached }),
        Some(_) | None => Ok(view),
    }
}
