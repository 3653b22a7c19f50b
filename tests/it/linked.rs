//! Which arguments of the linker the build script takes for the released program. This test compiles that
//! code.

#[path = "../../build/linked.rs"]
mod build;

use build::{Compiler, SMALLER, works};

fn compiler() -> Compiler {
    Compiler { rustc: "rustc".into(), target: None, linker: None, flags: "-Cdebuginfo=0".to_owned() }
}

#[test]
fn only_arguments_are_taken_with_which_a_program_is_linked_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let works = |compiler: &Compiler, argument: &str| works(compiler, argument, folder.path());
    assert!(works(&compiler(), ""), "no argument at all");
    assert!(!works(&compiler(), "-Wl,--no-such-argument"));
    // It makes no program.
    assert!(!works(&Compiler { linker: Some("true".to_owned()), ..compiler() }, SMALLER[0]));
    assert!(!works(&Compiler { rustc: "no-such-rustc".into(), ..compiler() }, SMALLER[0]));
    let target = Some("x86_64-unknown-linux-gnu".to_owned());
    assert!(!works(&Compiler { target, ..compiler() }, ""), "another machine's program is not run here");
}
