//! Manual pages, and scripts with which shells complete commands.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::memberbase;

/// The words after `Commands:` in a help text.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    listed
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .filter(|name| name != "help")
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_a_page_with_all_its_options_that_anybody_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("memberbase.1"), "an earlier page").unwrap();
    let written = memberbase(&["man", path]).await.expect(0);
    let mut expected = vec![format!("{path}/memberbase.1")];
    let mut waiting: Vec<Vec<String>> = commands(&memberbase(&["--help"]).await.expect(0).stdout)
        .into_iter()
        .map(|name| vec![name])
        .collect();
    assert!(waiting.len() > 15, "{waiting:?}");
    while let Some(command) = waiting.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = memberbase(&[&words[..], &["--help"]].concat()).await.expect(0).stdout;
        let page = format!("{path}/memberbase-{}.1", command.join("-"));
        let text = std::fs::read_to_string(&page).unwrap();
        for option in help.lines().filter_map(|line| line.trim_start().strip_prefix("--")) {
            let name = option.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap();
            let shown = format!("\\fB\\-\\-{}\\fR", name.replace('-', "\\-"));
            assert!(text.contains(&shown), "{page} has no {shown}");
        }
        let mode = std::fs::metadata(&page).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o644, "{page}");
        waiting.extend(commands(&help).into_iter().map(|inner| [&command[..], &[inner]].concat()));
        expected.push(page);
    }
    let mut written: Vec<&str> = written.stdout.lines().collect();
    written.sort_unstable();
    expected.sort_unstable();
    assert_eq!(written, expected);
    let first = std::fs::read_to_string(folder.path().join("memberbase.1")).unwrap();
    assert!(first.contains("memberbase\\-import(1)") && !first.contains("an earlier page"), "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_need_a_folder_that_exists_and_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let ended = memberbase(&["man", nowhere.to_str().unwrap()]).await.expect(74);
    assert!(ended.stderr.contains("nowhere/memberbase.1: No such file or directory"), "{}", ended.stderr);
    let store = folder.path().join("store");
    let store = store.to_str().unwrap();
    memberbase(&["token", "create", "--access", "admin", "--new-store", "--data", store]).await.expect(0);
    let ended = memberbase(&["man", store]).await.expect(64);
    assert!(ended.stderr.contains("data directory"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn bash_completes_commands_options_and_their_values() {
    let script = memberbase(&["completions", "bash"]).await.expect(0).stdout;
    let complete = |words: &[&str]| {
        let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let typed = format!(
            "{script}\nCOMP_WORDS=({}) COMP_CWORD={}\n_memberbase memberbase '{last}' '{before}'\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len() - 1
        );
        let output = Command::new("bash").args(["--norc", "-c", &typed]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["memberbase", "unde"]), ["undelete"]);
    assert_eq!(complete(&["memberbase", "token", "create", "--pi"]), ["--pii"]);
    assert!(complete(&["memberbase", "completions", ""]).contains(&"zsh".to_owned()));
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = memberbase(&["completions", shell]).await.expect(0).stdout;
        assert!(script.contains("undelete") && script.contains("create-base"), "{shell}");
    }
    memberbase(&["completions", "csh"]).await.expect(64);
}
