//! Which arguments of the linker make the program smaller.
//!
//! Not every linker takes them, and not every C library runs what they make. So a program that does nothing is
//! linked with each of them first, and run. Only builds for this machine can try that.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// The arguments.
///
/// - Keep one copy of functions that are equal, as code for many types is. Rust promises nothing about the
///   addresses of functions, so no code relies on different functions having different ones. LLD can do this,
///   which rustc uses on Linux unless it was told otherwise.
/// - Pack the table of addresses that the loader adjusts. It takes glibc 2.36.
pub const SMALLER: [&str; 2] = ["-Wl,--icf=all", "-Wl,-z,pack-relative-relocs"];

/// What rustc is called with for this build.
pub struct Compiler {
    /// The program.
    pub rustc: OsString,
    /// The triple of the target, if it is not that of this machine.
    pub target: Option<String>,
    /// The linker, if one was chosen.
    pub linker: Option<String>,
    /// Further flags, as cargo hands them on: with U+001F between them.
    pub flags: String,
}

/// Whether a program that was linked with this argument runs; tried in the folder `out`.
pub fn works(compiler: &Compiler, argument: &str, out: &Path) -> bool {
    let (source, program) = (out.join("nothing.rs"), out.join("nothing"));
    if compiler.target.is_some() || std::fs::write(&source, "fn main() {}").is_err() {
        return false;
    }
    // An earlier one would count as this one.
    drop(std::fs::remove_file(&program));
    let mut command = Command::new(&compiler.rustc);
    command.arg(&source).arg("-o").arg(&program);
    command.args(compiler.flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    if let Some(linker) = &compiler.linker {
        command.arg(format!("-Clinker={linker}"));
    }
    if !argument.is_empty() {
        command.arg(format!("-Clink-arg={argument}"));
    }
    succeeds(&mut command) && succeeds(&mut Command::new(program))
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
