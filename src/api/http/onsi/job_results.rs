//! `GET /v1/members/jobs/{jobId}/results`: what happened, or by the plan would happen, to each row and to
//! each member that is offboarded. One JSON object a line, or CSV, which is sent piece by piece.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::accept::prefers;
use super::answer::Answer;
use super::call::{Call, CallRequest, Input};
use super::failure::Failure;
use super::issues::Issues;
use super::job::find;
use super::member::MemberId;
use super::query::{flag, flags};
use crate::api::http::about::About;
use crate::api::http::camel::camel;
use crate::api::http::openapi::Document;
use crate::directory::{Error, JobResultRow, RemovedResult, ResultReader, Reverted, RevertedAs, ShownInput};
use crate::lists::{guarded, one_line};
use crate::model::{self, Outcome, Sealer};

const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";
/// The parameter of a request for failed rows and kept members only.
const FAILED_ONLY: &str = "failedOnly";
/// The columns of CSV, which are the fields of a result.
const COLUMNS: [&str; 8] = ["row", "key", "memberId", "outcome", "code", "path", "message", "applied"];

/// `GET /v1/members/jobs/{jobId}/results`
pub struct Results;

/// What of the results is wanted, and in which form.
pub struct Wanted {
    failed_only: bool,
    as_csv: bool,
}

/// A result.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JobResult")]
struct Shown {
    /// The line of the file, or the number of the action, from 1; `null` for a member that the file does not
    /// name.
    row: Option<u64>,
    /// The e-mail address of the row, or else its worker id. Of a member that the file does not name: its
    /// ref, or else these.
    key: Option<String>,
    #[schemars(with = "Option<MemberId>")]
    member_id: Option<String>,
    outcome: Word,
    /// Why the row failed or the member was kept: a word for programs.
    code: Option<String>,
    /// The field at fault.
    path: Option<String>,
    /// Why the row failed, for people.
    message: Option<String>,
    /// Whether it was applied. Otherwise it is the plan's.
    applied: bool,
}

/// What happened to a row or member.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(inline)]
enum Word {
    Added,
    Updated,
    Reactivated,
    Unchanged,
    Failed,
    Offboarded,
    /// The member was created by changes that are taken back, and is deleted.
    Deleted,
    /// The member was to be offboarded, or its changes were to be taken back, and it stayed as it is.
    Kept,
}

/// Results that are sent piece by piece.
pub struct ResultFile {
    first: Option<Bytes>,
    rest: Pieces,
}

struct Pieces {
    reader: ResultReader,
    sealer: Sealer,
    as_csv: bool,
}

impl Input for Wanted {
    fn read(request: &CallRequest, issues: &mut Issues) -> Option<Self> {
        let [failed_only] = flags([FAILED_ONLY], &request.query, issues)?;
        Some(Self { failed_only, as_csv: prefers(&request.head.headers, CSV, NDJSON) })
    }

    fn parameters(_document: &mut Document) -> Vec<Value> {
        vec![flag(FAILED_ONLY, "Whether only failed rows and kept members are returned.")]
    }
}

impl Call for Results {
    const ABOUT: About = About::read(
        "/v1/members/jobs/{jobId}/results",
        "jobs results",
        "Shows what happened, or by the plan would happen, to every row and every offboarded member: one JSON \
         object a line, or CSV if `Accept` prefers it.",
    );
    type Input = Wanted;
    type Reply = ResultFile;

    async fn run(request: CallRequest, wanted: Wanted) -> Result<ResultFile, Failure> {
        find(&request).await?;
        let Wanted { failed_only, as_csv } = wanted;
        let reader = request.directory.job_results(&request.id, failed_only, ShownInput::Keys).await?;
        let mut rest = Pieces { reader, sealer: request.directory.sealer().clone(), as_csv };
        // A failure at the beginning still gets a status.
        let mut first = if as_csv { csv(&COLUMNS.map(str::to_owned)) } else { Vec::new() };
        let more = rest.next().await?;
        let is_over = more.is_none();
        first.extend(more.unwrap_or_default());
        let first = (!is_over || !first.is_empty()).then(|| Bytes::from(first));
        Ok(ResultFile { first, rest })
    }
}

impl Answer for ResultFile {
    fn content(document: &mut Document) -> Value {
        // A document cannot say what the lines are; the schema stands among the others.
        document.reply::<Shown>();
        json!({
            NDJSON: { "schema": { "type": "string", "description": "One `JobResult` a line." } },
            CSV: { "schema": { "type": "string", "description": "The fields of `JobResult` as columns." } },
        })
    }

    async fn into_response(self, status: StatusCode, _name: &'static str) -> Response {
        let kind = if self.rest.as_csv { "text/csv; charset=utf-8; header=present" } else { NDJSON };
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static(kind)),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (VARY, HeaderValue::from_static("accept")),
        ];
        let pieces = stream::unfold((self.first, Some(self.rest)), |(first, rest)| async move {
            if let Some(first) = first {
                return Some((Ok(first), (None, rest)));
            }
            let mut rest = rest?;
            match rest.next().await {
                Ok(Some(bytes)) => Some((Ok(Bytes::from(bytes)), (None, Some(rest)))),
                Ok(None) => None,
                Err(error) => {
                    // The status is sent already: the client sees a reply without its end.
                    let text = error.private().unwrap_or_default().to_owned();
                    tracing::error!(%error, "{text}");
                    Some((Err(std::io::Error::other(error.to_string())), (None, None)))
                }
            }
        });
        (status, headers, Body::from_stream(pieces)).into_response()
    }
}

impl Pieces {
    /// The next lines; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while let Some(results) = self.reader.next().await? {
            let mut bytes = Vec::new();
            for result in results {
                let result = self.render(result);
                if self.as_csv {
                    bytes.extend(csv(&cells(result)));
                } else {
                    let json = serde_json::to_string(&result).map_err(|fault| Error::Internal {
                        private: format!("a result cannot be written as JSON: {fault}"),
                    })?;
                    bytes.extend_from_slice(one_line(&json).as_bytes());
                    bytes.push(b'\n');
                }
            }
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn render(&self, result: JobResultRow) -> Shown {
        let base = self.reader.job().base;
        let id = |row: model::Row| self.sealer.member_id_onsi(base, row);
        match result {
            JobResultRow::Row { line, result, is_applied, key, is_offboard, .. } => {
                let fault = result.error.as_ref().and_then(|error| error.violations.first());
                Shown {
                    row: Some(line),
                    key,
                    member_id: result.row.map(id),
                    outcome: match result.outcome {
                        Outcome::Updated if is_offboard => Word::Offboarded,
                        outcome => word(outcome),
                    },
                    code: result.error.as_ref().map(|error| error.reason.as_str().to_owned()),
                    path: fault.map(|fault| camel(&fault.field)),
                    message: result.error.as_ref().map(ToString::to_string),
                    applied: is_applied,
                }
            }
            JobResultRow::Reverted { reverted: Reverted { row, what, is_applied }, key } => {
                let (outcome, error) = match what {
                    RevertedAs::Done(outcome) => (word(outcome), None),
                    RevertedAs::Deleted => (Word::Deleted, None),
                    RevertedAs::Offboarded(why) => (Word::Offboarded, Some(why)),
                    RevertedAs::Stays(why) => (Word::Kept, Some(why)),
                };
                let fault = error.as_ref().and_then(|error| error.violations.first());
                Shown {
                    row: None,
                    key,
                    member_id: row.map(id),
                    outcome,
                    code: error.as_ref().map(|error| error.reason.as_str().to_owned()),
                    path: fault.map(|fault| camel(&fault.field)).filter(|path| !path.is_empty()),
                    message: error.as_ref().map(ToString::to_string),
                    applied: is_applied,
                }
            }
            JobResultRow::Member { row, fate, key } => {
                let code = match fate {
                    None | Some(RemovedResult::Removed) => None,
                    Some(RemovedResult::Changed) => Some("CHANGED"),
                    Some(RemovedResult::Gone) => Some("GONE"),
                    Some(RemovedResult::Inactive) => Some("INACTIVE"),
                };
                Shown {
                    row: None,
                    key,
                    member_id: Some(id(row)),
                    outcome: if code.is_some() { Word::Kept } else { Word::Offboarded },
                    code: code.map(str::to_owned),
                    path: None,
                    message: None,
                    applied: fate.is_some(),
                }
            }
        }
    }
}

fn word(outcome: Outcome) -> Word {
    match outcome {
        Outcome::Created => Word::Added,
        Outcome::Updated => Word::Updated,
        Outcome::Reactivated => Word::Reactivated,
        Outcome::Unchanged => Word::Unchanged,
        Outcome::Failed => Word::Failed,
    }
}

/// The cells of a result, in the order of [`COLUMNS`].
fn cells(result: Shown) -> [String; 8] {
    let text = |text: Option<String>| guarded(&text.unwrap_or_default()).into_owned();
    [
        result.row.map(|row| row.to_string()).unwrap_or_default(),
        text(result.key),
        result.member_id.unwrap_or_default(),
        format!("{:?}", result.outcome),
        text(result.code),
        text(result.path),
        text(result.message),
        result.applied.to_string(),
    ]
}

/// A line of CSV.
fn csv(cells: &[String]) -> Vec<u8> {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(cells);
    writer.into_inner().unwrap_or_default()
}
