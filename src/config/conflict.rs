//! Settings of the two kinds of store: those of a data directory, and those of a database.

use std::collections::BTreeMap;

use super::values::Config;
use super::variables::PASSWORD;

/// For each setting that was given, where, and its text.
pub type Sources = BTreeMap<&'static str, (String, String)>;

/// Refuses settings of one kind of store beside those of the other. `sources` says for each setting that
/// was given where, and its text.
pub fn check(config: &Config, sources: &Sources, problems: &mut Vec<String>) {
    let given = |key: &str| sources.get(key);
    let Some((store, _)) = given("store") else {
        if let Some((source, _)) = given("data").filter(|(_, text)| text.is_empty()) {
            problems.push(format!("{source}: must be the path of a folder, not ``"));
        }
        for (key, is_given) in [
            ("store-password-file", config.store_password_file.is_some()),
            ("allow-async-replicas", config.allow_async_replicas),
            ("advertise", config.advertise.is_some()),
            ("peer-ca", config.peer_ca.is_some()),
            ("lease-memberbases", config.lease_memberbases),
        ] {
            if let Some((source, _)) = given(key).filter(|_| is_given) {
                problems.push(format!("{source}: needs store, the address of the database"));
            }
        }
        return;
    };
    if let Some((source, _)) = given("data").filter(|(_, text)| !text.is_empty()) {
        problems.push(format!(
            "{source}: cannot be given beside {store}, because a store is either in a folder or in a \
             database; leave one of them out (an empty MEMBERBASE_DATA counts as left out)"
        ));
    }
    for (key, why) in [
        ("engine", "is for stores without a database"),
        ("reserve", "is disk space of the data directory; the database watches its own disk"),
        ("snapshot-after", "is about the log in the data directory; the database has its own log"),
    ] {
        if let Some((source, _)) = given(key) {
            problems.push(format!("{source}: cannot be given beside {store}: {key} {why}"));
        }
    }
    for (key, is_given) in
        [("peer-ca", config.peer_ca.is_some()), ("lease-memberbases", config.lease_memberbases)]
    {
        if let Some((source, _)) = given(key).filter(|_| is_given && config.advertise.is_none()) {
            problems.push(format!("{source}: needs advertise: without it no calls are passed on"));
        }
    }
    if config.store_password.is_some()
        && let Some((source, _)) = given("store-password-file")
    {
        problems.push(format!("{source}: the password was already given, in {store} or in {PASSWORD}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{File, Problems, variable};

    fn load(
        flags: &[(&'static str, &str)],
        env: &[(&str, &str)],
        file: Option<&str>,
    ) -> Result<Config, Problems> {
        let flags = flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
        let env: BTreeMap<&str, &str> = env.iter().copied().collect();
        let file = file.map(|text| File { path: "m.toml", text });
        Config::load(&flags, |name| env.get(name).map(|text| (*text).to_owned()), file)
    }

    const STORE: (&str, &str) = ("store", "postgres://mb@db/m");
    const SECRET: &str = "postgres://mb:s3cret@db/m";

    #[test]
    fn a_password_comes_from_the_environment_or_a_file_and_never_from_the_command_line() {
        let problems = load(&[("store", SECRET)], &[], None).unwrap_err().0;
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert!(problem.starts_with("--store: ") && problem.contains(PASSWORD), "{problem}");
        assert!(!problem.contains("s3cret"), "{problem}");
        let file = format!("store = \"{SECRET}\"");
        for config in [
            load(&[], &[("MEMBERBASE_STORE", SECRET)], None),
            load(&[], &[], Some(&file)),
            load(&[STORE], &[(PASSWORD, "s3cret\n")], None),
        ] {
            let config = config.unwrap();
            assert_eq!(config.store.as_ref().unwrap().as_str(), STORE.1);
            assert_eq!(config.store_password.as_ref().unwrap().reveal(), "s3cret");
            assert!(!config.to_toml().contains("s3cret") && !format!("{config:?}").contains("s3cret"));
        }
        for (env, file) in [
            (vec![("MEMBERBASE_STORE", SECRET), (PASSWORD, "other")], None),
            (
                vec![
                    (PASSWORD, "s3cret"),
                    ("MEMBERBASE_STORE_PASSWORD_FILE", "/tmp/x"),
                    ("MEMBERBASE_STORE", STORE.1),
                ],
                None,
            ),
            (vec![], Some("store = \"postgres://mb:s3cret@db/m")),
            (vec![], Some("store = [\"postgres://mb:s3cret@db/m\"]")),
            (vec![("MEMBERBASE_STORE", "mysql://mb:s3cret@db/m")], None),
        ] {
            let problems = load(&[], &env, file).unwrap_err().to_string();
            assert!(!problems.contains("s3cret"), "{problems}");
        }
    }

    #[test]
    fn settings_of_the_other_kind_of_store_are_refused_by_name() {
        for (key, text) in
            [("data", "/srv/data"), ("engine", "sled"), ("reserve", "1GiB"), ("snapshot-after", "1GiB")]
        {
            let problems = load(&[STORE], &[(&variable(key), text)], None).unwrap_err().0;
            let [problem] = &problems[..] else { panic!("{problems:?}") };
            assert!(problem.starts_with(&variable(key)) && problem.contains("--store"), "{problem}");
        }
        // The image of a container sets the data directory; it can be emptied, but not unset.
        assert!(load(&[], &[("MEMBERBASE_STORE", STORE.1), ("MEMBERBASE_DATA", "")], None).is_ok());
        for (key, text) in [
            ("data", ""),
            ("store-password-file", "/tmp/x"),
            ("allow-async-replicas", "true"),
            ("advertise", "http://mb1:50051"),
            ("peer-ca", "/tmp/x"),
            ("lease-memberbases", "true"),
        ] {
            let problems = load(&[(key, text)], &[], None).unwrap_err().0;
            assert!(matches!(&problems[..], [one] if one.starts_with(&format!("--{key}: "))), "{problems:?}");
        }
    }

    #[test]
    fn an_advertised_address_is_encrypted_if_the_server_is_and_alone_needs_authorities() {
        let with = |flags: &[(&'static str, &str)]| load(&[&[STORE], flags].concat(), &[], None);
        assert!(with(&[("advertise", "http://mb1:50051")]).is_ok());
        assert!(with(&[("advertise", "https://mb1:50051"), ("peer-ca", "/tmp/x")]).is_ok());
        let tls = [("tls-cert", "c.pem"), ("tls-key", "k.pem")];
        for (flags, begin) in [
            ([&tls[..], &[("advertise", "http://mb1:50051")]].concat(), "advertise: "),
            (vec![("peer-ca", "/tmp/x")], "--peer-ca: "),
            (vec![("lease-memberbases", "true")], "--lease-memberbases: "),
            (vec![("advertise", "mb1:50051")], "--advertise: "),
        ] {
            let problems = with(&flags).unwrap_err().0;
            assert!(matches!(&problems[..], [one] if one.starts_with(begin)), "{problems:?}");
        }
    }
}
