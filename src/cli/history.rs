//! `memberbase history`: what happened to one member.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use crate::api::grpc::v1;

use super::client::{Refusal, Target};
use super::member::Which;
use super::output::{printable, quoted};
use super::{Error, output};

/// The arguments of `history`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// How to print the changes: as text for people, or as one JSON object a line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// How many changes to print at most; by default all
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Ndjson,
}

/// Prints the changes, newest first; exit code 1 if there is no such member.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let mut client = args.target.connect().await?;
    let (v1::MemberKey { id, r#ref, email, worker_id }, member_base_id) =
        args.which.find(&mut client).await?;
    let mut request = v1::ListMemberChangesRequest {
        id,
        member_base_id,
        r#ref,
        email,
        worker_id,
        ..v1::ListMemberChangesRequest::default()
    };
    let mut left = args.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let limit = i32::try_from(left).ok();
        request.pagination = Some(v1::Pagination { limit, ..request.pagination.unwrap_or_default() });
        let page = match client.members.list_member_changes(request.clone()).await.map_err(Refusal::from) {
            Ok(page) => page.into_inner(),
            Err(refusal) if refusal.is_not_found() => {
                output::note(format_args!("memberbase: {refusal}"));
                return Ok(ExitCode::FAILURE);
            }
            Err(refusal) => return Err(refusal.into()),
        };
        for change in &page.changes {
            match args.format {
                Format::Text => output::text(text(change))?,
                Format::Ndjson => output::line(to_json(change))?,
            }
            left = left.saturating_sub(1);
        }
        let end = page.end();
        let Some(cursor) = page.page.and_then(|page| page.cursor) else {
            if end == v1::HistoryEnd::Retention {
                output::note("memberbase: changes before these are no longer kept");
            }
            break;
        };
        // The key may lead to another member by now; the cursor belongs to this one.
        request = v1::ListMemberChangesRequest { id: Some(page.member_id), ..Default::default() };
        request.pagination = Some(v1::Pagination { cursor: Some(cursor), ..v1::Pagination::default() });
    }
    Ok(ExitCode::SUCCESS)
}

/// What happened, in a word.
fn word(kind: v1::MemberChangeKind) -> &'static str {
    match kind {
        v1::MemberChangeKind::Unspecified => "changed",
        v1::MemberChangeKind::Created => "created",
        v1::MemberChangeKind::Updated => "updated",
        v1::MemberChangeKind::Reactivated => "reactivated",
        v1::MemberChangeKind::Deleted => "deleted",
        v1::MemberChangeKind::Restored => "restored",
    }
}

/// A change as a line, and a line for each field and audience.
fn text(change: &v1::MemberChange) -> String {
    let at = change.changed_at.map(|time| prost_types::Timestamp { nanos: 0, ..time }).unwrap_or_default();
    let (what, revision) = (word(change.kind()), change.revision);
    let by = change.origin.as_ref().map_or_else(|| "it is not known by whom".to_owned(), origin);
    let mut text = format!("{at}  {what} in revision {revision}, {by}\n");
    let width = change.fields.iter().map(|field| field.field.chars().count()).max().unwrap_or_default();
    let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), quoted);
    for field in &change.fields {
        let (name, before, after) = (printable(&field.field), shown(&field.before), shown(&field.after));
        // A field of a new member had no value before, and that of a deleted one has none after.
        let _ = match change.kind() {
            v1::MemberChangeKind::Created | v1::MemberChangeKind::Restored => {
                writeln!(text, "    {name:width$}  {after}")
            }
            v1::MemberChangeKind::Deleted => writeln!(text, "    {name:width$}  {before}"),
            _ => writeln!(text, "    {name:width$}  {before} → {after}"),
        };
    }
    for moved in &change.audiences {
        let what = if moved.entered { "entered" } else { "left" };
        let _ = writeln!(text, "    {what} the audience {}", quoted(&moved.name));
    }
    text
}

/// Who made a change, and how.
fn origin(origin: &v1::ChangeOrigin) -> String {
    let mut text = match origin.actor() {
        v1::ChangeActor::Unspecified => "by an unknown caller".to_owned(),
        v1::ChangeActor::Anybody => "by a caller without a token".to_owned(),
        v1::ChangeActor::Operator => "by an operator of the server".to_owned(),
        v1::ChangeActor::System => "by the server".to_owned(),
        v1::ChangeActor::Token if origin.token_description.is_empty() => {
            format!("by the token {}", origin.token_id)
        }
        v1::ChangeActor::Token => {
            format!("by the token {} ({})", quoted(&origin.token_description), origin.token_id)
        }
    };
    for (what, name) in [
        ("call", &origin.call),
        ("door", &origin.door),
        ("job", &origin.job_id),
        ("import", &origin.import_id),
    ] {
        if !name.is_empty() {
            let _ = write!(text, ", {what} {}", printable(name));
        }
    }
    text
}

/// A change as a JSON object, without fields that have no value.
fn to_json(change: &v1::MemberChange) -> Value {
    let field = |field: &v1::MemberFieldChange| json!({ "field": field.field, "before": field.before, "after": field.after });
    let moved = |moved: &v1::AudienceMove| json!({ "audience_id": moved.audience_id, "name": moved.name, "entered": moved.entered });
    json!({
        "revision": change.revision,
        "changed_at": change.changed_at.map(|at| at.to_string()),
        "kind": word(change.kind()),
        "fields": change.fields.iter().map(field).collect::<Vec<_>>(),
        "audiences": change.audiences.iter().map(moved).collect::<Vec<_>>(),
        "origin": change.origin.as_ref().map(origin_to_json),
    })
}

fn origin_to_json(origin: &v1::ChangeOrigin) -> Value {
    let actor = match origin.actor() {
        v1::ChangeActor::Unspecified => "unknown",
        v1::ChangeActor::Anybody => "anybody",
        v1::ChangeActor::Operator => "operator",
        v1::ChangeActor::Token => "token",
        v1::ChangeActor::System => "system",
    };
    let texts = [
        ("actor", actor),
        ("token_id", &origin.token_id),
        ("token_description", &origin.token_description),
        ("door", &origin.door),
        ("call", &origin.call),
        ("job_id", &origin.job_id),
        ("import_id", &origin.import_id),
    ];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    Value::Object(texts.map(|(name, text)| (name.to_owned(), text.into())).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: v1::MemberChangeKind) -> v1::MemberChange {
        let field = |field: &str, before: Option<&str>, after: Option<&str>| v1::MemberFieldChange {
            field: field.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        v1::MemberChange {
            revision: 7,
            changed_at: Some(prost_types::Timestamp { seconds: 1_796_000_000, nanos: 7_000 }),
            kind: kind.into(),
            fields: vec![field("role", Some("a\u{1b}[2J"), None), field("status", Some("x"), Some("y"))],
            audiences: vec![v1::AudienceMove {
                audience_id: "aud_1".into(),
                name: "Gold".into(),
                entered: true,
            }],
            origin: Some(v1::ChangeOrigin {
                actor: v1::ChangeActor::Token.into(),
                token_id: "atok_1".into(),
                token_description: "nightly".into(),
                door: "grpc".into(),
                call: "sync_members".into(),
                job_id: "job_1".into(),
                import_id: String::new(),
            }),
        }
    }

    #[test]
    fn a_change_is_a_line_with_its_fields_below() {
        let expected = "2026-11-30T00:53:20Z  updated in revision 7, by the token \"nightly\" (atok_1), \
                        call sync_members, door grpc, job job_1\n\
                        \u{20}   role    \"a\u{fffd}[2J\" → nothing\n\
                        \u{20}   status  \"x\" → \"y\"\n\
                        \u{20}   entered the audience \"Gold\"\n";
        assert_eq!(text(&change(v1::MemberChangeKind::Updated)), expected);
        let deleted = text(&change(v1::MemberChangeKind::Deleted));
        assert!(deleted.contains("    status  \"x\"\n"), "{deleted}");
        let unknown = text(&v1::MemberChange::default());
        assert_eq!(unknown, "1970-01-01T00:00:00Z  changed in revision 0, it is not known by whom\n");
    }

    #[test]
    fn a_change_is_an_object_without_empty_texts() {
        let object = to_json(&change(v1::MemberChangeKind::Updated));
        assert_eq!(object["changed_at"], "2026-11-30T00:53:20.000007Z");
        assert_eq!(object["fields"][0]["after"], Value::Null);
        assert_eq!(object["audiences"][0]["entered"], true);
        let origin = json!({
            "actor": "token", "token_id": "atok_1", "token_description": "nightly", "door": "grpc",
            "call": "sync_members", "job_id": "job_1",
        });
        assert_eq!(object["origin"], origin);
    }
}
