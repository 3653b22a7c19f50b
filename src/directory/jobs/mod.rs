//! Durable jobs: starting, watching and deciding about them, and the tasks that do them.
//!
//! - A list becomes a job only once it is whole and stored ([`ListUpload`]).
//! - Only a [`Runner`] plans and applies jobs: at most one of a memberbase at a time, in the order in which
//!   they were accepted. Callers change jobs only while no runner does: a running job is asked to stop.
//! - Everything that a job did is stored when its state says so. A job that was interrupted goes on from its
//!   cursor.
//!
//! | room | what it promises |
//! | --- | --- |
//! | `work` | what planning and applying have in common |
//! | `action` | the line in which a job keeps an action |
//! | `input` | reads a stored list again, row by row |
//! | `sheets` | the workbooks that streams of results read again, and the memory for their rows |
//! | `received` | rows of a stored list as they were received |
//! | `actions` | reads the stored actions of a batch again |
//! | `plan` | makes the plan of a job, and decides what happens with it |
//! | `apply` | applies a plan, step by step |
//! | `runner` | runs the jobs of a store |
//! | `manage` | gets, lists, watches, approves, rejects and cancels jobs |
//! | `start` | makes jobs that need no list |
//! | `revert` | makes jobs that take changes back |
//! | `file_check` | finds the rows that make a file wrong as a whole |
//! | `ahead` | the plan of a list that is made while it arrives |
//! | `held` | the memory of workbooks that arrive |
//! | `upload` | a list that arrives, read and stored piece by piece |
//! | `batch` | a batch of actions that arrives, planned and stored piece by piece |
//! | `cover` | faults of rows for those who may not see all values |
//! | `examples` | examples of a plan |
//! | `keys` | the keys by which people know members |
//! | `reverted` | what happened to members of a revert |
//! | `results` | what happened to rows and members |

mod action;
mod actions;
mod ahead;
mod apply;
mod batch;
mod cover;
mod examples;
mod file_check;
mod held;
mod input;
mod keys;
mod manage;
mod plan;
mod received;
mod results;
mod revert;
mod reverted;
mod runner;
mod sheets;
mod start;
mod upload;
mod work;

pub use self::action::Action;
pub use self::batch::{ActionFault, BatchUpload, NewBatch};
pub use self::file_check::FileFault;
pub use self::manage::{JobPage, JobWatch};
pub use self::received::{Headings, ReadColumn};
pub use self::results::{InputReader, JobResultRow, ResultReader, ShownInput};
pub use self::revert::{NewRevert, NewRevertOf};
pub use self::reverted::{Reverted, RevertedAs};
pub use self::runner::Runner;
pub use self::start::NewDelete;
pub use self::upload::{BegunList, ListUpload, NewList};
