//! Shows the secret of a new token, which cannot be shown again later.
//!
//! No token remains whose secret nobody saw: if the secret cannot be written to standard output, it is
//! written to the terminal, or else the token is revoked.

use std::io::{self, IsTerminal, Write};

use rustix::fs::{FileType, Stat};

use super::place::{Made, Place, revoke_at};
use crate::cli::client::{Target, Token};
use crate::cli::{Error, output};
use crate::server;

/// Refuses to create a token if standard output is closed or `/dev/null`.
pub fn refuse_void() -> Result<(), Error> {
    let device = |stat: Stat| {
        (FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice).then_some(stat.st_rdev)
    };
    let out = rustix::fs::fstat(io::stdout()).ok().and_then(device);
    let void = rustix::fs::stat("/dev/null").ok().and_then(device);
    if out.is_some() && out == void {
        let text = "standard output is closed or discarded, so the secret of the token would be lost: no \
                    token was created";
        return Err(Error::Usage(text.to_owned()));
    }
    Ok(())
}

/// Prints the secret as the last line. A token whose secret cannot be shown is revoked.
pub async fn show(made: &Made, place: &Place) -> Result<(), Error> {
    let first =
        if made.is_first { "this is the first token: from now on every call needs a token\n" } else { "" };
    let id = &made.id;
    let text = format!("{first}created {id}; its secret, which cannot be shown again:\n{}\n", made.secret);
    let Err(error) = output::put(&text) else { return Ok(()) };
    let why = format!("cannot write to standard output: {error}");
    let mut terminal = io::stderr();
    if terminal.is_terminal() && terminal.write_all(text.as_bytes()).is_ok() {
        return Err(Error::Unseen(why));
    }
    Err(Error::Unseen(match revoke(made, place).await {
        Ok(()) if made.is_first => format!(
            "{why}; {id} was revoked, because nobody saw its secret. Calls need a token from now on all the \
             same: stop the server, and create one with --data or --store"
        ),
        Ok(()) => format!("{why}; {id} was revoked, because nobody saw its secret"),
        Err(fault) => {
            format!(
                "{why}; nobody saw the secret of {id}, and revoking it failed ({fault}): revoke it yourself"
            )
        }
    }))
}

async fn revoke(made: &Made, place: &Place) -> Result<(), Error> {
    if let Some(config) = place.store(false).await? {
        return server::revoke_token(&config, &made.id).await.map(drop).map_err(Error::from);
    }
    // The creator of the first token has no other token.
    let mut target: Target = place.target.clone();
    if made.is_first {
        target.token = Token::of(&made.secret);
    }
    revoke_at(&target, made.id.clone()).await.map(drop)
}
