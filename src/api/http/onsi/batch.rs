//! `POST /v1/members/jobs`: a batch of actions on single members.
//!
//! The body is read and checked while it arrives, and is never held whole. A batch with a fault makes no job:
//! the reply lists the faults of all actions, also those that depend on the members that are there.

use std::mem::take;

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde_json::Value;

use super::action::{Action, Reading};
use super::call::{Call, CallRequest, Input};
use super::csv::{Accepted, DRY_RUN, dry_run};
use super::failure::Failure;
use super::fields::{Fields, Presence};
use super::issue::{Code, Issue};
use super::issues::Issues;
use super::query::flags;
use crate::api::http::about::About;
use crate::api::http::elements::{Elements, TooLong};
use crate::api::http::expected::{self, LISTS};
use crate::api::http::json::parse_with;
use crate::api::http::openapi::{Document, content};
use crate::api::http::pieces::Pieces;
use crate::api::http::receive::is_json;
use crate::api::http::tree::Entries;
use crate::directory::{self, BatchUpload, Error, NewBatch};
use crate::model::limits::{BATCH_MAX_ACTIONS, VIOLATIONS_MAX};
use crate::model::{Change, GuardExpectation, Job, Reason};

/// The field with the actions.
const ACTIONS: &str = "actions";
/// Actions that are handed on together.
const TOGETHER: usize = 1_000;

/// `POST /v1/members/jobs`
pub struct PostBatch;

/// What the caller says about a batch.
pub struct AboutBatch {
    is_dry_run: bool,
    expect: GuardExpectation,
}

/// A batch of actions, which are applied in order.
#[derive(JsonSchema)]
#[schemars(rename = "Batch", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is made")]
struct Body {
    #[schemars(length(min = 1, max = BATCH_MAX_ACTIONS))]
    actions: Vec<Action>,
}

impl Input for AboutBatch {
    const FILE: Option<fn(&mut Document) -> Value> = Some(|document| content(&document.request::<Body>()));

    fn read(request: &CallRequest, issues: &mut Issues) -> Option<Self> {
        if !is_json(&request.head.headers) {
            issues.add(Code::HeaderValidation, "content-type".to_owned(), "must be application/json");
        }
        let [is_dry_run] = flags([DRY_RUN], &request.query, issues)?;
        // The header was checked already.
        let expect = expected::read(LISTS, &request.head.headers).unwrap_or_default().changes;
        Some(Self { is_dry_run, expect })
    }

    fn parameters(_document: &mut Document) -> Vec<Value> {
        vec![dry_run()]
    }
}

impl Call for PostBatch {
    const ABOUT: About = About::write(
        Method::POST,
        "/v1/members/jobs",
        "jobs batch",
        "Applies actions on single members in order, in the background. If any action has a fault, none is applied.",
    )
    .succeeding(StatusCode::ACCEPTED)
    .expecting(LISTS)
    .refusing(&[StatusCode::CONFLICT]);
    type Input = AboutBatch;
    type Reply = Accepted;

    async fn run(mut request: CallRequest, input: AboutBatch) -> Result<Accepted, Failure> {
        let Some(mut pieces) = request.take_pieces() else {
            return Err(Error::Internal { private: "a call with a body has none".to_owned() }.into());
        };
        match receive(&request, &input, &mut pieces).await {
            Ok(job) => Ok(Accepted::new(request.directory.sealer(), &job)),
            Err(failure) => {
                pieces.drain(&request.head.headers).await;
                Err(failure)
            }
        }
    }
}

/// Reads the body to its end, and returns the job that it makes.
async fn receive(request: &CallRequest, input: &AboutBatch, pieces: &mut Pieces) -> Result<Job, Failure> {
    let AboutBatch { is_dry_run, expect } = *input;
    let upload = request.directory.begin_batch(NewBatch { base: request.base, is_dry_run, expect }).await?;
    let reading = Reading {
        sealer: request.directory.sealer(),
        base: request.base,
        today: request.directory.now().date(),
    };
    let mut arriving =
        Arriving { reading, upload, read: 0, ready: Vec::new(), unread: Vec::new(), issues: Vec::new() };
    let (mut elements, mut found) = (Elements::of(ACTIONS), Vec::new());
    while let Some(bytes) = pieces.next().await? {
        let split = elements.push(&bytes, &mut found);
        let is_whole = arriving.take(take(&mut found)).await?;
        if let Err(too_long) = split {
            arriving.refuse(too_long);
        }
        if !is_whole || split.is_err() || arriving.issues.len() >= VIOLATIONS_MAX {
            return arriving.give_up();
        }
    }
    arriving.hand_on().await?;
    let mut issues = Issues::default();
    check_rest(&elements.rest(), &mut issues);
    arriving.finish(issues.into_list()).await
}

/// A batch that arrives.
struct Arriving<'a> {
    reading: Reading<'a>,
    upload: BatchUpload,
    /// The actions that were looked at, with or without a fault.
    read: usize,
    /// Actions that are not handed on yet.
    ready: Vec<directory::Action>,
    /// The places of actions with faults that were found here, in order. They are not handed on.
    unread: Vec<usize>,
    /// Issues, with the places of their actions.
    issues: Vec<(usize, Issue)>,
}

impl Arriving<'_> {
    /// Reads actions, and hands them on. Returns whether what follows can be read.
    async fn take(&mut self, elements: Vec<Vec<u8>>) -> Result<bool, Failure> {
        for element in elements {
            let place = self.read;
            if place >= BATCH_MAX_ACTIONS {
                let rule = format!("must have at most {BATCH_MAX_ACTIONS} entries");
                self.issues.push((place, Issue::at(Code::BodyValidation, ACTIONS.to_owned(), &rule)));
                return Ok(false);
            }
            self.read += 1;
            match self.reading.read(&element) {
                Ok(action) => self.ready.push(action),
                Err(unread) => {
                    self.unread.push(place);
                    self.note(place, unread.issues);
                    if unread.is_broken {
                        return Ok(false);
                    }
                }
            }
            if self.ready.len() >= TOGETHER {
                self.hand_on().await?;
            }
        }
        Ok(true)
    }

    /// Hands on the actions that are ready.
    async fn hand_on(&mut self) -> Result<(), Failure> {
        Ok(self.upload.push(&take(&mut self.ready)).await?)
    }

    fn note(&mut self, place: usize, issues: Vec<Issue>) {
        let path = format!("{ACTIONS}[{place}]");
        self.issues.extend(issues.into_iter().map(|issue| (place, issue.under(&path))));
    }

    /// Notes that a part of the body is too long.
    fn refuse(&mut self, too_long: TooLong) {
        let (path, rule) = match too_long {
            TooLong::Element => (format!("{ACTIONS}[{}]", self.read), "is too long"),
            TooLong::Rest => (String::new(), "is too long, besides its actions"),
        };
        self.issues.push((self.read, Issue::at(Code::BodyValidation, path, rule)));
    }

    /// The failure of a body that is not read any further.
    fn give_up(self) -> Result<Job, Failure> {
        self.upload.give_up()?;
        Err(failure(Vec::new(), self.issues))
    }

    /// Makes the job, or returns all issues; `of_body` are those that are not about an action.
    async fn finish(mut self, of_body: Vec<Issue>) -> Result<Job, Failure> {
        let is_faulty = !of_body.is_empty() || !self.issues.is_empty();
        let (upload, unread) = (self.upload, take(&mut self.unread));
        let faults = match upload.complete(is_faulty).await? {
            Ok(job) => return Ok(job),
            Err(faults) => faults,
        };
        for fault in faults {
            // The actions before it that were not handed on count too.
            let place =
                unread.iter().fold(fault.place, |place, unread| place + usize::from(*unread <= place));
            let path = format!("{ACTIONS}[{place}]");
            let issues = self.reading.refused(&fault).into_iter();
            self.issues.extend(issues.map(|issue| (place, issue.under(&path))));
        }
        Err(failure(of_body, self.issues))
    }
}

/// The failure with these issues, those of actions in the order of the actions.
fn failure(of_body: Vec<Issue>, mut of_actions: Vec<(usize, Issue)>) -> Failure {
    of_actions.sort_by_key(|(place, _)| *place);
    let mut issues = of_body;
    issues.extend(of_actions.into_iter().map(|(_, issue)| issue));
    issues.truncate(VIOLATIONS_MAX);
    Failure::new(StatusCode::BAD_REQUEST, issues)
}

/// Checks what the body has besides its actions, each of which is a `0` here.
fn check_rest(rest: &[u8], issues: &mut Issues) {
    let fields = match parse_with(rest, std::marker::PhantomData::<Entries>) {
        Ok(fields) => fields,
        Err(refusal) => {
            // A position would be wrong, because the actions are left out.
            let fault = refusal.violations.into_iter().next().map(|fault| fault.description);
            let fault = match refusal.reason {
                Reason::MessageMalformed if !rest.is_empty() => "is not JSON".to_owned(),
                _ => fault.unwrap_or_default(),
            };
            issues.add(Code::BodyValidation, String::new(), &fault);
            return;
        }
    };
    let mut body = Fields::new("", fields, issues);
    if let Change::Set(actions) = body.list(ACTIONS, Presence::Required)
        && actions.is_empty()
    {
        body.issues().add(Code::BodyValidation, ACTIONS.to_owned(), "must have at least one entry");
    }
    body.finish();
}
