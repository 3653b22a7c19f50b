//! Finds a memberbase by its name or id, and creates one if there is none with that name.
//!
//! Whether the name is taken is decided by the server, when it creates the memberbase. It is looked up first
//! all the same: for callers who may read but not create, and because a server that cannot decide it would
//! create a second memberbase with the name.

use crate::api::grpc::v1;

use super::client::Client;
use super::{Error, output};

const ID_PREFIX: &str = "mb_";
const ID_CHARACTERS: usize = 26;
/// How many ids the error lists if several memberbases have the same name.
const NAMED: usize = 10;

/// The id of the memberbase, if there is exactly one of that name or if `base` is an id already.
pub async fn find(client: &mut Client, base: &str) -> Result<Option<String>, Error> {
    if is_id(base) {
        return Ok(Some(base.to_owned()));
    }
    if base.is_empty() {
        return Err(Error::Usage("--base is empty; give the name or id of a memberbase".to_owned()));
    }
    let ids = ids_of_name(client, base).await?;
    match ids.as_slice() {
        [] => Ok(None),
        [id] => Ok(Some(id.clone())),
        several => Err(Error::Usage(format!(
            "{} memberbases are named {base:?}; give one of their ids instead: {}{}",
            if several.len() > NAMED { format!("more than {NAMED}") } else { several.len().to_string() },
            several.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "),
            if several.len() > NAMED { ", …" } else { "" },
        ))),
    }
}

/// As [`find`], but an error if there is no such memberbase.
pub async fn need(client: &mut Client, base: &str) -> Result<String, Error> {
    find(client, base).await?.ok_or_else(|| Error::Usage(format!("no memberbase is named {base:?}")))
}

/// As [`find`], but creates the memberbase if no other has the name. If several commands do so at the same
/// time, one creates it and the others find it.
pub async fn find_or_create(client: &mut Client, base: &str) -> Result<String, Error> {
    if let Some(id) = find(client, base).await? {
        return Ok(id);
    }
    if is_nearly_id(base) {
        let text = format!(
            "{base:?} looks like an id, but an id has {ID_CHARACTERS} letters and digits after {ID_PREFIX}; no \
             memberbase was created"
        );
        return Err(Error::Usage(text));
    }
    let (made, created) = create_if(client, base, true).await?;
    if created != Some(false) {
        output::note(format_args!("created memberbase {:?}: {}", made.name, made.id));
    }
    match created {
        Some(_) => Ok(made.id),
        // An older server creates one for each request. A command that then finds several with the name
        // stops: at most one command finds its own alone, so members that belong together are not spread over
        // two memberbases.
        None => need(client, &made.name).await,
    }
}

/// Creates a memberbase, whether or not another has the same name.
pub async fn create(client: &mut Client, name: &str) -> Result<String, Error> {
    Ok(create_if(client, name, false).await?.0.id)
}

/// The memberbase, and whether this request created it; `None` if the server does not say.
async fn create_if(
    client: &mut Client,
    name: &str,
    unless_named: bool,
) -> Result<(v1::MemberBase, Option<bool>), Error> {
    let request = v1::CreateMemberBaseRequest { name: name.to_owned(), unless_named, ..Default::default() };
    let reply = client.bases.create_member_base(request).await?.into_inner();
    let base =
        reply.member_base.ok_or_else(|| Error::Broken("the server's reply has no memberbase".into()))?;
    Ok((base, reply.created))
}

fn is_id(base: &str) -> bool {
    base.strip_prefix(ID_PREFIX).is_some_and(|rest| {
        rest.len() == ID_CHARACTERS && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Whether it is probably an id with some characters too few or too many. A memberbase of such a name can only
/// be created by a client of the service, so that a mistyped id creates none.
fn is_nearly_id(base: &str) -> bool {
    base.strip_prefix(ID_PREFIX).is_some_and(|rest| {
        rest.len().abs_diff(ID_CHARACTERS) <= 6
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && rest.bytes().any(|byte| byte.is_ascii_digit())
    })
}

/// Up to one more than [`NAMED`] ids. A page may be empty without being the last.
async fn ids_of_name(client: &mut Client, name: &str) -> Result<Vec<String>, Error> {
    let eq = prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(name.to_owned())) };
    let mut request = v1::ListMemberBasesRequest {
        filters: vec![v1::Filter { key: "name".to_owned(), eq: Some(eq), ..Default::default() }],
        ..Default::default()
    };
    let mut ids = Vec::new();
    loop {
        let page = client.bases.list_member_bases(request.clone()).await?.into_inner();
        ids.extend(page.member_bases.into_iter().map(|base| base.id));
        let cursor = page.page.and_then(|page| page.cursor);
        if cursor.is_none() || ids.len() > NAMED {
            return Ok(ids);
        }
        request.pagination = Some(v1::Pagination { cursor, ..Default::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::{is_id, is_nearly_id};

    #[test]
    fn only_the_full_form_counts_as_an_id() {
        assert!(is_id("mb_0123456789abcdefghjkmnpqrs"));
        assert!(!is_id("mb_short"));
        assert!(!is_id("mb_0123456789abcdefghjkmnpq-s"));
        assert!(!is_id("staff"));
    }

    #[test]
    fn an_id_with_a_character_too_few_or_too_many_is_recognised() {
        for nearly in ["mb_0123456789abcdefghjkmnpqr", "mb_0123456789abcdefghjkmnpqrst"] {
            assert!(is_nearly_id(nearly), "{nearly}");
        }
        for name in ["staff", "mb_short", "mb_", "mb_members of the year 2026", "mb_abcdefghijklmnopqrstuvwx"]
        {
            assert!(!is_nearly_id(name), "{name}");
        }
    }
}
