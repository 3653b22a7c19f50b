//! Printing audiences, their members, previews and explanations.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::find::{self, Which};
use crate::api::grpc::v1;
use crate::cli::client::{self, Refusal, Target};
use crate::cli::{Error, base, filter, json, output};
use crate::model::words;

/// The arguments of `audiences preview`.
#[derive(Debug, clap::Args)]
pub struct PreviewArgs {
    /// The memberbase, by name or id
    #[arg(long, value_name = "NAME-OR-ID")]
    base: String,
    /// A condition, as for `memberbase export`. If given several times, members must match all
    #[arg(long, value_name = "CONDITION", required = true)]
    filter: Vec<String>,
    /// How many members to print at most, up to 100
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    limit: u32,
    #[command(flatten)]
    target: Target,
}

/// The arguments of `audiences explain`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("key").required(true).args(["id", "ref", "email", "worker_id"])))]
pub struct ExplainArgs {
    /// The member's id
    #[arg(long)]
    id: Option<String>,
    /// The member's ref
    #[arg(id = "ref", long = "ref")]
    r#ref: Option<String>,
    /// The member's e-mail address
    #[arg(long)]
    email: Option<String>,
    /// The member's worker id
    #[arg(long)]
    worker_id: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Prints an audience as JSON.
pub async fn get(which: Which) -> Result<ExitCode, Error> {
    let mut client = which.target.connect().await?;
    let audience_id =
        find::id(&mut client, &which.audience, which.base.as_deref(), find::Among::InUse).await?;
    let request = v1::GetAudienceRequest { audience_id };
    let reply = client.audiences.get_audience(request).await.map_err(Refusal::from)?.into_inner();
    output::line(format_args!("{:#}", to_json(find::known(reply.audience)?)))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the members of an audience.
pub async fn members(which: Which) -> Result<ExitCode, Error> {
    let mut client = which.target.connect().await?;
    let audience_id =
        find::id(&mut client, &which.audience, which.base.as_deref(), find::Among::InUse).await?;
    let request = v1::GetAudienceRequest { audience_id: audience_id.clone() };
    let reply = client.audiences.get_audience(request).await.map_err(Refusal::from)?.into_inner();
    let member_base_id = find::known(reply.audience)?.member_base_id;
    let eq = Some(json::to_wire(Value::from(audience_id)));
    let filters = vec![v1::Filter { key: "audience".to_owned(), eq, ..v1::Filter::default() }];
    let request = v1::ExportMembersRequest { member_base_id, filters, ..Default::default() };
    let mut stream = client.members.export_members(request).await.map_err(Refusal::from)?.into_inner();
    let mut members = 0_u64;
    while let Some(part) = client::next(&mut stream).await? {
        for member in part.members {
            members += 1;
            output::line(json::member(member))?;
        }
    }
    output::note(words::count(members, "member"));
    Ok(ExitCode::SUCCESS)
}

/// Prints what a filter matches.
pub async fn preview(args: PreviewArgs) -> Result<ExitCode, Error> {
    let filters = filter::parse_all(&args.filter)?;
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    let request = v1::PreviewAudienceRequest { member_base_id, filters, limit: Some(args.limit) };
    let reply = client.audiences.preview_audience(request).await.map_err(Refusal::from)?.into_inner();
    for member in reply.members {
        output::line(json::member(member))?;
    }
    let matched = if reply.count == 1 { "matches" } else { "match" };
    output::note(format_args!("{} {matched}", words::count(reply.count, "member")));
    Ok(ExitCode::SUCCESS)
}

/// Prints why a member is in an audience, or not; exit code 1 if there is no such member.
pub async fn explain(args: ExplainArgs) -> Result<ExitCode, Error> {
    let Which { audience, base, target } = args.which;
    let mut client = target.connect().await?;
    let audience_id = find::id(&mut client, &audience, base.as_deref(), find::Among::InUse).await?;
    let (id, email, worker_id) = (args.id, args.email, args.worker_id);
    let key = Some(v1::MemberKey { id, r#ref: args.r#ref, email, worker_id });
    let request = v1::ExplainMembershipRequest { audience_id, key };
    let reply = match client.audiences.explain_membership(request).await.map_err(Refusal::from) {
        Ok(reply) => reply.into_inner(),
        Err(refusal) if refusal.is_not_found() => {
            output::note(format_args!("memberbase: {refusal}"));
            return Ok(ExitCode::FAILURE);
        }
        Err(refusal) => return Err(refusal.into()),
    };
    output::text(explanation(&reply))?;
    Ok(ExitCode::SUCCESS)
}

/// An audience on one line: id, name, members, and what is special about it.
pub fn summary(audience: &v1::Audience) -> String {
    let members = audience.member_count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let mut line = format!("{}\t{}\t{members}", audience.id, audience.name);
    let progress = audience.progress.unwrap_or_default();
    for (is, what) in [
        (audience.archived_at.is_some(), "archived".to_owned()),
        (audience.progress.is_some(), format!("building, {} of {} rows", progress.done, progress.total)),
        (audience.pii, "personal".to_owned()),
    ] {
        if is {
            line.push('\t');
            line.push_str(&what);
        }
    }
    line
}

/// An audience as JSON, without what it does not have.
fn to_json(audience: v1::Audience) -> Value {
    let time = |at: Option<prost_types::Timestamp>| at.map(|at| Value::from(at.to_string()));
    let state = match audience.state() {
        v1::AudienceState::Ready | v1::AudienceState::Unspecified => "READY",
        v1::AudienceState::Building => "BUILDING",
    };
    let filters: Value = audience.filters.iter().map(filter::to_json).collect();
    let progress = audience.progress.map(|rows| json!({ "done": rows.done, "total": rows.total }));
    let fields = [
        ("id", Some(Value::from(audience.id))),
        ("member_base_id", Some(Value::from(audience.member_base_id))),
        ("name", Some(Value::from(audience.name))),
        ("filters", Some(filters)),
        ("state", Some(Value::from(state))),
        ("progress", progress),
        ("member_count", audience.member_count.map(Value::from)),
        ("pii", Some(Value::from(audience.pii))),
        ("created_at", time(audience.created_at)),
        ("updated_at", time(audience.updated_at)),
        ("archived_at", time(audience.archived_at)),
        ("revision", Some(Value::from(audience.revision))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Why a member is in an audience, in words, and a line for each condition.
fn explanation(reply: &v1::ExplainMembershipResponse) -> String {
    let is_in = if reply.member { "is in the audience" } else { "is not in the audience" };
    let because = match (reply.hand(), reply.matched) {
        (v1::Hand::Picked, _) => "it was added by hand",
        (v1::Hand::Removed, _) => "it was removed by hand",
        (v1::Hand::Unspecified, true) => "the filter matches it",
        (v1::Hand::Unspecified, false) => "the filter does not match it",
    };
    let mut text = format!("{} {is_in}: {because}\n", reply.member_id);
    for condition in &reply.conditions {
        let value = condition
            .value
            .clone()
            .map_or_else(|| "nothing".to_owned(), |value| json::from_wire(value).to_string());
        let holds = if condition.holds { "holds" } else { "fails" };
        let decided = if condition.decided { "\tdecided" } else { "" };
        let (path, key, operator) = (&condition.path, &condition.key, &condition.operator);
        text.push_str(&format!("{path}\t{key} {operator}\t{holds}\tsaw {value}{decided}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_says_why_and_what_each_condition_saw() {
        let condition = |path: &str, holds, decided, value: Option<&str>| v1::ExplainedCondition {
            path: path.to_owned(),
            key: "tier".to_owned(),
            operator: "eq".to_owned(),
            holds,
            decided,
            value: value.map(|text| json::to_wire(Value::from(text))),
        };
        let reply = v1::ExplainMembershipResponse {
            member: false,
            member_id: "m_1".to_owned(),
            conditions: vec![
                condition("filters[0]", true, false, Some("gold")),
                condition("filters[1]", false, true, None),
            ],
            ..v1::ExplainMembershipResponse::default()
        };
        assert_eq!(
            explanation(&reply),
            "m_1 is not in the audience: the filter does not match it\n\
             filters[0]\ttier eq\tholds\tsaw \"gold\"\n\
             filters[1]\ttier eq\tfails\tsaw nothing\tdecided\n"
        );
        let picked = v1::ExplainMembershipResponse { member: true, hand: v1::Hand::Picked.into(), ..reply };
        assert!(explanation(&picked).starts_with("m_1 is in the audience: it was added by hand\n"));
    }

    #[test]
    fn a_summary_says_what_is_special() {
        let mut audience = v1::Audience {
            id: "aud_1".to_owned(),
            name: "VIP".to_owned(),
            member_count: Some(3),
            ..v1::Audience::default()
        };
        assert_eq!(summary(&audience), "aud_1\tVIP\t3");
        audience.progress = Some(v1::AudienceProgress { done: 5, total: 9 });
        audience.pii = true;
        audience.member_count = None;
        assert_eq!(summary(&audience), "aud_1\tVIP\t-\tbuilding, 5 of 9 rows\tpersonal");
    }
}
