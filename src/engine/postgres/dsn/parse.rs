//! From the text of a DSN to its parts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::place::{DEFAULT_PORT, DEFAULT_SCHEMA, Dsn, DsnError, Host, MAX_HOSTS, MAX_SCHEMA_BYTES, Ssl};

impl Dsn {
    /// Parses and checks the text.
    pub fn parse(text: &str) -> Result<Self, DsnError> {
        dsn(text)
    }
}

fn dsn(text: &str) -> Result<Dsn, DsnError> {
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
    let rest = rest.ok_or(DsnError::Scheme)?;
    let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
    // A password may hold an `@` that is not encoded; a host cannot.
    let (login, hosts) = place.rsplit_once('@').unwrap_or(("", place));
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(decoded(password, "password")?)),
        None => (login, None),
    };
    let mut found = Dsn {
        hosts: named_hosts(hosts)?,
        user: decoded(user, "user")?,
        password,
        database: decoded(database, "database")?,
        ssl: Ssl::Prefer,
        root_certificates: None,
        transaction_pooler: false,
        schema: DEFAULT_SCHEMA.to_owned(),
        application_name: "memberbase".to_owned(),
    };
    let mut names = BTreeSet::new();
    for pair in options.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        option(&mut found, name, &decoded(value, "options")?)?;
        // It is known, so it is no part of a password.
        if !names.insert(name) {
            return Err(DsnError::Twice(name.to_owned()));
        }
    }
    // Ignored, it would promise a check that nobody makes.
    if found.root_certificates.is_some() && found.ssl != Ssl::VerifyFull {
        return Err(DsnError::BadOption { option: "sslrootcert", expected: "used with sslmode=verify-full" });
    }
    for (what, is_missing) in [
        ("host", found.hosts.is_empty()),
        ("user", found.user.is_empty()),
        ("database", found.database.is_empty()),
    ] {
        if is_missing {
            return Err(DsnError::Missing(what));
        }
    }
    if found.hosts.len() > MAX_HOSTS { Err(DsnError::TooManyHosts) } else { Ok(found) }
}

fn option(dsn: &mut Dsn, name: &str, value: &str) -> Result<(), DsnError> {
    let bad = |option, expected| Err(DsnError::BadOption { option, expected });
    match (name, value) {
        ("host", value) => {
            let hosts = value.split(',').map(option_host).collect::<Result<Vec<_>, _>>()?;
            dsn.hosts.extend(hosts);
        }
        ("sslmode", "disable") => dsn.ssl = Ssl::Disable,
        ("sslmode", "prefer") => dsn.ssl = Ssl::Prefer,
        ("sslmode", "require") => dsn.ssl = Ssl::Require,
        ("sslmode", "verify-full") => dsn.ssl = Ssl::VerifyFull,
        ("sslmode", _) => return bad("sslmode", "disable, prefer, require or verify-full"),
        ("sslrootcert", "system") => dsn.root_certificates = None,
        ("sslrootcert", path) if !path.is_empty() => dsn.root_certificates = Some(PathBuf::from(path)),
        ("sslrootcert", _) => return bad("sslrootcert", "a file, or system"),
        ("target_session_attrs", "read-write" | "primary") => {}
        ("target_session_attrs", _) => return bad("target_session_attrs", "read-write"),
        ("pooler", "transaction") => dsn.transaction_pooler = true,
        ("pooler", "none") => dsn.transaction_pooler = false,
        ("pooler", _) => return bad("pooler", "transaction, or none"),
        ("schema", name) if is_schema(name) => name.clone_into(&mut dsn.schema),
        ("schema", _) => return bad("schema", "1 to 40 of a-z, 0-9 and _, and begin with a letter"),
        ("application_name", name) if !name.is_empty() => name.clone_into(&mut dsn.application_name),
        ("application_name", _) => return bad("application_name", "a text"),
        (name, _) => return Err(DsnError::UnknownOption(name.chars().take(40).collect())),
    }
    Ok(())
}

/// Whether it is a name that SQL reads as it stands, so that it needs no quotes.
fn is_schema(name: &str) -> bool {
    name.len() <= MAX_SCHEMA_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with("pg_")
}

fn named_hosts(text: &str) -> Result<Vec<Host>, DsnError> {
    if text.is_empty() {
        // The option names them.
        return Ok(Vec::new());
    }
    text.split(',').map(named_host).collect()
}

/// A host of the DSN's front part: `name`, `name:port`, `[::1]:port`, or an encoded folder.
fn named_host(text: &str) -> Result<Host, DsnError> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']').ok_or(DsnError::Unreadable("host"))?;
            match port.strip_prefix(':') {
                None if !port.is_empty() => return Err(DsnError::Unreadable("host")),
                port => (name, port),
            }
        }
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let port = match port {
        None | Some("") => DEFAULT_PORT,
        Some(port) => port.parse().map_err(|_| DsnError::Unreadable("port"))?,
    };
    host(&decoded(name, "host")?, port)
}

/// A host of the option `host`, which may be a folder and end in a port.
fn option_host(text: &str) -> Result<Host, DsnError> {
    match text.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
        Some((name, Ok(port))) => host(name, port),
        _ => host(text, DEFAULT_PORT),
    }
}

fn host(name: &str, port: u16) -> Result<Host, DsnError> {
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(DsnError::Unreadable("host"));
    }
    if port == 0 {
        return Err(DsnError::Unreadable("port"));
    }
    Ok(if name.starts_with('/') {
        Host::Unix { folder: PathBuf::from(name), port }
    } else {
        Host::Tcp { name: name.to_owned(), port }
    })
}

fn decoded(text: &str, what: &'static str) -> Result<String, DsnError> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| DsnError::Unreadable(what))?;
    if decoded.chars().any(char::is_control) {
        Err(DsnError::Unreadable(what))
    } else {
        Ok(decoded.into_owned())
    }
}
