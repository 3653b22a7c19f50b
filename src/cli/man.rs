//! `memberbase man`: a manual page for each command, from the same texts as `--help`.
//!
//! Everybody may read the pages, unlike other files that the program creates: they say nothing about anybody.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::{Error, files, output};

/// The section of the manual for programs that users run.
const SECTION: &str = "1";
/// The mode of a page: everybody reads it.
const READABLE: u32 = 0o644;

/// The arguments of `man`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Pages of an earlier version are replaced. man finds the pages of ~/.local/share/man/man1 if \
                  ~/.local/bin is in PATH, and those of /usr/local/share/man/man1. The Debian package has them."
)]
pub struct Args {
    /// The folder for the pages; it must exist
    #[arg(value_name = "FOLDER")]
    out: PathBuf,
}

/// Writes the pages, and prints their paths. `program` is the whole command line.
pub fn run(args: &Args, program: Command) -> Result<ExitCode, Error> {
    for Page { name, text } in pages(program).map_err(Error::file("write", &args.out))? {
        let path = args.out.join(name);
        files::refuse_inside_store(&path)?;
        write(&path, &text).map_err(Error::file("write", &path))?;
        output::line(path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts a whole page in the place of an earlier one. A link that is there is replaced, and the file to which
/// it leads stays as it is.
fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let part = files::unfinished(path);
    let Some(mut file) = files::begin_unfinished(&part)? else {
        return Err(io::Error::other("another command writes the page"));
    };
    let written = file
        .write_all(text)
        .and_then(|()| file.set_permissions(Permissions::from_mode(READABLE)))
        .and_then(|()| fs::rename(&part, path));
    written.inspect_err(|_| drop(fs::remove_file(&part)))
}

/// A page: the name of its file, and its source.
struct Page {
    name: String,
    text: Vec<u8>,
}

/// The pages of a program and all its commands, a command before those below it.
fn pages(program: Command) -> io::Result<Vec<Page>> {
    // Without the command `help`, which would have a page for each other command.
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let version = program.get_version().unwrap_or_default().to_owned();
    let version = version_and_date(&version);
    let mut pages = Vec::new();
    let mut waiting = vec![(program, None)];
    while let Some((command, above)) = waiting.pop() {
        let name = page_name(&command);
        let below: Vec<Command> = command.get_subcommands().cloned().collect();
        // The last one that is put there is taken first.
        waiting.extend(below.into_iter().rev().map(|inner| (inner, Some(name.clone()))));
        let text = page(command, version, above.as_deref())?;
        pages.push(Page { name: format!("{name}.{SECTION}"), text });
    }
    Ok(pages)
}

/// The name under which `man` finds the page of a command: `memberbase-token-create`.
fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// The version, such as `0.1.0`, and the date of its commit, in a text such as `0.1.0 (4604cf5, 2026-11-29)`.
/// Without a commit the date is a space: an empty one would be left out, and what follows would stand in its
/// place.
fn version_and_date(text: &str) -> (&str, &str) {
    let (version, commit) = text.split_once(" (").unwrap_or((text, ""));
    let date = commit.split_once(", ").map_or(" ", |(_, date)| date.trim_end_matches(')'));
    (version, date)
}

/// The page of one command. `above` is the page of the command to which it belongs.
fn page(command: Command, (version, date): (&str, &str), above: Option<&str>) -> io::Result<Vec<u8>> {
    let notes = command.get_after_help().map(ToString::to_string);
    let has_below = command.has_subcommands();
    let page = Man::new(command)
        .section(SECTION)
        .date(date)
        .source(format!("memberbase {version}"))
        .manual("memberbase");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if has_below {
        page.render_subcommands_section(&mut text)?;
    }
    let mut rest = Roff::new();
    if let Some(notes) = notes {
        rest.control("SH", ["NOTES"]);
        rest.text([roman(notes)]);
    }
    rest.control("SH", ["SEE ALSO"]);
    rest.text(see_also(above));
    rest.to_writer(&mut text)?;
    Ok(text)
}

/// Where more is said: the page above, and the documents.
fn see_also(above: Option<&str>) -> Vec<Inline> {
    let mut said = Vec::new();
    if let Some(above) = above {
        said.extend([bold(above), roman(format!("({SECTION}), "))]);
    }
    said.push(roman("docs/command-line.md of memberbase, also for the exit codes"));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        let inner = Command::new("inner").about("Does it").after_help("Said after it.");
        let outer = Command::new("outer").about("Has inner ones").subcommand(inner);
        Command::new("prog")
            .version("1.2 (abc, 2026-11-29)")
            .about("A program")
            .subcommand(outer)
            .subcommand(Command::new("x"))
    }

    #[test]
    fn a_version_without_a_commit_has_a_space_for_its_date() {
        assert_eq!(version_and_date("0.1.0"), ("0.1.0", " "));
        assert_eq!(version_and_date("0.1.0 (4604cf5, 2026-11-29)"), ("0.1.0", "2026-11-29"));
    }

    #[test]
    fn a_page_takes_the_place_of_a_link_and_not_of_the_file_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let (page, theirs) = (folder.path().join("prog.1"), folder.path().join("theirs"));
        fs::write(&theirs, "theirs").unwrap();
        std::os::unix::fs::symlink(&theirs, &page).unwrap();
        for text in ["a page", "a newer page"] {
            write(&page, text.as_bytes()).unwrap();
            assert_eq!((fs::read_to_string(&page).unwrap().as_str(), page.is_symlink()), (text, false));
        }
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
        assert_eq!(fs::metadata(&page).unwrap().permissions().mode() & 0o777, READABLE);
        fs::create_dir(folder.path().join("prog-x.1")).unwrap();
        write(&folder.path().join("prog-x.1"), b"a page").unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing unfinished is left");
    }

    #[test]
    fn each_command_has_a_page_that_leads_to_the_one_above() {
        let pages = pages(program()).unwrap();
        let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        assert_eq!(names, ["prog.1", "prog-outer.1", "prog-outer-inner.1", "prog-x.1"]);
        let text = |n: usize| String::from_utf8(pages.get(n).unwrap().text.clone()).unwrap();
        assert!(text(0).contains(".TH prog 1 2026-11-29 \"memberbase 1.2\" memberbase\n"), "{}", text(0));
        assert!(text(1).contains("prog\\-outer\\-inner(1)"), "{}", text(1));
        let inner = text(2);
        for part in
            ["prog\\-outer\\-inner \\- Does it", ".SH NOTES\nSaid after it.", "\\fBprog\\-outer\\fR(1), "]
        {
            assert!(inner.contains(part), "{part}: {inner}");
        }
        assert!(!text(3).contains("NOTES"), "{}", text(3));
    }
}
