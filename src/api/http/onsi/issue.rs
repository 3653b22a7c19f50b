//! An issue: one fault of a request, with a code of the published list.

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

/// The code of an issue: clients branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum Code {
    /// An internal error, or a service that is not available at the moment.
    InternalServerError,
    /// The request is invalid, and no other code fits.
    BadRequest,
    /// The caller is not authenticated, or not allowed to do this.
    Forbidden,
    /// The path or the object does not exist.
    NotFound,
    /// The current state does not allow the change.
    Conflict,
    /// The request is valid, but cannot be applied.
    UnprocessableEntity,
    /// The rate limit is exceeded, or the server is overloaded; retry later.
    RateLimitExceeded,
    /// The body is invalid.
    BodyValidation,
    /// A parameter is invalid.
    QueryValidation,
    /// The path is invalid.
    PathValidation,
    /// A header is invalid.
    HeaderValidation,
    /// The member does not exist.
    MemberNotFound,
    /// The e-mail address belongs to a member who is active or invited.
    MemberAlreadyInvited,
    /// The member cannot be added with these values.
    InvalidAddMemberPayload,
    /// The member cannot be changed to these values.
    InvalidUpdateMemberPayload,
    /// The member cannot be offboarded.
    InvalidRemoveMemberPayload,
    /// The bank details are not valid.
    BankAccountInvalid,
    /// The file of a list is wrong.
    FileContent,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// What kind of fault.
    pub code: Code,
    /// For people.
    pub message: String,
    /// Where: dotted, with indexes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The member that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_id: Option<String>,
    /// The e-mail address that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The line of the file that it is about; the header is line 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
}

impl Issue {
    /// An issue with a code and a message.
    pub fn new(code: Code, message: String) -> Self {
        Self { code, message, path: None, member_id: None, email: None, row: None }
    }

    /// An issue about `path`; the message is the path and then `description`.
    pub fn at(code: Code, path: String, description: &str) -> Self {
        let name: &str = if path.is_empty() { "the body" } else { &path };
        Self { path: Some(path.clone()), ..Self::new(code, format!("{name} {description}")) }
    }

    /// The same issue about a part of something larger: its path is under `place`.
    pub fn under(mut self, place: &str) -> Self {
        let Some(path) = self.path.take() else { return Self { path: Some(place.to_owned()), ..self } };
        let (name, path) = match path.as_str() {
            "" => ("the body", place.to_owned()),
            name => (name, format!("{place}.{name}")),
        };
        if let Some(rest) = self.message.strip_prefix(name) {
            self.message = format!("{path}{rest}");
        }
        Self { path: Some(path), ..self }
    }

    /// An issue whose code follows from the status.
    pub fn of_status(status: StatusCode, message: String) -> Self {
        let code = match status.as_u16() {
            401 | 403 => Code::Forbidden,
            404 => Code::NotFound,
            409 => Code::Conflict,
            422 => Code::UnprocessableEntity,
            429 => Code::RateLimitExceeded,
            500.. => Code::InternalServerError,
            _ => Code::BadRequest,
        };
        Self::new(code, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_about_a_part_names_the_whole_path() {
        let under = |issue: Issue| {
            let issue = issue.under("actions[3]");
            (issue.path.unwrap(), issue.message)
        };
        let at = |path: &str| Issue::at(Code::BodyValidation, path.to_owned(), "is required");
        let is = |path: &str, message: &str| (path.to_owned(), message.to_owned());
        assert_eq!(under(at("email")), is("actions[3].email", "actions[3].email is required"));
        assert_eq!(under(at("")), is("actions[3]", "actions[3] is required"));
        let bare = Issue::new(Code::MemberNotFound, "the member does not exist".to_owned());
        assert_eq!(under(bare), is("actions[3]", "the member does not exist"));
    }
}
