//! `PUT /v1/members/jobs/csv` and `PUT /v2/members/jobs/csv`: a full list as a CSV file.
//!
//! The file is read and checked while it arrives. A file with faults makes no job.

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::call::{Call, CallRequest, Input};
use super::failure::Failure;
use super::issue::{Code, Issue};
use super::issues::Issues;
use super::job::JobId;
use super::query::{flag, flags};
use crate::api::http::about::About;
use crate::api::http::content_digest::{self, CONTENT_DIGEST};
use crate::api::http::expected::{self, LISTS, number};
use crate::api::http::file::{File, PART, SentAs};
use crate::api::http::header::{HeaderFault, single};
use crate::api::http::idempotency::IDEMPOTENCY_KEY;
use crate::api::http::openapi::Document;
use crate::directory::{BegunList, Error, FileFault, ListUpload, NewList};
use crate::model::limits::SAFE_INTEGER_MAX;
use crate::model::{GuardExpectation, Job, ListFormat, ListMatch, ListOptions, Reason, Refusal, Sealer};

/// The header with the number of rows of the file.
const EXPECTED_ROWS: &str = "x-expected-rows";
/// The parameter of a request that only makes the plan.
pub const DRY_RUN: &str = "dryRun";

/// `PUT /v1/members/jobs/csv`, or the same under `/v2`.
pub struct PutList<const VERSION: u8>;

/// A file, and what the caller says about it.
pub struct ListFile {
    sent_as: SentAs,
    is_dry_run: bool,
    rows: Option<u64>,
    sha256: Option<[u8; 32]>,
    expect: GuardExpectation,
}

/// The reply to a list or batch.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JobAccepted")]
pub struct Accepted {
    #[schemars(with = "JobId")]
    job_id: String,
}

impl Accepted {
    /// This job was accepted.
    pub fn new(sealer: &Sealer, job: &Job) -> Self {
        Self { job_id: sealer.job_id_onsi(job.base, job.number) }
    }
}

impl Input for ListFile {
    const FILE: Option<fn(&mut Document) -> Value> = Some(content);

    fn read(request: &CallRequest, issues: &mut Issues) -> Option<Self> {
        let headers = &request.head.headers;
        let flags = flags([DRY_RUN], &request.query, issues);
        let mut header = |name: &str, fault: &str| {
            issues.add(Code::HeaderValidation, name.to_owned(), fault);
        };
        let sent_as = SentAs::of(headers).map_err(|fault| header("content-type", fault)).ok();
        let rows = match single(headers, EXPECTED_ROWS) {
            Ok(None) => None,
            Ok(Some(text)) => {
                let number = number(text);
                if number.is_none() {
                    header(EXPECTED_ROWS, "must be a whole number");
                }
                number
            }
            Err(fault @ (HeaderFault::Twice | HeaderFault::NotVisible | HeaderFault::Rule(_))) => {
                header(EXPECTED_ROWS, &fault.to_string());
                None
            }
        };
        let sha256 = content_digest::sha256(headers);
        let sha256 = sha256.map_err(|fault| header(CONTENT_DIGEST, fault)).unwrap_or_default();
        // The header was checked already.
        let expect = expected::read(LISTS, headers).unwrap_or_default().changes;
        let [is_dry_run] = flags?;
        Some(Self { sent_as: sent_as?, is_dry_run, rows, sha256, expect })
    }

    fn parameters(_document: &mut Document) -> Vec<Value> {
        vec![
            dry_run(),
            json!({
                "name": EXPECTED_ROWS, "in": "header", "required": false,
                "schema": { "type": "integer", "minimum": 0, "maximum": SAFE_INTEGER_MAX },
                "description": "How many rows the file has, without its header. A file with another number is refused.",
            }),
            json!({
                "name": "Content-Digest", "in": "header", "required": false,
                "schema": { "type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/]{43}=:$" },
                "description": "The SHA-256 of the body, as in RFC 9530. A body with another one is refused.",
            }),
        ]
    }
}

/// The parameter of a request that only makes the plan, for the document.
pub fn dry_run() -> Value {
    flag(DRY_RUN, "Whether the job ends after its plan, without writing anything.")
}

/// The types of the body, for the document.
fn content(_document: &mut Document) -> Value {
    json!({
        "text/csv": { "schema": { "type": "string" } },
        "application/octet-stream": { "schema": { "type": "string", "format": "binary" } },
        "multipart/form-data": { "schema": {
            "type": "object", "additionalProperties": false, "required": [PART],
            "properties": { PART: { "type": "string", "format": "binary" } },
        } },
    })
}

impl<const VERSION: u8> Call for PutList<VERSION> {
    const ABOUT: About = if VERSION == 1 {
        about(
            "/v1/members/jobs/csv",
            "jobs csv-v1",
            "Makes the members equal to a full list. Empty bank columns keep the details of a member.",
        )
    } else {
        about(
            "/v2/members/jobs/csv",
            "jobs csv-v2",
            "Makes the members equal to a full list. Empty bank columns remove the details of a member.",
        )
    };
    type Input = ListFile;
    type Reply = Accepted;

    async fn run(mut request: CallRequest, input: ListFile) -> Result<Accepted, Failure> {
        let Some(pieces) = request.take_pieces() else {
            return Err(Error::Internal { private: "a call with a file has no body".to_owned() }.into());
        };
        let pieces = if input.sha256.is_some() { pieces.hashed() } else { pieces };
        let mut file = File::new(pieces, &input.sent_as);
        match receive(&request, &input, VERSION == 1, &mut file).await {
            Ok(job) => Ok(Accepted::new(request.directory.sealer(), &job)),
            Err(failure) => {
                file.drain(&request.head.headers).await;
                Err(failure)
            }
        }
    }
}

const fn about(path: &'static str, name: &'static str, summary: &'static str) -> About {
    About::write(Method::PUT, path, name, summary)
        .succeeding(StatusCode::ACCEPTED)
        .expecting(LISTS)
        .refusing(&[StatusCode::CONFLICT])
}

/// Reads the file to its end, and returns its job.
async fn receive(
    request: &CallRequest,
    input: &ListFile,
    keeps_bank_details: bool,
    file: &mut File,
) -> Result<Job, Failure> {
    let new = NewList {
        base: request.base,
        options: ListOptions {
            match_by: ListMatch::WorkerIdOrEmail,
            expect: input.expect,
            keeps_bank_details,
            ..ListOptions::default()
        },
        name: String::new(),
        is_dry_run: input.is_dry_run,
        asks_first: false,
        format: Some(ListFormat::Csv),
        sheet: None,
        columns: Vec::new(),
        is_checked: true,
    };
    let mut upload = match request.directory.begin_list(new).await? {
        BegunList::New(upload) => upload,
        BegunList::Repeat(job) => return repeat(file, *job).await,
    };
    store(&mut upload, file).await?;
    if input.sha256.is_some() && file.sha256().await != input.sha256 {
        return Err(Failure::header(CONTENT_DIGEST, "is not the SHA-256 of the body that arrived"));
    }
    if input.rows.is_some_and(|rows| rows != upload.rows()) {
        let fault = format!("differs from the number of rows that arrived, which is {}", upload.rows());
        return Err(Failure::header(EXPECTED_ROWS, &fault));
    }
    Ok(upload.complete(None, None).await?)
}

async fn store(upload: &mut ListUpload, file: &mut File) -> Result<(), Failure> {
    while let Some(bytes) = file.next().await? {
        upload.push(&bytes).await.map_err(|error| refused(upload.faults(), error))?;
    }
    upload.end().await.map_err(|error| refused(upload.faults(), error))
}

/// The job of an earlier request with the same request id, if it had the same file.
async fn repeat(file: &mut File, job: Job) -> Result<Job, Failure> {
    let mut hash = Sha256::new();
    while let Some(bytes) = file.next().await? {
        hash.update(&bytes);
    }
    if job.input.sha256 == <[u8; 32]>::from(hash.finalize()) {
        return Ok(job);
    }
    let refusal = Refusal::field(Reason::RequestIdReused, IDEMPOTENCY_KEY, "was used for another request");
    Err(Error::from(refusal).into())
}

/// The issues of a file that is refused, or the failure for another reason.
fn refused(faults: &[FileFault], error: Error) -> Failure {
    if faults.is_empty() || error.reason() != Reason::FileRefused {
        return error.into();
    }
    let issue = |fault: &FileFault| {
        let path = Some(fault.column.clone()).filter(|column| !column.is_empty());
        let message = match &path {
            Some(column) => format!("{column} {}", fault.message),
            None => fault.message.clone(),
        };
        Issue { path, row: fault.line, ..Issue::new(Code::FileContent, message) }
    };
    Failure::new(StatusCode::BAD_REQUEST, faults.iter().map(issue).collect())
}
