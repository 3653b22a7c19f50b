//! A TOML file of settings.
//!
//! `delete-retention = "30d"` may also be written with an underscore, or in a table (`[delete]`, `retention = "30d"`), and
//! numbers need no quotes. What is given is text from here on, read as flags and variables are.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::keys;

/// The settings of a file by their keys.
pub fn read(text: &str, problems: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    match text.parse::<Table>() {
        Ok(table) => collect("", table, &mut settings, problems),
        Err(fault) => problems.push(format!("the file is not TOML: {fault}")),
    }
    settings
}

fn collect(parent: &str, table: Table, settings: &mut BTreeMap<String, String>, problems: &mut Vec<String>) {
    for (name, value) in table {
        let name = name.replace('_', "-");
        let key = if parent.is_empty() { name } else { format!("{parent}-{name}") };
        let text = match value {
            Value::String(text) => text,
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Boolean(value) => value.to_string(),
            Value::Table(table) if is_parent(&key) => {
                collect(&key, table, settings, problems);
                continue;
            }
            Value::Table(_) | Value::Array(_) | Value::Datetime(_) => {
                problems.push(format!("{key} in the file: must be a text, a number, true or false"));
                continue;
            }
        };
        if !keys().any(|known| known == key) {
            let known: Vec<_> = keys().collect();
            problems.push(format!("{key} in the file: is not a setting; there are {}", known.join(", ")));
        } else if settings.insert(key.clone(), text).is_some() {
            problems.push(format!("{key} in the file: is given twice"));
        }
    }
}

/// Whether there are settings whose keys begin with this.
fn is_parent(key: &str) -> bool {
    keys().any(|known| known.strip_prefix(key).is_some_and(|rest| rest.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> (BTreeMap<String, String>, Vec<String>) {
        let mut problems = Vec::new();
        (read(text, &mut problems), problems)
    }

    #[test]
    fn keys_may_stand_in_tables_and_numbers_without_quotes() {
        let (found, problems) = settings(
            "grace = 5\nmemory = \"1G\"\ndelete_retention = \"1d\"\n[tls]\ncert = \"c.pem\"\nclient-ca = \"a.pem\"\n[insecure]\nno_auth = true\n",
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
    fn what_is_no_setting_or_given_twice_is_named() {
        let (_, problems) = settings(
            "colour = 1\ntls-cert = \"a\"\nmemory = [1]\n[tls]\ncert = \"b\"\nname = \"x\"\n[colours]\nred = 1\n",
        );
        let mut sorted = problems.clone();
        sorted.sort();
        for (problem, begins) in sorted.iter().zip([
            "colour in the file: is not a setting",
            "colours in the file: must be",
            "memory in the file: must be",
            "tls-cert in the file: is given twice",
            "tls-name in the file: is not a setting",
        ]) {
            assert!(problem.starts_with(begins), "{problems:?}");
        }
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert!(settings("a = = 1").1[0].starts_with("the file is not TOML"));
    }
}
