//! Calls about one member: create, correct, replace, activate, offboard.

use std::time::Instant;

use crate::directory::handle::result_of_another_call;
use crate::directory::selector::Selector;
use crate::directory::{Directory, Error};
use crate::model::origin::Call;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Edit, Member, MemberRow, Origin, Outcome, Row};
use crate::table::{EditReply, EditRequest, EditWhat, Edited, RequestResult, StoredResult};

/// A member after a call about it.
#[derive(Debug)]
pub struct EditedMember {
    /// Its row.
    pub row: Row,
    /// The member, as the caller may see it.
    pub member: Box<Member>,
    /// What happened: created, updated, reactivated or unchanged.
    pub outcome: Outcome,
    /// The memberbase's revision after the call.
    pub revision: u64,
}

impl Directory {
    /// Creates a member. With `revive`, an inactive member with the row's e-mail address is reactivated
    /// instead.
    pub async fn create_member(
        &self,
        base: BaseNumber,
        row: MemberRow,
        revive: bool,
        deadline: Option<Instant>,
    ) -> Result<EditedMember, Error> {
        if let Some(stored) = self.stored_result() {
            return self.edited_again(base, stored).await;
        }
        let row = Box::new(self.marked(base, row).await?);
        let what = EditWhat::Create { row, revive };
        let origin = self.origin(Call::CREATE_MEMBER);
        self.edit(base, self.request(what, deadline, origin)).await
    }

    /// Changes the member that `selector` names.
    pub async fn change_member(
        &self,
        selector: Selector,
        edit: Edit,
        if_revision: Option<u64>,
        deadline: Option<Instant>,
    ) -> Result<EditedMember, Error> {
        if let Some(stored) = self.stored_result() {
            return self.edited_again(self.base_of(&selector)?, stored).await;
        }
        let (base, key) = self.select(selector)?;
        let origin = self.origin(call_of(&edit));
        let edit = match edit {
            Edit::Replace(row) => Edit::Replace(Box::new(self.marked(base, *row).await?)),
            Edit::Rewrite(row) => Edit::Rewrite(Box::new(self.marked(base, *row).await?)),
            Edit::Update(_) | Edit::UpdateMasked(..) | Edit::Rename(_) | Edit::Activate | Edit::Offboard => {
                edit
            }
        };
        let what = EditWhat::Change { key, edit, if_revision };
        self.edit(base, self.request(what, deadline, origin)).await
    }

    /// The row, marked if its e-mail address belongs to a person with an account.
    async fn marked(&self, base: BaseNumber, row: MemberRow) -> Result<MemberRow, Error> {
        self.guarded.check_base(AccessLevel::Write, base).await?;
        let mut rows = [row];
        self.guarded.mark_accounts(base, &mut rows, |row| Some(row)).await?;
        let [row] = rows;
        Ok(row)
    }

    async fn edited_again(&self, base: BaseNumber, stored: &StoredResult) -> Result<EditedMember, Error> {
        let RequestResult::Member(row, outcome) = stored.result else { return Err(result_of_another_call()) };
        let member = Box::new(self.member_now(base, row).await?);
        Ok(EditedMember { row, member, outcome, revision: stored.revision.unwrap_or_default() })
    }

    fn request(&self, what: EditWhat, deadline: Option<Instant>, origin: Origin) -> EditRequest {
        let (sight, expected) = (self.guarded.sight(), self.expected_changes());
        EditRequest { what, sight, expected, claim: self.claim(), deadline, origin }
    }

    async fn edit(&self, base: BaseNumber, request: EditRequest) -> Result<EditedMember, Error> {
        let base = self.guarded.base(AccessLevel::Write, base).await?;
        let EditReply { edited, revision } = base.edit(request).await?;
        match edited {
            Edited::Done { row, member, outcome } => {
                let member = Box::new(self.guarded.show(*member));
                Ok(EditedMember { row, member, outcome, revision })
            }
            Edited::Missing => Err(Error::MemberNotFound),
            Edited::Refused(refusal) => Err(refusal.into()),
        }
    }
}

fn call_of(edit: &Edit) -> Call {
    match edit {
        Edit::Update(_) | Edit::UpdateMasked(..) => Call::UPDATE_MEMBER,
        Edit::Replace(_) => Call::REPLACE_MEMBER,
        Edit::Rewrite(_) => Call::REWRITE_MEMBER,
        Edit::Rename(_) => Call::RENAME_MEMBER,
        Edit::Activate => Call::ACTIVATE_MEMBER,
        Edit::Offboard => Call::OFFBOARD_MEMBER,
    }
}
