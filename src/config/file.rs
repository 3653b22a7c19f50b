//! Reads a TOML file of settings.
//!
//! `delete-retention = "30d"` may also be written with an underscore, or in a table (`[delete]`, `retention =
//! "30d"`), and numbers need no quotes. Every value must have the form of its setting ([`Form`]). Otherwise
//! `data = 5` would mean a folder named 5, and `"no"` in quotes is probably a mistake in a template. Every
//! problem names the file and the key.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::settings::{Form, SETTINGS, Setting, keys};
use super::store::without_passwords;
use crate::model::words::{did_you_mean, nearest};

/// A file of settings.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// Its path, for the texts of problems.
    pub path: &'a str,
    /// Its content, TOML.
    pub text: &'a str,
}

/// Reads the settings of a file: their values by key, as texts. Adds what is wrong to `problems`.
pub fn read(file: File<'_>, problems: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut reading = Reading { settings: BTreeMap::new(), problems: Vec::new() };
    match file.text.parse::<Table>() {
        Ok(table) => reading.collect("", table),
        Err(fault) => {
            let problem = too_large(file.text, &fault).unwrap_or_else(|| format!("is not TOML: {fault}"));
            reading.problems.push(problem);
        }
    }
    // The parser quotes the line that it does not understand, which may be the address of a database.
    let texts = reading.problems.iter().map(|problem| without_passwords(problem));
    problems.extend(texts.map(|problem| format!("{}: {problem}", file.path)));
    reading.settings
}

/// The settings and problems found so far.
struct Reading {
    settings: BTreeMap<String, String>,
    problems: Vec<String>,
}

impl Reading {
    fn collect(&mut self, parent: &str, table: Table) {
        for (name, value) in table {
            let name = name.replace('_', "-");
            let key = if parent.is_empty() { name } else { format!("{parent}-{name}") };
            let setting = SETTINGS.iter().find(|setting| setting.key == key);
            match (setting, value) {
                (Some(setting), value) => self.take(setting, value),
                (None, Value::Table(table)) if parents().any(|parent| parent == key) => {
                    self.collect(&key, table);
                }
                (None, Value::Table(_)) => {
                    let meant = nearest(&key, parents()).map(|parent| format!("[{parent}]"));
                    let fault = format!("[{key}] is not a table of settings");
                    self.problems.push(match meant {
                        Some(_) => fault + &did_you_mean(meant),
                        None => format!("{fault}; the settings are {}", listed(keys())),
                    });
                }
                (None, _) => self.problems.push(match nearest(&key, keys()) {
                    meant @ Some(_) => format!("{key} is not a setting{}", did_you_mean(meant)),
                    None => format!("{key} is not a setting; the settings are {}", listed(keys())),
                }),
            }
        }
    }

    fn take(&mut self, setting: &Setting, value: Value) {
        let key = setting.key;
        match text(setting.form, value) {
            Err(rule) => self.problems.push(format!("{key}: {rule}")),
            Ok(text) => {
                if self.settings.insert(key.to_owned(), text).is_some() {
                    self.problems.push(format!("{key}: is given twice"));
                }
            }
        }
    }
}

/// The problem with a whole number that does not fit in 64 bits. The TOML parser rejects the file because of
/// it, and without this the file would be reported as invalid TOML.
fn too_large(text: &str, fault: &toml::de::Error) -> Option<String> {
    let span = fault.span()?;
    let (number, before) = (text.get(span.clone())?, text.get(..span.start)?);
    let digits = number.trim_start_matches(['+', '-']);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let key = before.lines().next_back()?.trim_end().strip_suffix('=')?.trim();
    is_number.then(|| format!("{key}: must be a number below 2^63, not `{number}`"))
}

/// The text of a value, if it has the form of its setting. Whether the value is valid is checked later, as
/// for flags.
fn text(form: Form, value: Value) -> Result<String, String> {
    let rule = match form {
        Form::Text => "must be a text in quotes",
        Form::Amount => "must be a text in quotes or a number",
        Form::Flag => "must be true or false, without quotes",
    };
    match (form, value) {
        (Form::Text | Form::Amount, Value::String(text)) => Ok(text),
        (Form::Amount, Value::Integer(number)) => Ok(number.to_string()),
        (Form::Amount, Value::Float(number)) => Ok(number.to_string()),
        (Form::Flag, Value::Boolean(value)) => Ok(value.to_string()),
        (_, Value::Table(_) | Value::Array(_)) => Err(rule.to_owned()),
        (_, other) => Err(format!("{rule}, not `{other}`")),
    }
}

/// The tables that a file may have: every part of a key that ends before a hyphen.
fn parents() -> impl Iterator<Item = &'static str> {
    keys().flat_map(|key| key.match_indices('-').filter_map(|(at, _)| key.get(..at)))
}

fn listed(keys: impl Iterator<Item = &'static str>) -> String {
    keys.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> (BTreeMap<String, String>, Vec<String>) {
        let mut problems = Vec::new();
        (read(File { path: "m.toml", text }, &mut problems), problems)
    }

    #[test]
    fn keys_may_stand_in_tables_and_numbers_without_quotes() {
        let (found, problems) = settings(
            "grace = 5\nmemory = \"1G\"\ndelete_retention = \"1d\"\n[tls]\ncert = \"c.pem\"\nclient-ca = \"a.pem\"\n\
             [insecure]\nno_auth = true\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        let pairs: Vec<_> = found.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        let expected = [
            ("delete-retention", "1d"),
            ("grace", "5"),
            ("insecure-no-auth", "true"),
            ("memory", "1G"),
            ("tls-cert", "c.pem"),
            ("tls-client-ca", "a.pem"),
        ];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn an_unknown_key_is_reported_with_the_key_that_was_probably_meant() {
        for (text, problem) in [
            ("memroy = 1", "m.toml: memroy is not a setting; did you mean memory?"),
            ("[tsl]\ncert = \"a\"", "m.toml: [tsl] is not a table of settings; did you mean [tls]?"),
            ("[tls]\ncret = \"a\"", "m.toml: tls-cret is not a setting; did you mean tls-cert?"),
            (
                "[tls.client]\nac = \"a\"",
                "m.toml: tls-client-ac is not a setting; did you mean tls-client-ca?",
            ),
            ("tls-cert = \"a\"\n[tls]\ncert = \"b\"", "m.toml: tls-cert: is given twice"),
        ] {
            assert_eq!(settings(text).1, [problem], "{text}");
        }
        for (text, begins) in [
            ("colour = 1", "m.toml: colour is not a setting; the settings are listen, admin-listen, "),
            ("[colours]\nred = 1", "m.toml: [colours] is not a table of settings; the settings are listen, "),
            ("[[tls]]\ncert = 1", "m.toml: tls is not a setting; the settings are listen, "),
            ("a = = 1", "m.toml: is not TOML: "),
        ] {
            assert!(
                matches!(&settings(text).1[..], [only] if only.starts_with(begins)),
                "{:?}",
                settings(text).1
            );
        }
    }

    #[test]
    fn every_value_has_the_form_of_its_setting() {
        for (text, problem) in [
            ("data = 5", "data: must be a text in quotes, not `5`"),
            ("log = false", "log: must be a text in quotes, not `false`"),
            ("[data]\nfolder = \"a\"", "data: must be a text in quotes"),
            (
                "insecure-no-auth = \"no\"",
                "insecure-no-auth: must be true or false, without quotes, not `\"no\"`",
            ),
            (
                "[insecure]\nplaintext = 1",
                "insecure-plaintext: must be true or false, without quotes, not `1`",
            ),
            ("memory = [1]", "memory: must be a text in quotes or a number"),
            (
                "[connections]\nper_peer = 99_999_999_999_999_999_999",
                "per_peer: must be a number below 2^63, not `99_999_999_999_999_999_999`",
            ),
            (
                "memory = 0x1ffffffffffffffff # much",
                "memory: must be a number below 2^63, not `0x1ffffffffffffffff`",
            ),
            ("grace = 07:32:00", "grace: must be a text in quotes or a number, not `07:32:00`"),
        ] {
            assert_eq!(settings(text).1, [format!("m.toml: {problem}")], "{text}");
        }
    }
}
