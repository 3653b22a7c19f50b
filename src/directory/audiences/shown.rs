//! Audiences as callers see them, and their ids.

use std::sync::Arc;

use crate::directory::selector::malformed;
use crate::directory::{Directory, Error, Lacking, Shows};
use crate::model::audience::AudienceState;
use crate::model::{Audience, AudienceNumber, Audiences, BaseNumber, IdError, Reason, Refusal};
use crate::table::View;

/// An audience as a caller may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownAudience {
    /// Its memberbase.
    pub base: BaseNumber,
    /// The audience.
    pub audience: Arc<Audience>,
    /// Whether its filter looks at personal fields, itself or through others.
    pub is_pii: bool,
    /// How many members it has; `None` if it is archived, or the caller may not know.
    pub members: Option<u64>,
    /// While its filter is being built: the rows for which it was evaluated, and all rows.
    pub built: Option<(u64, u64)>,
}

impl Directory {
    /// The number of the audience of `base` with this id; `field` is the request field that holds the id.
    pub fn audience_in(&self, base: BaseNumber, id: &str, field: &str) -> Result<AudienceNumber, Error> {
        if id.is_empty() {
            return Err(Refusal::field(Reason::FieldRequired, field, "is required").into());
        }
        let opened = self.sealer().open_audience_of(base, id).map_err(|fault| malformed(field, &fault))?;
        opened.ok_or_else(|| Refusal::new(Reason::AudienceNotFound).into())
    }

    /// Decodes the id of an audience, which need not exist; `field` is the request field that holds the id. A
    /// caller whose token is bound to one memberbase gets the same error for every other well-formed id.
    pub fn audience_number(&self, id: &str, field: &str) -> Result<(BaseNumber, AudienceNumber), Error> {
        if id.is_empty() {
            return Err(Refusal::field(Reason::FieldRequired, field, "is required").into());
        }
        let (base, number) = self.sealer().open_audience(id).map_err(|fault| match fault {
            IdError::Unknown if self.guarded.bound_to().is_some() => Error::from(Lacking::Base),
            IdError::Unknown => Refusal::new(Reason::AudienceNotFound).into(),
            IdError::WrongPrefix { .. }
            | IdError::WrongMemberPrefix
            | IdError::WrongJobPrefix
            | IdError::WrongLength
            | IdError::BadCharacter => malformed(field, &fault).into(),
        })?;
        if self.guarded.sees_base(base) { Ok((base, number)) } else { Err(Lacking::Base.into()) }
    }

    /// The audience as the caller may see it.
    pub(super) fn shown(&self, view: &View<'_>, base: BaseNumber, audience: &Arc<Audience>) -> ShownAudience {
        let is_pii = view.audiences().is_personal(audience.number);
        let knows = !audience.is_archived() && (!is_pii || self.guarded.sees_pii());
        ShownAudience {
            base,
            audience: Arc::clone(audience),
            is_pii,
            members: knows.then(|| view.audience_rows(audience.number).len()),
            built: match audience.state {
                AudienceState::Ready => None,
                AudienceState::Building { .. } => {
                    Some((view.audience_progress(audience.number).0, view.next_row().0))
                }
            },
        }
    }

    /// Rejects a caller who may not know who is in the audience.
    pub(in crate::directory) fn may_know(
        &self,
        audiences: &Audiences,
        audience: &Audience,
    ) -> Result<(), Error> {
        if !self.guarded.sees_pii() && audiences.is_personal(audience.number) {
            return Err(Lacking::Pii(Shows::Audience).into());
        }
        Ok(())
    }
}
