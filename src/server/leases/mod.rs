//! Leases: a standby serves memberbases by itself that its callers use much.
//!
//! The active server owns the store, and standbys pass calls on. If one memberbase has many calls at one
//! standby, that asks for it. The active server then closes the memberbase and **lends** it: until it is given
//! back, the standby, its **tenant**, reads and writes it in the database by itself.
//!
//! # Invariants
//!
//! - **One server decides about a memberbase at a time.** Which one, the database says: every write of a
//!   tenant changes the fence of its lease, and no write of the active server touches what is lent. All that
//!   servers tell each other here is only how to go on.
//! - **Every answer is true when it leaves.** As at the active server, an answer leaves only as long as this
//!   server's renewals of the lease are acknowledged.
//! - **Whoever else needs the memberbase gets it.** A call about it anywhere else, a job, or a change that
//!   concerns all memberbases, such as a revoked token, has it given back before it begins. So a tenant needs no
//!   news: nothing that its answers depend on changes while it has the lease.
//! - **Doubt passes calls on.** A call whose memberbase is not read with certainty goes to the active server,
//!   as if there were no leases. That is right, and only slower.
//! - **No call is lost.** A lease ends after its calls have ended. One that does not end in time gets
//!   `ANSWER_LOST`, as if its connection had been lost, and is repeated with the same request id.
//! - **A memberbase that two servers are asked about does not wander**: see [`uses`].
//!
//! Left out: JSON doors, jobs, settings, and whatever concerns several memberbases are always served by the
//! active server.
//!
//! | file | what it is |
//! | --- | --- |
//! | `names` | which memberbase a call is about |
//! | `uses` | which memberbases are asked for |
//! | `counts` | what is counted for operators |
//! | `lessor` | the active server's side |
//! | `running` | the calls of a lease |
//! | `shares` | which part of the memory a lease may use |
//! | `tenancy` | one memberbase that this server has |
//! | `tenant` | all of them |

mod counts;
mod lessor;
mod names;
mod running;
mod shares;
mod tenancy;
mod tenant;
mod uses;

pub use self::counts::LeaseCounts;
pub use self::lessor::Lessor;
pub use self::names::place;
pub use self::shares::{Share, Shares};
pub use self::tenancy::OpenLease;
pub use self::tenant::{Claim, Open, Tenant};
