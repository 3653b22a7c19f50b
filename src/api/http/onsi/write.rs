//! `POST /v1/members`, `PATCH`, `PUT` and `DELETE /v1/members/{id}`, and `POST /v1/members/{id}/activate`

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Call, CallRequest};
use super::failure::Failure;
use super::input::{Added, Changed, Replaced};
use super::issue::{Code, Issue};
use super::member::{Member, render};
use super::read::{not_found, shown_id};
use crate::api::http::about::About;
use crate::api::http::expected::{FIELDS, REMOVALS};
use crate::directory::{EditedMember, Error, Key, Selector};
use crate::model::{Edit, Email, Reason, Refusal, Status};

/// `POST /v1/members`
pub struct Create;

impl Call for Create {
    const ABOUT: About = About::write(
        Method::POST,
        "/v1/members",
        "members create",
        "Invites a new member, or reactivates an inactive one.",
    )
    .succeeding(StatusCode::CREATED)
    .expecting(FIELDS)
    .refusing(&[StatusCode::CONFLICT]);
    type Input = Added;
    type Reply = Member;

    async fn run(request: CallRequest, Added(row): Added) -> Result<Member, Failure> {
        let email = row.patch.email.as_set().cloned().map(Email::into_string);
        match request.directory.create_member(request.base, *row, true, None).await {
            Ok(EditedMember { row, member, .. }) => Ok(render(&request, row, *member)),
            Err(Error::Refused(refusal)) => {
                let issue = Issue { email, ..Issue::new(Code::InvalidAddMemberPayload, String::new()) };
                Err(refuse(&request, refusal, issue).await)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// `PATCH /v1/members/{id}`
pub struct Update;

impl Call for Update {
    const ABOUT: About =
        About::write(Method::PATCH, "/v1/members/{id}", "members update", "Changes fields of a member.")
            .expecting(FIELDS)
            .refusing(&[StatusCode::CONFLICT]);
    type Input = Changed;
    type Reply = Member;

    async fn run(request: CallRequest, Changed(row): Changed) -> Result<Member, Failure> {
        change(&request, Edit::Update(row), Code::InvalidUpdateMemberPayload).await
    }
}

/// `PUT /v1/members/{id}`
pub struct Replace;

impl Call for Replace {
    const ABOUT: About = About::write(
        Method::PUT,
        "/v1/members/{id}",
        "members replace",
        "Replaces a member; an inactive member is reactivated.",
    )
    .expecting(FIELDS)
    .refusing(&[StatusCode::CONFLICT]);
    type Input = Replaced;
    type Reply = Member;

    async fn run(request: CallRequest, Replaced(row): Replaced) -> Result<Member, Failure> {
        // Fields that this door does not know, such as attributes, keep their values.
        change(&request, Edit::Rewrite(row), Code::InvalidUpdateMemberPayload).await
    }
}

/// `DELETE /v1/members/{id}`
pub struct Offboard;

/// The reply of a call without a result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Done {
    #[schemars(extend("enum" = ["OK"]))]
    message: &'static str,
}

impl Call for Offboard {
    const ABOUT: About =
        About::write(Method::DELETE, "/v1/members/{id}", "members offboard", "Offboards a member.")
            .expecting(REMOVALS)
            .refusing(&[StatusCode::CONFLICT]);
    type Input = ();
    type Reply = Done;

    async fn run(request: CallRequest, (): ()) -> Result<Done, Failure> {
        change(&request, Edit::Offboard, Code::InvalidRemoveMemberPayload).await?;
        Ok(Done { message: "OK" })
    }
}

/// `POST /v1/members/{id}/activate`
pub struct Activate;

impl Call for Activate {
    const ABOUT: About = About::write(
        Method::POST,
        "/v1/members/{id}/activate",
        "members activate",
        "Accepts the invitation of a member.",
    );
    type Input = ();
    type Reply = Member;

    async fn run(request: CallRequest, (): ()) -> Result<Member, Failure> {
        change(&request, Edit::Activate, Code::InvalidUpdateMemberPayload).await
    }
}

/// Changes the member in the path; issues of a refusal have the code `refused`.
async fn change(request: &CallRequest, edit: Edit, refused: Code) -> Result<Member, Failure> {
    match request.directory.change_member(request.selector(), edit, None, None).await {
        Ok(EditedMember { row, member, .. }) => Ok(render(request, row, *member)),
        Err(Error::MemberNotFound) => Err(not_found(request, StatusCode::BAD_REQUEST)),
        Err(Error::Refused(refusal)) => {
            let issue = Issue { member_id: Some(shown_id(request)), ..Issue::new(refused, String::new()) };
            Err(refuse(request, refusal, issue).await)
        }
        Err(error) => Err(error.into()),
    }
}

/// The refusal of a row, as issues like `issue`. An e-mail address of an active or invited member has a code
/// of its own.
async fn refuse(request: &CallRequest, refusal: Refusal, issue: Issue) -> Failure {
    let invited = match already_invited(request, &refusal).await {
        Ok(invited) => invited,
        Err(error) => return error.into(),
    };
    let is_invited = invited.is_some();
    Failure::new(StatusCode::BAD_REQUEST, issues_of(&refusal, &issue, is_invited, invited.as_ref()))
}

/// The issues of a refusal, like `issue`. `is_invited` says whether an active or invited member has the
/// e-mail address, whose issue then has a code of its own; `holder` is the id of this member, if it has one.
pub fn issues_of(refusal: &Refusal, issue: &Issue, is_invited: bool, holder: Option<&String>) -> Vec<Issue> {
    let mut found = Failure::refused(issue.code, refusal).into_issues();
    for found in &mut found {
        found.member_id.clone_from(&issue.member_id);
        found.email.clone_from(&issue.email);
        if is_invited && found.path.as_deref() == Some("email") {
            found.code = Code::MemberAlreadyInvited;
            found.member_id = holder.cloned();
        }
    }
    found
}

/// The id of the member that already has the row's e-mail address, unless that member is inactive.
async fn already_invited(request: &CallRequest, refusal: &Refusal) -> Result<Option<String>, Error> {
    let is_email = refusal.reason == Reason::EmailTaken;
    let Some(row) = refusal.taken_by.filter(|_| is_email) else { return Ok(None) };
    let id = request.directory.sealer().member_id_onsi(request.base, row);
    match request.directory.get_member(Selector::Within(request.base, Key::Id(id.clone())), None).await {
        Ok((_, _, member, _)) => Ok((member.status != Status::Inactive).then_some(id)),
        // Deleted since.
        Err(Error::MemberNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
