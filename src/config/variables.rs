//! The environment variables of settings.

use super::settings::keys;
use crate::model::words::{did_you_mean, nearest};

/// What begins the names of our variables.
pub const PREFIX: &str = "MEMBERBASE_";

/// The environment variable of a setting.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('-', "_"))
}

/// What to tell about variables that look like settings and are none. They are no errors, because others make variables of
/// such names too: Kubernetes does for every service that is called memberbase. `names` is the whole environment, `others`
/// what our other commands read.
pub fn unknown_variables<'a>(names: impl IntoIterator<Item = &'a str>, others: &[&str]) -> Vec<String> {
    let known: Vec<String> = keys().chain(["config"]).map(variable).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).chain(others.iter().copied()).collect();
    let unknown = names.into_iter().filter(|name| name.starts_with(PREFIX) && !known.contains(name));
    let tell = |name: &str| {
        let meant = nearest(
            name.strip_prefix(PREFIX).unwrap_or(name),
            known.iter().filter_map(|known| known.strip_prefix(PREFIX)),
        );
        let meant = did_you_mean(meant.map(|meant| format!("{PREFIX}{meant}")));
        format!("the variable {name} is not a setting, and does not count{meant}")
    };
    unknown.map(tell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_look_like_settings_are_told() {
        let names = [
            "PATH",
            "MEMBERBASE_DATA",
            "MEMBERBASE_CONFIG",
            "MEMBERBASE_TOKEN",
            "MEMBERBASE_TSL_CERT",
            "MEMBERBASE_X",
        ];
        let told = unknown_variables(names, &["MEMBERBASE_TOKEN"]);
        let expected = [
            "the variable MEMBERBASE_TSL_CERT is not a setting, and does not count; did you mean MEMBERBASE_TLS_CERT?",
            "the variable MEMBERBASE_X is not a setting, and does not count",
        ];
        assert_eq!(told, expected);
    }
}
