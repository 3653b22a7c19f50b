//! Where conditions are written.

/// Where people write conditions: error texts say how to write them there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In an argument `--filter` of a command, where a shell removes quotes.
    CommandLine,
    /// Each in a line of its own.
    Lines,
}

impl Place {
    /// How to write several conditions.
    pub(super) fn each(self) -> &'static str {
        match self {
            Self::CommandLine => "give --filter once for each",
            Self::Lines => "write each in a line of its own",
        }
    }

    /// The condition with what it needs around it.
    pub(super) fn quoted(self, condition: &str) -> String {
        match self {
            Self::CommandLine if condition.contains('\'') => format!("--filter {condition}"),
            Self::CommandLine => format!("--filter '{condition}'"),
            Self::Lines => condition.to_owned(),
        }
    }
}
