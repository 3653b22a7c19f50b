//! `memberbase completions`: a script with which a shell completes the commands and their options.

use std::process::ExitCode;

use clap_complete::Shell;

use super::{Error, output};

/// The arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "For bash, until the shell ends: source <(memberbase completions bash). To keep it, write it \
                  to the folder from which the shell reads such scripts: \
                  ~/.local/share/bash-completion/completions/memberbase, ~/.config/fish/completions/memberbase.fish, \
                  or _memberbase in a folder of zsh's fpath. The Debian package has them for all users."
)]
pub struct Args {
    /// The shell that will read the script
    shell: Shell,
}

/// Prints the script. `program` is the whole command line.
pub fn run(args: &Args, mut program: clap::Command) -> Result<ExitCode, Error> {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, name, &mut script);
    output::text(String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
