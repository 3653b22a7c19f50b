//! A member as this door shows it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::api::http::attributes::Shown;
use crate::api::http::openapi::values::{id, values};
use crate::model::id::{MEMBER_PREFIX, MEMBER_PREFIX_ONSI};
use crate::model::{self, AttributeValue, Attributes, BaseNumber, Row, Sealer};

/// The id of a member, `m_…`; `mem_…` is accepted too.
pub struct MemberId;

values! {
    MemberId, |g| id(g, &[MEMBER_PREFIX, MEMBER_PREFIX_ONSI]);
}

/// The fields that are in `fields` for every member. An attribute cannot be reached under their names.
pub const NAMED: [(&str, &str); 4] =
    [("first_name", "firstName"), ("last_name", "lastName"), ("role", "role"), ("company", "company")];

/// A member. What it does not have is `null`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Member {
    #[serde(rename = "_id")]
    #[schemars(with = "MemberId")]
    id: String,
    #[schemars(with = "Option<model::Email>")]
    email: Option<String>,
    #[schemars(with = "DocumentedFields")]
    fields: Fields,
}

// Only for the document: fields and attributes are written from the member as it is.
/// The fields of a member, and its attributes that have other names than these.
#[derive(JsonSchema)]
#[schemars(rename = "MemberFields", extend("required" = NAMED.map(|(name, _)| name)))]
#[expect(dead_code, reason = "only its schema is made")]
struct DocumentedFields {
    first_name: Option<model::Name>,
    last_name: Option<model::Name>,
    role: Option<model::Name>,
    company: Option<model::Name>,
    #[schemars(flatten)]
    attributes: BTreeMap<String, AttributeValue>,
}

#[derive(Debug)]
struct Fields {
    /// In the order of [`NAMED`].
    named: [Option<model::Name>; 4],
    attributes: Attributes,
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        for ((name, _), value) in NAMED.iter().zip(&self.named) {
            fields.serialize_entry(name, &value.as_ref().map(AsRef::<str>::as_ref))?;
        }
        let others = self.attributes.iter().filter(|(key, _)| NAMED.iter().all(|(name, _)| name != key));
        for (key, value) in others {
            fields.serialize_entry(key, &Shown(value))?;
        }
        fields.end()
    }
}

/// The member at `row` of `base`.
pub fn render(sealer: &Sealer, base: BaseNumber, row: Row, member: model::Member) -> Member {
    let profile = member.profile;
    Member {
        id: sealer.member_id(base, row),
        email: profile.email.map(model::Email::into_string),
        fields: Fields {
            named: [profile.first_name, profile.last_name, profile.role, profile.company],
            attributes: member.attributes,
        },
    }
}
