//! Whole numbers in bodies: `5`, and `5.0`, which is the same number in JSON Schema, JavaScript and the JSON
//! form of protobuf.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use crate::model::limits::UNSAFE_INTEGER;

/// A whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Integer(pub i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Integer, E> {
                Ok(Integer(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Integer, E> {
                let fits = i64::try_from(number).map(Integer);
                fits.map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Integer, E> {
                let whole = number.fract() == 0.0 && number.abs() < UNSAFE_INTEGER;
                let parsed = if whole { format!("{number:.0}").parse().ok() } else { None };
                parsed.map(Integer).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::http::json::parse_with;

    #[test]
    fn a_number_without_a_fraction_is_whole_however_it_is_written() {
        let parse = |text: &str| parse_with(text.as_bytes(), std::marker::PhantomData::<Integer>);
        for (text, number) in
            [("5", 5), ("-5.0", -5), ("-0.0", 0), ("1e3", 1_000), ("9223372036854775807", i64::MAX)]
        {
            assert_eq!(parse(text), Ok(Integer(number)), "{text}");
        }
        for text in ["5.5", "9223372036854775808", "9007199254740992.0", "1e300", "\"5\"", "true"] {
            let refusal = parse(text).unwrap_err();
            let told = &refusal.violations[0].description;
            assert!(told.starts_with("must be a whole number") && !told.contains(text), "{text}: {told}");
        }
    }
}
