//! Faults of JSON, without the sent value.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

/// A kind of JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    List,
    /// An object.
    Object,
}

/// A fault of JSON.
#[derive(Debug)]
pub enum Fault {
    /// The object lacks this field.
    Missing(String),
    /// The object has a field of this name, which is not known.
    Unknown(String),
    /// The object has this field more than once.
    Twice(String),
    /// The value has the wrong kind.
    Kind {
        /// Its kind.
        sent: Option<Kind>,
        /// What it must be.
        wanted: Wanted,
    },
    /// The value has the right kind, but is not acceptable.
    Value {
        /// Its kind.
        sent: Option<Kind>,
        /// What it must be.
        wanted: Wanted,
    },
    /// A fault that a visitor describes in its own words.
    Other(String),
    /// The text is not JSON, or has a value that serde_json cannot hold.
    Syntax,
}

/// What a value must be, in words that follow "must be".
#[derive(Debug)]
pub enum Wanted {
    /// The kind of value that the visitor requested from the deserializer.
    Asked(&'static str),
    /// The visitor's own words, as long as it is not known what it requested.
    Words(String),
    /// The visitor's own words, because it requested any value.
    Own(String),
}

/// The prefix of the text of an error that [`twice`] makes.
const TWICE: &str = "given twice: ";

/// The error of a visitor that finds a key a second time, for objects whose keys are not known beforehand.
pub fn twice<E: de::Error>(key: &str) -> E {
    E::custom(format_args!("{TWICE}{key}"))
}

impl Kind {
    fn of(sent: Unexpected<'_>) -> Option<Self> {
        match sent {
            Unexpected::Unit | Unexpected::Option => Some(Self::Null),
            Unexpected::Bool(_) => Some(Self::Bool),
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => Some(Self::Number),
            Unexpected::Str(_) | Unexpected::Char(_) => Some(Self::Text),
            Unexpected::Seq => Some(Self::List),
            Unexpected::Map => Some(Self::Object),
            _ => None,
        }
    }
}

impl Fault {
    /// This fault with `asked`, the kind of value that the visitor requested, in place of the visitor's
    /// words. From then on they stay as they are: visitors around this one requested other values.
    pub fn of_asked(self, asked: Option<&'static str>) -> Self {
        let settled = |wanted| match (wanted, asked) {
            (Wanted::Words(_), Some(asked)) => Wanted::Asked(asked),
            (Wanted::Words(words), None) => Wanted::Own(words),
            (wanted, _) => wanted,
        };
        match self {
            Self::Kind { sent, wanted } => Self::Kind { sent, wanted: settled(wanted) },
            Self::Value { sent, wanted } => Self::Value { sent, wanted: settled(wanted) },
            fault => fault,
        }
    }
}

impl Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked(words) => words,
            Self::Words(words) | Self::Own(words) => words,
        })
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(text: T) -> Self {
        let text = text.to_string();
        match text.strip_prefix(TWICE) {
            Some(key) => Self::Twice(key.to_owned()),
            None => Self::Other(text),
        }
    }

    fn invalid_type(sent: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::Kind { sent: Kind::of(sent), wanted: Wanted::Words(wanted.to_string()) }
    }

    fn invalid_value(sent: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::Value { sent: Kind::of(sent), wanted: Wanted::Words(wanted.to_string()) }
    }

    fn invalid_length(_: usize, wanted: &dyn Expected) -> Self {
        Self::Value { sent: None, wanted: Wanted::Words(wanted.to_string()) }
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::Unknown(field.to_owned())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field.to_owned())
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Twice(field.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_a_visitor_finds_twice_is_a_fault_of_its_own() {
        let fault: Fault = twice("a`b");
        assert!(matches!(fault, Fault::Twice(key) if key == "a`b"));
    }
}
