//! `POST /v1/members`, `PATCH`, `PUT` and `DELETE /v1/members/{id}`, and `POST /v1/members/{id}/activate`

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Asked, Call};
use super::failure::{Code, Failure, Issue, Issues};
use super::input::{Shape, row};
use super::member::{Member, render};
use super::read::{check_id, not_found, shown_id};
use super::shape::{MemberChange, NewMember, NoBody};
use crate::directory::{EditedMember, Error, Key};
use crate::model::token::AccessLevel;
use crate::model::{Edit, Email, MemberRow, Refusal, Status};

/// `POST /v1/members`
pub struct Create;

impl Call for Create {
    const NAME: &'static str = "members create";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/v1/members";
    const SUMMARY: &'static str = "Invites a member, or brings an inactive one back.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const HAS_BODY: bool = true;
    const SUCCESS: StatusCode = StatusCode::CREATED;
    type Body = NewMember;
    type Reply = Member;

    async fn run(asked: Asked) -> Result<Member, Failure> {
        let row = parse(&asked, Shape::Add, Issues::default())?;
        let email = row.patch.email.as_set().cloned().map(Email::into_string);
        match asked.directory.create_member(asked.base, row, true, None).await {
            Ok(EditedMember { row, member, .. }) => Ok(render(&asked, row, *member)),
            Err(Error::Refused(refusal)) => {
                let issue = Issue { email, ..Issue::new(Code::InvalidAddMemberPayload, String::new()) };
                Err(refuse(&asked, refusal, issue).await)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// `PATCH /v1/members/{id}`
pub struct Update;

impl Call for Update {
    const NAME: &'static str = "members update";
    const METHOD: Method = Method::PATCH;
    const PATH: &'static str = "/v1/members/{id}";
    const SUMMARY: &'static str = "Changes fields of a member.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const HAS_BODY: bool = true;
    type Body = MemberChange;
    type Reply = Member;

    async fn run(asked: Asked) -> Result<Member, Failure> {
        let row = parse_for_id(&asked, Shape::Update)?;
        change(&asked, Edit::Update(Box::new(row)), Code::InvalidUpdateMemberPayload).await
    }
}

/// `PUT /v1/members/{id}`
pub struct Replace;

impl Call for Replace {
    const NAME: &'static str = "members replace";
    const METHOD: Method = Method::PUT;
    const PATH: &'static str = "/v1/members/{id}";
    const SUMMARY: &'static str = "Replaces a member; an inactive one comes back.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const HAS_BODY: bool = true;
    type Body = NewMember;
    type Reply = Member;

    async fn run(asked: Asked) -> Result<Member, Failure> {
        let row = parse_for_id(&asked, Shape::Replace)?;
        // Fields that this door does not know, such as attributes, are not its to take away.
        change(&asked, Edit::Rewrite(Box::new(row)), Code::InvalidUpdateMemberPayload).await
    }
}

/// `DELETE /v1/members/{id}`
pub struct Offboard;

/// That it was done.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Done {
    #[schemars(extend("enum" = ["OK"]))]
    message: &'static str,
}

impl Call for Offboard {
    const NAME: &'static str = "members offboard";
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/v1/members/{id}";
    const SUMMARY: &'static str = "Offboards a member.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const HAS_BODY: bool = false;
    type Body = NoBody;
    type Reply = Done;

    async fn run(asked: Asked) -> Result<Done, Failure> {
        checked_id(&asked)?;
        change(&asked, Edit::Offboard, Code::InvalidRemoveMemberPayload).await?;
        Ok(Done { message: "OK" })
    }
}

/// `POST /v1/members/{id}/activate`
pub struct Activate;

impl Call for Activate {
    const NAME: &'static str = "members activate";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/v1/members/{id}/activate";
    const SUMMARY: &'static str = "Accepts the invitation of a member.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const HAS_BODY: bool = false;
    type Body = NoBody;
    type Reply = Member;

    async fn run(asked: Asked) -> Result<Member, Failure> {
        checked_id(&asked)?;
        change(&asked, Edit::Activate, Code::InvalidUpdateMemberPayload).await
    }
}

fn checked_id(asked: &Asked) -> Result<(), Failure> {
    let mut issues = Issues::default();
    check_id(asked, &mut issues);
    issues.finish(Some(()))
}

fn parse_for_id(asked: &Asked, shape: Shape) -> Result<MemberRow, Failure> {
    let mut issues = Issues::default();
    check_id(asked, &mut issues);
    parse(asked, shape, issues)
}

fn parse(asked: &Asked, shape: Shape, mut issues: Issues) -> Result<MemberRow, Failure> {
    let bytes = asked.body.as_ref().map(|body| body.bytes.as_slice()).unwrap_or_default();
    let row = row(bytes, shape, asked.directory.now().date(), &mut issues);
    issues.finish(row)
}

/// Changes the member of the path; refusals get the code `refused`.
async fn change(asked: &Asked, edit: Edit, refused: Code) -> Result<Member, Failure> {
    let key = Key::Id(asked.id.clone());
    match asked.directory.change_member(asked.base, key, edit, None, None).await {
        Ok(EditedMember { row, member, .. }) => Ok(render(asked, row, *member)),
        Err(Error::MemberNotFound) => Err(not_found(asked, StatusCode::BAD_REQUEST)),
        Err(Error::Refused(refusal)) => {
            let issue = Issue { member_id: Some(shown_id(asked)), ..Issue::new(refused, String::new()) };
            Err(refuse(asked, refusal, issue).await)
        }
        Err(error) => Err(error.into()),
    }
}

/// The refusal of a row, in issues like `issue`. An e-mail address that belongs to somebody who takes part, or is invited
/// to, has a code of its own.
async fn refuse(asked: &Asked, refusal: Refusal, issue: Issue) -> Failure {
    let invited = match already_invited(asked, &refusal).await {
        Ok(invited) => invited,
        Err(error) => return error.into(),
    };
    let mut failure = Failure::refused(issue.code, &refusal);
    for found in failure.issues_mut() {
        found.member_id.clone_from(&issue.member_id);
        found.email.clone_from(&issue.email);
        if let Some(holder) = invited.as_ref().filter(|_| found.path.as_deref() == Some("email")) {
            found.code = Code::MemberAlreadyInvited;
            found.member_id = Some(holder.clone());
        }
    }
    failure
}

/// The id of the member whose e-mail address the row wanted, unless that member is inactive.
async fn already_invited(asked: &Asked, refusal: &Refusal) -> Result<Option<String>, Error> {
    let is_email = refusal.reason == crate::model::Reason::EmailTaken;
    let Some(row) = refusal.taken_by.filter(|_| is_email) else { return Ok(None) };
    let id = asked.directory.sealer().member_id_onsi(asked.base, row);
    match asked.directory.get_by_id(&id, Some(asked.base), None).await {
        Ok((_, _, member, _)) => Ok((member.status != Status::Inactive).then_some(id)),
        // Gone since.
        Err(Error::MemberNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
