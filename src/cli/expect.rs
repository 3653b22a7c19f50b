//! How many changes a command is meant to make, for the guard.

use crate::api::grpc::v1;

/// The numbers that an admin expects, one for each kind of change that the guard counts.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ExpectArgs {
    /// With an admin token: the number of members that are meant to become inactive, if that is more than the
    /// guard allows
    #[arg(long, value_name = "MEMBERS")]
    expect_removals: Option<u64>,
    /// The same for members who get another e-mail address, other names, another date of birth or bank
    /// account
    #[arg(long, value_name = "MEMBERS")]
    expect_identities: Option<u64>,
    /// The same for members who lose contact data, bank data or all attributes
    #[arg(long, value_name = "MEMBERS")]
    expect_clears: Option<u64>,
    /// The same for inactive members who come back
    #[arg(long, value_name = "MEMBERS")]
    expect_reactivations: Option<u64>,
    /// The same for members who leave their tier
    #[arg(long, value_name = "MEMBERS")]
    expect_tiers: Option<u64>,
}

impl ExpectArgs {
    /// The numbers on the wire.
    pub fn to_wire(&self) -> v1::GuardExpectation {
        v1::GuardExpectation {
            removals: self.expect_removals,
            identities: self.expect_identities,
            clears: self.expect_clears,
            reactivations: self.expect_reactivations,
            tiers: self.expect_tiers,
        }
    }
}
