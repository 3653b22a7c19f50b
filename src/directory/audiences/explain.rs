//! Explaining why a member is in an audience, or not.

use crate::directory::access::view;
use crate::directory::selector::{Key, Selector};
use crate::directory::{Directory, Error};
use crate::model::token::AccessLevel;
use crate::model::{AudienceNumber, BaseNumber, Explanation, MemberView, Row};

/// Why a member is in an audience, or not, at one revision.
#[derive(Debug)]
pub struct ExplainedMember {
    /// The row of the member.
    pub row: Row,
    /// Why.
    pub explanation: Explanation,
    /// The revision that this shows.
    pub revision: u64,
}

impl Directory {
    /// Explains whether a member is in an audience that is not archived. The caller must be allowed to know
    /// who is in it.
    pub async fn explain_membership(
        &self,
        number: BaseNumber,
        audience: AudienceNumber,
        key: Key,
    ) -> Result<ExplainedMember, Error> {
        let base = self.guarded.base(AccessLevel::Read, number).await?;
        let view = view(&base, None).await?;
        let audience = view.audiences().may_change(audience)?;
        self.may_know(view.audiences(), audience)?;
        let (_, key) = self.select(Selector::Within(number, key))?;
        let found = view.find(&[key]).await?.pop().flatten();
        let (row, member) = found.ok_or(Error::MemberNotFound)?;
        let hand = view.audience_hand(audience.number, row);
        let memberships = view.memberships();
        let seen = MemberView { row, member: &member, fold: base.fold(), audiences: &memberships };
        let explanation = Explanation::of(audience, hand, &seen);
        Ok(ExplainedMember { row, explanation, revision: view.revision() })
    }
}
