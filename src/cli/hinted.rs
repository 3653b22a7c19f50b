//! Values that a shell completes, and that are judged elsewhere: with all other faults of the settings, or by
//! the server. So any text is taken here.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};

/// The values of a boolean.
pub const BOOLEAN: Hinted = Hinted(&["true", "false"]);

/// These values are known.
#[derive(Debug, Clone, Copy)]
pub struct Hinted(pub &'static [&'static str]);

impl TypedValueParser for Hinted {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}
