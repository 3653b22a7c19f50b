//! `attribute.schema/…` and `member.attributes/…`

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::list::{Listed, Pagination, page};
use super::member::Attribute;
use super::row::attribute;
use crate::api::http::body::Received;
use crate::api::http::call::{Call, Failure};
use crate::api::http::json::{Given, Name, Object, Scalar};
use crate::directory::{AttributeDeletion, AttributeEntry, Directory};
use crate::model::schema::{AttributeSchema, SentDefinition};
use crate::model::token::AccessLevel;
use crate::model::{AttributeValue, BaseNumber};

/// The schema of a memberbase.
#[derive(Debug, Serialize)]
pub struct Schema {
    id: String,
    member_base_id: String,
    schema: BTreeMap<String, Definition<&'static str>>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

/// What one attribute may be.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition<T> {
    r#type: T,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    indexed: bool,
}

fn render(directory: &Directory, base: BaseNumber, schema: Option<Arc<AttributeSchema>>) -> Schema {
    let sealer = directory.sealer();
    let schema = schema.as_deref();
    let types = schema.into_iter().flat_map(|schema| {
        schema.types.iter().map(|(key, kind)| {
            let indexed = schema.indexes.contains_key(key);
            (key.clone(), Definition { r#type: kind.as_str(), indexed })
        })
    });
    Schema {
        id: sealer.schema_id(base),
        member_base_id: sealer.base_id(base),
        schema: types.collect(),
        created_at: schema.map(|schema| schema.created_at.to_string()),
        updated_at: schema.map(|schema| schema.updated_at.to_string()),
    }
}

/// `attribute.schema/set`
pub struct SetSchema;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetSchemaRequest {
    member_base_id: String,
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
                        return Err(de::Error::custom(format_args!("duplicate field `{key}`")));
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
    const NEEDS: AccessLevel = AccessLevel::Write;
    type Reply = Schema;

    async fn run(directory: Directory, body: Received) -> Result<Schema, Failure> {
        let SetSchemaRequest { member_base_id, schema } = body.parse()?;
        let base = directory.base_number(&member_base_id, "member_base_id")?;
        let schema = directory.set_schema(base, schema.0).await?;
        Ok(render(&directory, base, schema))
    }
}

/// `attribute.schema/get`
pub struct GetSchema;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetSchemaRequest {
    member_base_id: String,
}

impl Call for GetSchema {
    const PATH: &'static str = "attribute.schema/get";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Reply = Schema;

    async fn run(directory: Directory, body: Received) -> Result<Schema, Failure> {
        let GetSchemaRequest { member_base_id } = body.parse()?;
        let base = directory.base_number(&member_base_id, "member_base_id")?;
        let schema = directory.get_schema(base).await?;
        Ok(render(&directory, base, schema))
    }
}

/// `member.attributes/set`
pub struct Set;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetRequest {
    member_base_id: String,
    attributes: Vec<Object<Entry>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    member_id: String,
    attribute_key: String,
    #[serde(default)]
    value: Given<Scalar>,
}

/// How many values are different now.
#[derive(Debug, Serialize)]
pub struct Updated {
    updated: u64,
}

impl Call for Set {
    const PATH: &'static str = "member.attributes/set";
    const NEEDS: AccessLevel = AccessLevel::Write;
    type Reply = Updated;

    async fn run(directory: Directory, body: Received) -> Result<Updated, Failure> {
        let request: SetRequest = body.parse()?;
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let mut entries = Vec::with_capacity(request.attributes.len());
        for (index, Object(entry)) in request.attributes.into_iter().enumerate() {
            let value = match entry.value {
                Given::Absent => {
                    return Err(super::member::required(
                        &format!("attributes[{index}].value"),
                        "is required",
                    ));
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteRequest {
    member_base_id: String,
    member_ids: Option<Vec<String>>,
    attribute_keys: Option<Vec<String>>,
    delete_all: Option<bool>,
}

/// How many values were deleted.
#[derive(Debug, Serialize)]
pub struct Deleted {
    deleted: u64,
}

impl Call for Delete {
    const PATH: &'static str = "member.attributes/delete";
    const NEEDS: AccessLevel = AccessLevel::Write;
    type Reply = Deleted;

    async fn run(directory: Directory, body: Received) -> Result<Deleted, Failure> {
        let request: DeleteRequest = body.parse()?;
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListRequest {
    member_id: String,
    pagination: Option<Object<Pagination>>,
}

/// One attribute of a member.
#[derive(Debug, Serialize)]
pub struct MemberAttribute {
    member_id: String,
    attribute_key: String,
    #[serde(serialize_with = "value")]
    value: AttributeValue,
}

fn value<S: Serializer>(value: &AttributeValue, serializer: S) -> Result<S::Ok, S::Error> {
    Attribute(value).serialize(serializer)
}

impl Call for List {
    const PATH: &'static str = "member.attributes/list";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Reply = Listed<MemberAttribute>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<MemberAttribute>, Failure> {
        let ListRequest { member_id, pagination } = body.parse()?;
        let found = directory.list_attributes(&member_id, page(pagination, None)).await?;
        let entry =
            |(attribute_key, value)| MemberAttribute { member_id: member_id.clone(), attribute_key, value };
        Ok(Listed::new(found.attributes.into_iter().map(entry).collect(), found.cursor, None))
    }
}
