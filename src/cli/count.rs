//! `memberbase count`: how many members match.

use std::process::ExitCode;

use crate::api::grpc::v1;

use super::client::{Refusal, Target};
use super::{Error, base, filter, json, output};

/// The arguments of `count`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    base: String,
    /// Count only members that match, as for `export --filter`. If given several times, members must match
    /// all
    #[arg(long, value_name = "CONDITION")]
    filter: Vec<String>,
    /// Also count the members with each value of this field: tier, status, audience, or attributes.<key> of
    /// an indexed attribute
    #[arg(long, value_name = "FIELD")]
    by: Option<String>,
    #[command(flatten)]
    target: Target,
}

/// Prints the numbers.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let filters = args.filter.iter().map(|text| filter::parse(text)).collect::<Result<Vec<_>, _>>()?.concat();
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    let group_by = args.by.unwrap_or_default();
    let request = v1::CountMembersRequest { member_base_id, filters, group_by, ..Default::default() };
    let counted = client.members.count_members(request).await.map_err(Refusal::from)?.into_inner();
    for group in counted.groups {
        let value = group.value.map_or(serde_json::Value::Null, json::from_wire);
        let more = if group.is_shortened { " …" } else { "" };
        let name = group.audience_name.map(|name| format!("\t{name}")).unwrap_or_default();
        output::line(format_args!("{}\t{value}{more}{name}", group.members))?;
    }
    output::line(counted.total)?;
    Ok(ExitCode::SUCCESS)
}
