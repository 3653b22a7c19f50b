//! `memberbase audiences`: the audiences of a running server.

mod find;
mod hand;
mod manage;
mod show;

use std::process::ExitCode;

use self::find::Which;
use super::Error;

/// The arguments of `audiences`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists the audiences of a memberbase, oldest first: id, name, members, and what is special
    List(manage::ListArgs),
    /// Creates an audience, and prints its id
    Create(manage::CreateArgs),
    /// Prints an audience as JSON
    Get(Which),
    /// Changes the name or the filter of an audience
    Update(manage::UpdateArgs),
    /// Archives an audience: frees its name, and takes it out of use
    Archive(Which),
    /// Brings an archived audience back
    Unarchive(Which),
    /// Adds members to an audience by hand
    Add(hand::Args),
    /// Removes members from an audience by hand; they stay in the memberbase
    Remove(hand::Args),
    /// Prints the members of an audience as NDJSON
    Members(Which),
    /// Prints how many members a filter matches, and the first of them as NDJSON; saves nothing
    Preview(show::PreviewArgs),
    /// Prints why a member is in an audience, or not
    Explain(show::ExplainArgs),
}

/// Runs one of the commands about audiences.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    match args.action {
        Action::List(args) => manage::list(args).await,
        Action::Create(args) => manage::create(args).await,
        Action::Get(which) => show::get(which).await,
        Action::Update(args) => manage::update(args).await,
        Action::Archive(which) => manage::archive(which).await,
        Action::Unarchive(which) => manage::unarchive(which).await,
        Action::Add(args) => hand::add(args).await,
        Action::Remove(args) => hand::remove(args).await,
        Action::Members(which) => show::members(which).await,
        Action::Preview(args) => show::preview(args).await,
        Action::Explain(args) => show::explain(args).await,
    }
}
