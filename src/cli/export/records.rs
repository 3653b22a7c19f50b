//! `memberbase export --records`: the records attached to the members of a memberbase, one JSON object a
//! line.

use std::process::ExitCode;

use serde_json::{Map, Value};

use super::args::Args;
use super::out::Out;
use crate::api::grpc::v1;
use crate::cli::list::FileFormat;
use crate::cli::{Error, base, client, json, output};
use crate::model::words;

/// Writes the records, each with its kind, under the field names of the contract.
pub async fn run(args: &Args) -> Result<ExitCode, Error> {
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    let request = v1::ExportRecordsRequest { member_base_id, kinds: Vec::new(), min_revision: None };
    let mut stream = client.records.export_records(request).await?.into_inner();
    let unwritten = output::unwritten(&args.out);
    let mut out = Out::open(&args.out, FileFormat::Ndjson, Vec::new()).map_err(&unwritten)?;
    let mut records: u64 = 0;
    while let Some(part) = client::next(&mut stream).await? {
        let clips = part.clips.into_iter().map(clip);
        let stamps = part.stamp_collections.into_iter().map(stamps);
        let transactions = part.transactions.into_iter().map(transaction);
        for line in clips.chain(stamps).chain(transactions) {
            records += 1;
            out.write_line(&line).map_err(&unwritten)?;
        }
    }
    out.finish(&args.out).map_err(&unwritten)?;
    output::note(words::count(records, "record"));
    Ok(ExitCode::SUCCESS)
}

fn clip(clip: v1::Clip) -> Value {
    object([
        ("kind", text("clip")),
        ("id", text(clip.id)),
        ("member_id", text(clip.member_id)),
        ("creative_id", text(clip.creative_id)),
        ("deal_id", clip.deal_id.map(Value::String)),
        ("variant_id", clip.variant_id.map(Value::String)),
        ("deal_creative_format", clip.deal_creative_format.map(Value::String)),
        ("deal_creative_content", clip.deal_creative_content.map(json::object_from_wire)),
        ("redeemed_at", time(clip.redeemed_at)),
        ("created_at", time(clip.created_at)),
        ("updated_at", time(clip.updated_at)),
    ])
}

fn stamps(stamps: v1::StampCollection) -> Value {
    object([
        ("kind", text("stamp_collection")),
        ("id", text(stamps.id)),
        ("member_id", text(stamps.member_id)),
        ("loyalty_program_id", text(stamps.loyalty_program_id)),
        ("external_id", text(stamps.external_id)),
        ("stamps", Some(stamps.stamps.into())),
        ("created_at", time(stamps.created_at)),
        ("updated_at", time(stamps.updated_at)),
    ])
}

fn transaction(transaction: v1::Transaction) -> Value {
    object([
        ("kind", text("transaction")),
        ("member_id", text(transaction.member_id)),
        ("external_id", text(transaction.external_id)),
        ("auth_code", text(transaction.auth_code)),
        ("network", text(transaction.network)),
        ("bin", text(transaction.bin)),
        ("merchant_id", text(transaction.merchant_id)),
        ("statement_descriptor", transaction.statement_descriptor.map(Value::String)),
        ("amount", transaction.amount.map(Value::from)),
        ("currency", transaction.currency.map(Value::String)),
        ("authed_at", time(transaction.authed_at)),
        ("cleared_at", time(transaction.cleared_at)),
        ("reverted_at", time(transaction.reverted_at)),
        ("created_at", time(transaction.created_at)),
        ("updated_at", time(transaction.updated_at)),
    ])
}

/// An object without the fields that have no value.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn text(text: impl Into<String>) -> Option<Value> {
    Some(Value::String(text.into()))
}

fn time(time: Option<prost_types::Timestamp>) -> Option<Value> {
    time.map(|time| Value::String(time.to_string()))
}
