//! The origin of a change: who made it, through which door, by which call, and why. It is written with every
//! commit and passed down explicitly, so that no change can be made without one.

use crate::model::access::token::TokenId;
use crate::model::membership::member::Status;

/// The origin of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Who made it.
    pub actor: Actor,
    /// The door through which it came.
    pub door: Door,
    /// The operation of the directory.
    pub call: Call,
    /// The job, import or request that caused it.
    pub cause: Cause,
}

impl Origin {
    /// The origin of the operation `call` that the system does by itself.
    #[must_use]
    pub const fn system(call: Call) -> Self {
        Self { actor: Actor::System, door: Door::System, call, cause: Cause::None }
    }
}

/// For tests that do not check origins.
#[cfg(test)]
impl Default for Origin {
    fn default() -> Self {
        Self::system(Call::NONE)
    }
}

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// An unknown caller: the store had no token yet, so every caller had every right.
    Nobody,
    /// An operator with access to the data directory.
    Owner,
    /// The holder of a token.
    Token(TokenId),
    /// The system itself.
    System,
}

/// The door through which a change came. Its number is stored in four bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// No door: the system itself.
    System,
    /// gRPC.
    Grpc,
    /// The Publisher door.
    Publisher,
    /// The Onsi door.
    Onsi,
    /// The Orbiit door.
    Orbiit,
    /// A command that works on the data directory.
    CommandLine,
    /// The console.
    Console,
}

impl Door {
    /// Every door, each at its number.
    pub const ALL: [Self; 7] = [
        Self::System,
        Self::Grpc,
        Self::Publisher,
        Self::Onsi,
        Self::Orbiit,
        Self::CommandLine,
        Self::Console,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Grpc => "grpc",
            Self::Publisher => "publisher",
            Self::Onsi => "onsi",
            Self::Orbiit => "orbiit",
            Self::CommandLine => "command_line",
            Self::Console => "console",
        }
    }

    /// The stored number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::System => 0,
            Self::Grpc => 1,
            Self::Publisher => 2,
            Self::Onsi => 3,
            Self::Orbiit => 4,
            Self::CommandLine => 5,
            Self::Console => 6,
        }
    }

    /// The status of new members, unless the memberbase or the row sets it. The Onsi door invites members.
    #[must_use]
    pub const fn first_status(self) -> Status {
        match self {
            Self::Onsi => Status::Invited,
            Self::System
            | Self::Grpc
            | Self::Publisher
            | Self::Orbiit
            | Self::CommandLine
            | Self::Console => Status::Active,
        }
    }

    /// The door with this stored number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// What caused a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Only the call.
    None,
    /// A job, by its id.
    Job(u128),
    /// An import, by its id.
    Import(u128),
    /// A request with a request id, by the keyed hash of that id.
    Request(u128),
}

/// An operation of the directory, by its number in the registry. Numbers are stored and never reused. A
/// number that this program does not know was written by a newer version, and has no name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call(u16);

/// Declares the registry: a constant for each operation, and the table of their names.
macro_rules! calls {
    ($($number:literal $constant:ident $name:literal $about:literal)*) => {
        impl Call {
            $(#[doc = $about] pub const $constant: Self = Self($number);)*

            /// Every operation with its name.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$constant, $name)),*];
        }
    };
}

calls! {
    0 NONE "none" "No operation of the directory."
    1 UPSERT_MEMBERS "upsert_members" "Rows of a bulk upsert."
    2 UPSERT_ALL_MEMBERS "upsert_all_members" "Rows of an atomic bulk upsert."
    3 IMPORT_MEMBERS "import_members" "A chunk of rows of an import."
    4 DELETE_MEMBERS "delete_members" "Members deleted."
    5 CREATE_MEMBER "create_member" "One member made."
    6 UPDATE_MEMBER "update_member" "Fields of one member changed."
    7 REPLACE_MEMBER "replace_member" "One member replaced."
    8 REWRITE_MEMBER "rewrite_member" "One member replaced, except fields that were not sent."
    9 RENAME_MEMBER "rename_member" "One member given another ref."
    10 ACTIVATE_MEMBER "activate_member" "One member's invitation accepted."
    11 OFFBOARD_MEMBER "offboard_member" "One member made inactive."
    12 CREATE_BASE "create_base" "A memberbase made."
    13 UPDATE_BASE "update_base" "Settings of a memberbase changed."
    14 DELETE_BASE "delete_base" "A memberbase deleted."
    15 UNDELETE_BASE "undelete_base" "A memberbase brought back."
    16 SET_SCHEMA "set_schema" "The attribute schema set."
    17 SET_ATTRIBUTES "set_attributes" "Attributes of members set."
    18 DELETE_ATTRIBUTES "delete_attributes" "Attributes of members deleted."
    19 SAVE_CLIP "save_clip" "A clip saved."
    20 DELETE_CLIP "delete_clip" "A clip deleted."
    21 CREATE_STAMP_COLLECTION "create_stamp_collection" "A stamp collection made."
    22 ADD_STAMPS "add_stamps" "Stamps added to a collection."
    23 INGEST_TRANSACTIONS "ingest_transactions" "Transactions ingested."
    24 BEGIN_TIMELINE "begin_timeline" "The store brought back to an earlier time."
    25 PURGE_BASE "purge_base" "A deleted memberbase about to be removed for good."
    26 UNDELETE_MEMBERS "undelete_members" "Deleted members brought back."
    27 SYNC_MEMBERS "sync_members" "A full list applied."
    28 DELETE_BY_FILTER "delete_by_filter" "Members that match a filter deleted for good."
    29 REVERT "revert" "Changes taken back."
    30 APPLY_ACTIONS "apply_actions" "Actions of a batch applied."
    31 CREATE_AUDIENCE "create_audience" "An audience made."
    32 UPDATE_AUDIENCE "update_audience" "The name or the filter of an audience changed."
    33 ARCHIVE_AUDIENCE "archive_audience" "An audience archived."
    34 UNARCHIVE_AUDIENCE "unarchive_audience" "An audience unarchived."
    35 ADD_AUDIENCE_MEMBERS "add_audience_members" "Members added to an audience by hand."
    36 REMOVE_AUDIENCE_MEMBERS "remove_audience_members" "Members removed from an audience by hand."
    37 BUILD_AUDIENCES "build_audiences" "New filters of audiences evaluated for the members that existed."
    38 UPSERT_STREAM "upsert_stream" "Rows of a stream, taken together."
}

impl Call {
    /// The operation with this stored number.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// The stored number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Its name, if this program knows it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::ALL.iter().find(|(call, _)| *call == self).map(|(_, name)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_door_comes_back_from_its_number_and_fits_into_four_bits() {
        for door in Door::ALL {
            assert_eq!(Door::from_number(door.number()), Some(door));
            assert!(door.number() < 16);
        }
        let mut words = Door::ALL.map(Door::as_str).to_vec();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Door::ALL.len());
        assert_eq!(Door::from_number(7), None);
    }

    #[test]
    fn calls_are_numbered_without_a_gap_and_none_has_the_name_of_another() {
        let mut names: Vec<&str> = Call::ALL.iter().map(|(_, name)| *name).collect();
        for (number, (call, name)) in (0_u16..).zip(Call::ALL) {
            assert_eq!((call.number(), call.name()), (number, Some(*name)));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Call::ALL.len());
        assert_eq!(Call::from_number(u16::MAX).name(), None);
    }
}
