//! Whole numbers in bodies: `5`, and `5.0`, which is the same number in JSON Schema, JavaScript and the JSON
//! form of protobuf.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use crate::model::limits::UNSAFE_INTEGER;

/// What a number must be that is too large. Without a fraction and an exponent it may have 63 bits, otherwise
/// 53.
const SMALL: &str = "a whole number that is not so large";

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
                fits.map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &SMALL))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Integer, E> {
                if number.fract() != 0.0 {
                    return Err(E::invalid_value(Unexpected::Float(number), &self));
                }
                let is_exact = number.abs() < UNSAFE_INTEGER;
                let parsed = if is_exact { format!("{number:.0}").parse().ok() } else { None };
                parsed.map(Integer).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &SMALL))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::api::http::json::{Object, parse, parse_with};

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

    #[test]
    fn the_fault_of_a_number_in_an_object_is_that_of_the_number() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "only whether it parses matters")]
        struct Page {
            limit: Option<Integer>,
        }
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "only whether it parses matters")]
        struct List {
            pages: Vec<Object<Page>>,
        }
        for (number, told) in [
            ("99999999999999999999", "must be a whole number that is not so large"),
            ("9223372036854775808", "must be a whole number that is not so large"),
            ("-1e30", "must be a whole number that is not so large"),
            ("0.5", "must be a whole number"),
            ("1e999", "has a number that is out of range (line 1, column 26)"),
            ("\"5\"", "must be a whole number, not a string"),
        ] {
            let text = format!("{{\"pages\": [{{\"limit\": {number}}}]}}");
            let fault = parse::<List>(text.as_bytes()).unwrap_err().violations.remove(0);
            assert_eq!((&*fault.field, &*fault.description), ("pages[0].limit", told), "{number}");
        }
    }
}
