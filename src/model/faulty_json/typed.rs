//! The deserializer whose errors are faults. It wraps a deserializer of serde_json, which has its own error
//! type: the fault is stored in a slot while an empty serde_json error passes through serde_json.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::fault::Fault;

/// Holds a fault while an error of serde_json passes through serde_json.
pub type Slot = Cell<Option<Fault>>;

/// A deserializer of serde_json whose errors are faults.
pub struct Typed<'s, D> {
    inner: D,
    slot: &'s Slot,
}

/// A wrapped visitor, seed or access, which converts between faults and errors of serde_json.
struct Between<'s, T> {
    inner: T,
    slot: &'s Slot,
    /// The kind of value that the visitor requested.
    asked: Option<&'static str>,
}

/// Takes the fault out of the slot. An error without one is a fault of syntax, the only kind that serde_json
/// finds itself: it reads every value with `deserialize_any`.
fn arrived<V, E>(slot: &Slot, result: Result<V, E>) -> Result<V, Fault> {
    result.map_err(|_| slot.take().unwrap_or(Fault::Syntax))
}

/// Puts a visitor's fault into the slot, so that the result can pass through serde_json.
fn send<V, E: de::Error>(slot: &Slot, asked: Option<&'static str>, result: Result<V, Fault>) -> Result<V, E> {
    result.map_err(|fault| {
        slot.set(Some(fault.of_asked(asked)));
        E::custom("")
    })
}

impl<'s, D> Typed<'s, D> {
    /// Wraps the deserializer `inner`, with `slot` for its faults.
    pub fn new(inner: D, slot: &'s Slot) -> Self {
        Self { inner, slot }
    }
}

impl<'de, D: Deserializer<'de>> Typed<'_, D> {
    /// Reads any value, because JSON says of which kind its values are. If this asked serde_json for one
    /// kind, serde_json would reject another kind in its own words.
    fn any<V: Visitor<'de>>(self, visitor: V, asked: Option<&'static str>) -> Result<V::Value, Fault> {
        let Self { inner, slot } = self;
        let between = Between { inner: visitor, slot, asked };
        arrived(slot, inner.deserialize_any(between))
    }
}

macro_rules! asked_for {
    ($($method:ident: $asked:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.any(visitor, $asked)
        })*
    };
}

const TRUTH: Option<&str> = Some("true or false");
const WHOLE: Option<&str> = Some("a whole number");
const TEXT: Option<&str> = Some("a string");

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Typed<'_, D> {
    type Error = Fault;

    asked_for! {
        deserialize_any: None;
        deserialize_bool: TRUTH;
        deserialize_i8: WHOLE;
        deserialize_i16: WHOLE;
        deserialize_i32: WHOLE;
        deserialize_i64: WHOLE;
        deserialize_i128: WHOLE;
        deserialize_u8: WHOLE;
        deserialize_u16: WHOLE;
        deserialize_u32: WHOLE;
        deserialize_u64: WHOLE;
        deserialize_u128: WHOLE;
        deserialize_f32: Some("a number");
        deserialize_f64: Some("a number");
        deserialize_char: TEXT;
        deserialize_str: TEXT;
        deserialize_string: TEXT;
        deserialize_bytes: TEXT;
        deserialize_byte_buf: TEXT;
        deserialize_unit: None;
        deserialize_seq: Some("an array");
        deserialize_map: Some("an object");
        deserialize_identifier: None;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Self { inner, slot } = self;
        let between = Between { inner: visitor, slot, asked: None };
        arrived(slot, inner.deserialize_option(between))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Self { inner, slot } = self;
        let between = Between { inner: visitor, slot, asked: None };
        arrived(slot, inner.deserialize_ignored_any(between))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.any(visitor, None)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.any(visitor, None)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.any(visitor, None)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.any(visitor, None)
    }

    /// An enum whose variants have names only, such as a word from a list.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let name = String::deserialize(self)?;
        visitor.visit_enum(de::IntoDeserializer::into_deserializer(name))
    }
}

macro_rules! visit {
    ($($method:ident($($value:ident: $kind:ty)?);)*) => {
        $(fn $method<E: de::Error>(self $(, $value: $kind)?) -> Result<V::Value, E> {
            let Self { inner, slot, asked } = self;
            send(slot, asked, inner.$method::<Fault>($($value)?))
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Between<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool(value: bool);
        visit_i64(value: i64);
        visit_u64(value: u64);
        visit_f64(value: f64);
        visit_str(value: &str);
        visit_borrowed_str(value: &'de str);
        visit_string(value: String);
        visit_none();
        visit_unit();
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let Self { inner: visitor, slot, asked } = self;
        send(slot, asked, visitor.visit_some(Typed { inner, slot }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        let Self { inner, slot, asked } = self;
        send(slot, asked, inner.visit_seq(Between { inner: list, slot, asked: None }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let Self { inner, slot, asked } = self;
        send(slot, asked, inner.visit_map(Between { inner: map, slot, asked: None }))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Between<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let Self { inner: seed, slot, asked } = self;
        send(slot, asked, seed.deserialize(Typed { inner, slot }))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Between<'_, A> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let slot = self.slot;
        arrived(slot, self.inner.next_element_seed(Between { inner: seed, slot, asked: None }))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Between<'_, A> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let slot = self.slot;
        arrived(slot, self.inner.next_key_seed(Between { inner: seed, slot, asked: None }))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let slot = self.slot;
        arrived(slot, self.inner.next_value_seed(Between { inner: seed, slot, asked: None }))
    }
}
