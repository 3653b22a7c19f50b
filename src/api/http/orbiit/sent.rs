//! Bodies that name members, by rows or by ids. They are read row by row, and never exist as a tree. A field that
//! is `null` counts as absent.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

use super::failure::Failure;
use super::row::Row;
use crate::api::http::json::{Name, parse_with};
use crate::api::http::receive::Received;
use crate::api::http::rows::{Reader, Rows};
use crate::api::http::structure;
use crate::model::Date;

/// The field with rows.
pub const ROWS: &str = "members";
/// The field with ids.
pub const IDS: &str = "memberIds";

/// What a body names.
#[derive(Debug, Default)]
pub struct Sent {
    /// The rows, if it has the field.
    pub rows: Option<Rows>,
    /// The ids, if it has the field.
    pub ids: Option<Vec<String>>,
}

impl Sent {
    /// Reads a body that may have these fields. `T` is its form in the document.
    pub async fn read<T: schemars::JsonSchema>(
        body: Received,
        fields: &'static [&'static str],
        today: Date,
    ) -> Result<Self, Failure> {
        let read = body.read(move |bytes| {
            let explain = |refusal| structure::explain::<T>(bytes, refusal);
            parse_with(bytes, Seed { fields, today }).map_err(explain)
        });
        Ok(read.await?)
    }
}

#[derive(Clone, Copy)]
struct Seed {
    fields: &'static [&'static str],
    today: Date,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Sent;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Sent, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Sent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sent, A::Error> {
        let (mut sent, mut seen) = (Sent::default(), Vec::with_capacity(self.fields.len()));
        while let Some(key) = map.next_key::<Name<'de>>()? {
            let Some(field) = self.fields.iter().copied().find(|field| *field == key.as_ref()) else {
                return Err(A::Error::unknown_field(&key, self.fields));
            };
            if seen.contains(&field) {
                return Err(A::Error::duplicate_field(field));
            }
            seen.push(field);
            if field == ROWS {
                sent.rows = map.next_value_seed(Nullable(Reader::<Row>::new(self.today)))?;
            } else {
                sent.ids = map.next_value()?;
            }
        }
        match self.fields {
            // Where one field is known, it is required.
            [field] if sent.rows.is_none() && sent.ids.is_none() => Err(A::Error::missing_field(field)),
            _ => Ok(sent),
        }
    }
}

/// Reads a value, or `null`, which counts as absent.
struct Nullable<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(deserializer).map(Some)
    }
}
