//! An audience as this door shows it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::api::http::filter::shown;
use crate::api::http::openapi::values::{Any, id, values};
use crate::directory::{Directory, ShownAudience};
use crate::model::id::AUDIENCE_PREFIX;
use crate::model::{AudienceName, BaseNumber};

/// The id of an audience, `aud_…`.
pub struct AudienceId;

values! {
    AudienceId, |g| id(g, &[AUDIENCE_PREFIX]);
}

/// An audience with everything that this door knows of it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Audience {
    #[serde(flatten)]
    listed: Listed,
    /// Conditions that must all hold; none match nobody.
    #[schemars(with = "Vec<BTreeMap<String, Any>>")]
    filter: Vec<Map<String, Value>>,
    /// How many members it has. `null` if it is archived, or if the token may not see what its filter looks at.
    member_count: Option<u64>,
    /// Whether a changed filter is still being evaluated. Until then the audience has the members of the old
    /// one.
    is_building: bool,
}

/// An audience in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AudienceInList")]
pub struct Listed {
    #[schemars(with = "AudienceId")]
    id: String,
    #[schemars(with = "crate::model::Timestamp")]
    created_at: String,
    #[schemars(with = "AudienceName")]
    name: String,
    is_archived: bool,
}

/// The audience in a list.
pub fn listed(directory: &Directory, base: BaseNumber, shown: &ShownAudience) -> Listed {
    let audience = &shown.audience;
    Listed {
        id: directory.sealer().audience_id(base, audience.number),
        created_at: audience.created_at.to_string(),
        name: audience.name.as_str().to_owned(),
        is_archived: audience.is_archived(),
    }
}

/// The whole audience.
pub fn render(directory: &Directory, base: BaseNumber, audience: &ShownAudience) -> Audience {
    Audience {
        listed: listed(directory, base, audience),
        filter: shown(audience.audience.filter.raw()),
        member_count: audience.members,
        is_building: audience.built.is_some(),
    }
}
