//! The environment variables of settings.

use super::settings::keys;
use crate::model::words::{did_you_mean, nearest};

/// The prefix of the environment variables of memberbase.
pub const PREFIX: &str = "MEMBERBASE_";

/// The variable with the password for the database of the store. It is no setting, so that it is never
/// printed.
pub const PASSWORD: &str = "MEMBERBASE_STORE_PASSWORD";

/// The environment variable of a setting.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('-', "_"))
}

/// The warnings about variables that have our prefix but are not settings. They are not errors, because other
/// programs set such variables too: Kubernetes does for every service that is called memberbase. `names` are
/// all variables of the environment, `others` are those that other commands of memberbase read.
pub fn unknown_variables<'a>(names: impl IntoIterator<Item = &'a str>, others: &[&str]) -> Vec<String> {
    let known: Vec<String> = keys().chain(["config"]).map(variable).chain([PASSWORD.to_owned()]).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).chain(others.iter().copied()).collect();
    let unknown = names.into_iter().filter(|name| name.starts_with(PREFIX) && !known.contains(name));
    let warning = |name: &str| {
        let meant = nearest(
            name.strip_prefix(PREFIX).unwrap_or(name),
            known.iter().filter_map(|known| known.strip_prefix(PREFIX)),
        );
        let meant = did_you_mean(meant.map(|meant| format!("{PREFIX}{meant}")));
        format!("ignoring the variable {name}, which is not a setting{meant}")
    };
    unknown.map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_variables_with_our_prefix_are_reported() {
        let names = [
            "PATH",
            "MEMBERBASE_DATA",
            "MEMBERBASE_CONFIG",
            "MEMBERBASE_TOKEN",
            "MEMBERBASE_TSL_CERT",
            "MEMBERBASE_X",
        ];
        let warnings = unknown_variables(names, &["MEMBERBASE_TOKEN"]);
        let expected = [
            "ignoring the variable MEMBERBASE_TSL_CERT, which is not a setting; did you mean MEMBERBASE_TLS_CERT?",
            "ignoring the variable MEMBERBASE_X, which is not a setting",
        ];
        assert_eq!(warnings, expected);
    }
}
