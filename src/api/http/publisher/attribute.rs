//! `attribute.schema/…` and `member.attributes/…`

use std::collections::BTreeMap;
use std::fmt;

use http::StatusCode;
use schemars::JsonSchema;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use super::list::{Listed, Pagination, page};
use crate::api::http::attributes::{Shown, attribute};
use crate::api::http::expected::{CLEARS, Expects};
use crate::api::http::json::{Given, Name, Object};
use crate::api::http::openapi::{given, values};
use crate::api::http::publisher::call::Call;
use crate::api::http::publisher::deleted::Deleted;
use crate::api::http::publisher::failure::Failure;
use crate::api::http::publisher::ids;
use crate::api::http::receive::Received;
use crate::api::http::tree::Tree;
use crate::directory::{AttributeDeletion, AttributeEntry, Directory, ShownSchema};
use crate::model::faulty_json::twice;
use crate::model::limits::{ATTRIBUTE_ENTRIES_MAX, ATTRIBUTES_MAX_KEYS};
use crate::model::schema::SentDefinition;
use crate::model::token::AccessLevel;
use crate::model::{self, AttributeValue, BaseNumber, Reason, Row, Rule, Sealer};

/// The schema of a memberbase.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AttributeSchema")]
pub struct Schema {
    #[schemars(with = "values::SchemaId")]
    id: String,
    #[schemars(with = "values::MemberBaseId")]
    member_base_id: String,
    #[schemars(with = "BTreeMap<values::AttributeKey, Definition<&'static str>>")]
    schema: BTreeMap<String, Definition<&'static str>>,
    #[schemars(with = "Option<model::Timestamp>")]
    created_at: Option<String>,
    #[schemars(with = "Option<model::Timestamp>")]
    updated_at: Option<String>,
    /// The attributes whose index is being built. Until it is complete, filters on the attribute read
    /// members.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<values::AttributeKey, IndexProgress>")]
    indexing: BTreeMap<String, IndexProgress>,
}

/// How far an index was built.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct IndexProgress {
    /// Rows that are in it, of members and of deleted members.
    done: u64,
    /// All rows that there are.
    total: u64,
}

/// The definition of one attribute.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Definition<T> {
    #[schemars(with = "model::schema::AttributeType")]
    r#type: T,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    indexed: bool,
}

fn render(sealer: &Sealer, base: BaseNumber, shown: ShownSchema) -> Schema {
    let ShownSchema { schema, indexing, rows } = shown;
    let schema = schema.as_deref();
    let types = schema.into_iter().flat_map(|schema| {
        schema.types.iter().map(|(key, kind)| {
            let indexed = schema.indexes.contains_key(key);
            (key.clone(), Definition { r#type: kind.as_str(), indexed })
        })
    });
    let progress = |(key, done): (String, Row)| (key, IndexProgress { done: done.0, total: rows.0 });
    Schema {
        id: sealer.schema_id(base),
        member_base_id: sealer.base_id(base),
        schema: types.collect(),
        created_at: schema.map(|schema| schema.created_at.to_string()),
        updated_at: schema.map(|schema| schema.updated_at.to_string()),
        indexing: indexing.into_iter().map(progress).collect(),
    }
}

/// `attribute.schema/set`
pub struct SetSchema;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct SetSchemaRequest {
    #[schemars(with = "values::MemberBaseId")]
    member_base_id: String,
    #[schemars(with = "BTreeMap<values::AttributeKey, Definition<String>>", extend("maxProperties" = ATTRIBUTES_MAX_KEYS))]
    schema: Types,
}

/// Types by key: every key once.
#[derive(Debug)]
struct Types(Vec<(String, SentDefinition)>);

impl<'de> Deserialize<'de> for Types {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Types;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Types, A::Error> {
                let mut types = BTreeMap::new();
                while let Some((key, Object(definition))) =
                    map.next_entry::<Name<'de>, Object<Definition<String>>>()?
                {
                    if types.contains_key(key.as_ref()) {
                        return Err(twice(&key));
                    }
                    let Definition { r#type: kind, indexed } = definition;
                    types.insert(key.into_owned(), SentDefinition { kind, indexed });
                }
                Ok(Types(types.into_iter().collect()))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl Call for SetSchema {
    const PATH: &'static str = "attribute.schema/set";
    const SUMMARY: &'static str =
        "Replaces the list of attributes that the members of a memberbase may have.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const REFUSALS: &'static [StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    type Request = SetSchemaRequest;
    type Reply = Schema;

    async fn run(directory: Directory, body: Received) -> Result<Schema, Failure> {
        let SetSchemaRequest { member_base_id, schema } = body.parse::<Self>().await?;
        let base = directory.base_number(&member_base_id, "member_base_id")?;
        let shown = directory.set_schema(base, schema.0).await?;
        Ok(render(directory.sealer(), base, shown))
    }
}

/// `attribute.schema/get`
pub struct GetSchema;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct GetSchemaRequest {
    #[schemars(with = "values::MemberBaseId")]
    member_base_id: String,
}

impl Call for GetSchema {
    const PATH: &'static str = "attribute.schema/get";
    const SUMMARY: &'static str = "Shows which attributes the members of a memberbase may have.";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Request = GetSchemaRequest;
    type Reply = Schema;

    async fn run(directory: Directory, body: Received) -> Result<Schema, Failure> {
        let GetSchemaRequest { member_base_id } = body.parse::<Self>().await?;
        let base = directory.base_number(&member_base_id, "member_base_id")?;
        let shown = directory.get_schema(base).await?;
        Ok(render(directory.sealer(), base, shown))
    }
}

/// `member.attributes/set`
pub struct Set;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct SetRequest {
    #[schemars(with = "values::MemberBaseId")]
    member_base_id: String,
    #[schemars(length(max = ATTRIBUTE_ENTRIES_MAX))]
    attributes: Vec<Object<Entry>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("required" = ["member_id", "attribute_key", "value"]))]
struct Entry {
    #[schemars(with = "ids::MemberId")]
    member_id: String,
    #[schemars(with = "values::AttributeKey")]
    attribute_key: String,
    #[serde(default)]
    #[schemars(with = "Option<AttributeValue>")]
    value: Given<Tree>,
}

/// How many values changed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Updated {
    updated: u64,
}

impl Call for Set {
    const PATH: &'static str = "member.attributes/set";
    const SUMMARY: &'static str = "Sets attributes of any members, all or none; `null` clears a value.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const EXPECTS: &'static [Expects] = CLEARS;
    const REFUSALS: &'static [StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    type Request = SetRequest;
    type Reply = Updated;

    async fn run(directory: Directory, body: Received) -> Result<Updated, Failure> {
        let request: SetRequest = body.parse::<Self>().await?;
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let mut entries = Vec::with_capacity(request.attributes.len());
        for Object(entry) in request.attributes {
            let value = match entry.value {
                Given::Absent => {
                    Some(Err(Rule::must_be(Reason::FieldRequired, "present; null clears the value")))
                }
                Given::Null => None,
                Given::Value(value) => Some(attribute(value)),
            };
            entries.push(AttributeEntry { member_id: entry.member_id, key: entry.attribute_key, value });
        }
        Ok(Updated { updated: directory.set_attributes(base, entries).await? })
    }
}

/// `member.attributes/delete`
pub struct Delete;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, transform = which)]
pub struct DeleteRequest {
    #[schemars(with = "values::MemberBaseId")]
    member_base_id: String,
    #[schemars(with = "Option<Vec<ids::MemberId>>")]
    member_ids: Option<Vec<String>>,
    #[schemars(with = "Option<Vec<values::AttributeKey>>")]
    attribute_keys: Option<Vec<String>>,
    delete_all: Option<bool>,
}

/// By member, by key, by both, or everything.
fn which(schema: &mut schemars::Schema) {
    let by = |field| json!({ "allOf": [given(field), { "properties": { "delete_all": { "enum": [false, null] } } }] });
    let nothing = json!({ "type": "null" });
    let all = json!({
        "required": ["delete_all"],
        "properties": { "delete_all": { "const": true }, "member_ids": nothing, "attribute_keys": nothing },
    });
    schema.insert("anyOf".to_owned(), json!([by("member_ids"), by("attribute_keys"), all]));
}

impl Call for Delete {
    const PATH: &'static str = "member.attributes/delete";
    const SUMMARY: &'static str = "Deletes attributes by member, by key, or all of them.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const EXPECTS: &'static [Expects] = CLEARS;
    const REFUSALS: &'static [StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    type Request = DeleteRequest;
    type Reply = Deleted;

    async fn run(directory: Directory, body: Received) -> Result<Deleted, Failure> {
        let request: DeleteRequest = body.parse::<Self>().await?;
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let which = AttributeDeletion {
            member_ids: request.member_ids,
            keys: request.attribute_keys,
            all: request.delete_all.unwrap_or(false),
        };
        Ok(Deleted { deleted: directory.delete_attributes(base, which).await? })
    }
}

/// `member.attributes/list`
pub struct List;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ListRequest {
    #[schemars(with = "ids::MemberId")]
    member_id: String,
    pagination: Option<Object<Pagination>>,
}

/// One attribute of a member.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MemberAttribute {
    #[schemars(with = "ids::MemberId")]
    member_id: String,
    #[schemars(with = "values::AttributeKey")]
    attribute_key: String,
    #[serde(serialize_with = "value")]
    #[schemars(with = "AttributeValue")]
    value: AttributeValue,
}

fn value<S: Serializer>(value: &AttributeValue, serializer: S) -> Result<S::Ok, S::Error> {
    Shown(value).serialize(serializer)
}

impl Call for List {
    const PATH: &'static str = "member.attributes/list";
    const SUMMARY: &'static str = "Lists the attributes of a member.";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Request = ListRequest;
    type Reply = Listed<MemberAttribute>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<MemberAttribute>, Failure> {
        let ListRequest { member_id, pagination } = body.parse::<Self>().await?;
        let found = directory.list_attributes(&member_id, page(pagination, None)).await?;
        let entry =
            |(attribute_key, value)| MemberAttribute { member_id: member_id.clone(), attribute_key, value };
        Ok(Listed::new(found.attributes.into_iter().map(entry).collect(), found.cursor, None))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::schema::{AttributeSchema, AttributeType, WantedSchema};
    use crate::model::{IdKey, Timestamp};

    #[test]
    fn an_index_that_is_built_is_shown_with_its_progress() {
        let types = [("level".to_owned(), AttributeType::Number), ("city".to_owned(), AttributeType::String)];
        let wanted = WantedSchema { types: types.into(), indexed: ["level".to_owned()].into() };
        let schema = AttributeSchema::following(None, &wanted, 1, Timestamp::from_micros(0));
        let shown = |indexing: Vec<(String, Row)>| {
            let shown = ShownSchema { schema: Some(Arc::new(schema.clone())), indexing, rows: Row(20_000) };
            serde_json::to_value(render(&Sealer::new(IdKey([7; 16])), BaseNumber(1), shown)).unwrap()
        };
        let building = shown(vec![("level".to_owned(), Row(4_096))]);
        assert_eq!(building["indexing"], json!({ "level": { "done": 4_096, "total": 20_000 } }));
        let complete = shown(Vec::new());
        assert!(complete.get("indexing").is_none(), "{complete}");
        assert_eq!(complete["schema"], building["schema"]);
    }
}
