//! The arguments of `bench`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::Error;
use crate::cli::client::Tls;
use crate::cli::client::{self, Token};

use super::load::Via;

/// The arguments of `bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server to measure; by default bench starts one on a free port and stops it at the end.
    /// MEMBERBASE_SERVER is ignored here, so that nobody puts load on a server by accident
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    #[command(flatten)]
    pub token: Token,
    #[command(flatten)]
    pub tls: Tls,
    /// The process id of that server, to report what it uses
    #[arg(long, requires = "server")]
    pub pid: Option<u32>,
    /// The data directory of the server: where to put it or, with --server, where it is, to report its size.
    /// By default a new folder, removed at the end
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// The memberbase, by name or id, created if there is none; by default a new one
    #[arg(long, value_name = "NAME-OR-ID")]
    pub base: Option<String>,
    /// How many members to load
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub members: u32,
    /// What to measure, in this order; by default everything that the server allows
    #[arg(long, value_delimiter = ',', value_name = "PHASE,…")]
    pub phases: Vec<PhaseName>,
    /// How to send the rows of a load
    #[arg(long, default_value = "import")]
    pub via: Via,
    /// Rows in each chunk or call of a load
    #[arg(long, default_value_t = 1000, value_parser = client::rows_of_chunk())]
    pub batch: u16,
    /// How many chunks or calls of a load may wait for a reply at a time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..))]
    pub batches_in_flight: u8,
    /// How many small calls may wait for a reply at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub in_flight: u16,
    /// Connections that small calls share
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    pub connections: u8,
    /// How many rows of each stream of single changes may wait for an answer at a time; there is a stream for
    /// each connection
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub rows_in_flight: u16,
    /// How many seconds each phase of small calls takes
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Percentage of the members that the phase `changed` changes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub changed: u8,
    /// The seed of the generated members; another seed generates other members
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// More arguments of `serve` for the server that bench starts; they override those that bench gives
    #[arg(last = true, value_name = "SERVE-ARGUMENTS")]
    pub serve: Vec<String>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PhaseName {
    /// Load members that are new
    Fresh,
    /// Load the same again
    Unchanged,
    /// Load them in random order with a share changed
    Changed,
    /// Get members by ref
    Get,
    /// Get members by id
    GetId,
    /// Page through all members
    Pages,
    /// Compare deep pages with the first
    Deep,
    /// Filtered lists
    Filters,
    /// Four gets by ref to one change
    Mixed,
    /// Create members one a call
    Single,
    /// Change members one a message, over streams
    Stream,
    /// Stop and open, kill and open; only without --server
    Reopen,
}

const EVERYTHING: [PhaseName; 12] = [
    PhaseName::Fresh,
    PhaseName::Unchanged,
    PhaseName::Changed,
    PhaseName::Get,
    PhaseName::GetId,
    PhaseName::Pages,
    PhaseName::Deep,
    PhaseName::Filters,
    PhaseName::Mixed,
    PhaseName::Single,
    PhaseName::Stream,
    PhaseName::Reopen,
];

impl Args {
    /// The phases asked for, or all that the server allows.
    pub fn chosen_phases(&self) -> Result<Vec<PhaseName>, Error> {
        let own_server = self.server.is_none();
        if self.phases.is_empty() {
            return Ok(EVERYTHING
                .into_iter()
                .filter(|&name| own_server || name != PhaseName::Reopen)
                .collect());
        }
        if !own_server && self.phases.contains(&PhaseName::Reopen) {
            return Err(Error::Usage(
                "the phase reopen stops the server, so it cannot be used with --server".into(),
            ));
        }
        match self.first_without_members().filter(|_| self.base.is_none()) {
            Some(name) => Err(name.needs_members("the memberbase is a new one")),
            None => Ok(self.phases.clone()),
        }
    }

    /// The first phase that looks at members before the phases have loaded any.
    pub fn first_without_members(&self) -> Option<PhaseName> {
        let before = self.phases.iter().take_while(|name| **name != PhaseName::Fresh);
        before.copied().find(|name| name.looks_at_members())
    }
}

impl PhaseName {
    fn looks_at_members(self) -> bool {
        match self {
            Self::Fresh | Self::Single | Self::Reopen => false,
            Self::Unchanged
            | Self::Changed
            | Self::Get
            | Self::GetId
            | Self::Pages
            | Self::Deep
            | Self::Filters
            | Self::Mixed
            | Self::Stream => true,
        }
    }

    /// The error for a phase that has no members to look at.
    pub fn needs_members(self, why: &str) -> Error {
        let name = self.to_possible_value();
        let name = name.as_ref().map_or("", clap::builder::PossibleValue::get_name);
        Error::Usage(format!(
            "the phase {name} looks at members, and there are none, because {why}: put the phase fresh \
             before it, or name a memberbase with --base that bench has loaded with the same --members and \
             --seed"
        ))
    }
}
