//! `transaction/ingest` and `transaction/list`

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::{ListRequest, list};
use super::saved::{time, wrong_kind};
use crate::api::http::integer::Integer;
use crate::api::http::json::Object;
use crate::api::http::openapi::values;
use crate::api::http::publisher::call::Call;
use crate::api::http::publisher::failure::Failure;
use crate::api::http::publisher::ids;
use crate::api::http::publisher::list::Listed;
use crate::api::http::receive::Received;
use crate::directory::{Directory, Error, TransactionInput};
use crate::model::limits::INGEST_MAX_EVENTS;
use crate::model::record::Currency;
use crate::model::token::AccessLevel;
use crate::model::{self, ForeignText, MemberRecord, RecordKind};

/// A purchase. Fields that were never sent are `null`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Transaction {
    #[serde(flatten)]
    event: Event,
    #[schemars(with = "model::Timestamp")]
    created_at: String,
    #[schemars(with = "model::Timestamp")]
    updated_at: String,
}

fn render(member_id: String, record: MemberRecord) -> Result<Transaction, Error> {
    let MemberRecord::Transaction(transaction) = record else { return Err(wrong_kind()) };
    let event = Event {
        member_id,
        external_id: transaction.external_id.into_string(),
        auth_code: transaction.auth_code.into_string(),
        network: transaction.network.as_str().to_owned(),
        bin: transaction.bin.into_string(),
        merchant_id: transaction.merchant_id.into_string(),
        statement_descriptor: transaction.statement_descriptor.map(ForeignText::into_string),
        amount: transaction.amount.map(Integer),
        currency: transaction.currency.map(Currency::into_string),
        authed_at: transaction.authed_at.to_string(),
        cleared_at: transaction.cleared_at.map(|at| at.to_string()),
        reverted_at: transaction.reverted_at.map(|at| at.to_string()),
    };
    let (created_at, updated_at) = (transaction.created_at.to_string(), transaction.updated_at.to_string());
    Ok(Transaction { event, created_at, updated_at })
}

/// `transaction/ingest`
pub struct Ingest;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct IngestRequest {
    #[schemars(length(max = INGEST_MAX_EVENTS))]
    events: Vec<Object<Event>>,
}

/// An event of a purchase.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TransactionEvent")]
struct Event {
    #[schemars(with = "ids::MemberId")]
    member_id: String,
    #[schemars(with = "model::ForeignText")]
    external_id: String,
    #[schemars(with = "model::ForeignText")]
    auth_code: String,
    #[schemars(with = "model::record::Network")]
    network: String,
    #[schemars(with = "model::record::Bin")]
    bin: String,
    #[schemars(with = "model::ForeignText")]
    merchant_id: String,
    #[schemars(with = "Option<model::ForeignText>")]
    statement_descriptor: Option<String>,
    #[schemars(with = "Option<values::Amount>")]
    amount: Option<Integer>,
    #[schemars(with = "Option<model::record::Currency>")]
    currency: Option<String>,
    #[schemars(with = "model::Timestamp")]
    authed_at: String,
    #[schemars(with = "Option<model::Timestamp>")]
    cleared_at: Option<String>,
    #[schemars(with = "Option<model::Timestamp>")]
    reverted_at: Option<String>,
}

/// How many events created a transaction, updated one, or changed nothing.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ingested {
    #[schemars(extend("enum" = ["ok"]))]
    status: &'static str,
    created: u64,
    updated: u64,
    unchanged: u64,
}

impl Call for Ingest {
    const PATH: &'static str = "transaction/ingest";
    const SUMMARY: &'static str =
        "Creates transactions of any members, or updates them where a repeat may change them.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const REFUSALS: &'static [StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    type Request = IngestRequest;
    type Reply = Ingested;

    async fn run(directory: Directory, body: Received) -> Result<Ingested, Failure> {
        let IngestRequest { events } = body.parse::<Self>().await?;
        let events = events.into_iter().map(|Object(event)| input(event)).collect();
        let done = directory.ingest(events, None).await?;
        let (created, updated, unchanged) = (done.created, done.updated, done.unchanged);
        Ok(Ingested { status: "ok", created, updated, unchanged })
    }
}

fn input(event: Event) -> TransactionInput {
    TransactionInput {
        authed_at: time(Some(event.authed_at)),
        cleared_at: time(event.cleared_at),
        reverted_at: time(event.reverted_at),
        member_id: event.member_id,
        external_id: event.external_id,
        auth_code: event.auth_code,
        network: event.network,
        bin: event.bin,
        merchant_id: event.merchant_id,
        statement_descriptor: event.statement_descriptor,
        amount: event.amount.map(|amount| amount.0),
        currency: event.currency,
    }
}

/// `transaction/list`
pub struct List;

impl Call for List {
    const PATH: &'static str = "transaction/list";
    const SUMMARY: &'static str = "Lists the transactions of a member, the newest first.";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Request = ListRequest;
    type Reply = Listed<Transaction>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<Transaction>, Failure> {
        list(directory, body.parse::<Self>().await?, RecordKind::Transaction, render).await
    }
}
