use super::*;

fn parse(text: &str) -> Dsn {
    Dsn::parse(text).unwrap()
}

#[test]
fn every_part_is_read() {
    let dsn = parse(
        "postgres://an%40na:p@ss%2F@db1:6000,[::1]:7,db2/mem%20bers?target_session_attrs=read-write\
         &sslmode=verify-full&sslrootcert=/etc/ca.pem&pooler=transaction&schema=club_2&application_name=a",
    );
    let tcp = |name: &str, port| Host::Tcp { name: name.to_owned(), port };
    assert_eq!(dsn.hosts, [tcp("db1", 6000), tcp("::1", 7), tcp("db2", 5432)]);
    assert_eq!((dsn.user.as_str(), dsn.password.as_deref()), ("an@na", Some("p@ss/")));
    assert_eq!((dsn.database.as_str(), dsn.schema.as_str()), ("mem bers", "club_2"));
    assert_eq!((dsn.ssl, dsn.transaction_pooler), (Ssl::VerifyFull, true));
    assert_eq!(dsn.root_certificates.as_deref(), Some(std::path::Path::new("/etc/ca.pem")));
    assert_eq!(dsn.application_name, "a");
}

#[test]
fn sockets_are_hosts_too() {
    let unix = |folder: &str, port| Host::Unix { folder: folder.into(), port };
    assert_eq!(parse("postgres://a@/d?host=/run/pg").hosts, [unix("/run/pg", 5432)]);
    assert_eq!(parse("postgresql://a@%2Frun%2Fpg:6/d").hosts, [unix("/run/pg", 6)]);
    let both = parse("postgres://a@b/d?host=/run/pg:7,c");
    assert_eq!(both.hosts.len(), 3);
    assert_eq!(both.hosts[1], unix("/run/pg", 7));
}

#[test]
fn no_text_has_the_password() {
    let dsn = parse("postgres://anna:secret@db/members").with_password("secret2".to_owned());
    assert!(dsn.has_password());
    assert_eq!(dsn.password.as_deref(), Some("secret2"));
    assert_eq!(dsn.to_string(), "postgres://anna@db:5432/members");
    assert_eq!(format!("{dsn:?}"), "Dsn(postgres://anna@db:5432/members)");
    assert!(!parse("postgres://anna@db/members").has_password());
    for text in [
        "mysql://a:secret@b/c",
        "postgres://a:secret@b:port/c",
        "postgres://a:secret%FF@b/c",
        "postgres://a:secret@/c",
        "postgres://:secret@b/c",
        "postgres://a:secret@b",
        "postgres://a:secret@b/c?sslmode=secret",
        "postgres://a:secret@b/c?password=secret",
    ] {
        let error = Dsn::parse(text).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn what_it_does_not_know_is_refused() {
    for (text, expected) in [
        ("/data", DsnError::Scheme),
        ("postgres://a@b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r/d", DsnError::TooManyHosts),
        ("postgres://a@b/d?nothing=1", DsnError::UnknownOption("nothing".to_owned())),
        ("postgres://a@[::1/d", DsnError::Unreadable("host")),
        ("postgres://a@b%20c/d", DsnError::Unreadable("host")),
        ("postgres://a%00@b/d", DsnError::Unreadable("user")),
        ("postgres://a@b,,c/d", DsnError::Unreadable("host")),
        ("postgres://a@b,/d", DsnError::Unreadable("host")),
        ("postgres://a@/d?host=", DsnError::Unreadable("host")),
        ("postgres://a@/d?host=/run/pg,", DsnError::Unreadable("host")),
        ("postgres://a@b:0/d", DsnError::Unreadable("port")),
        ("postgres://a@/d?host=/run/pg:0", DsnError::Unreadable("port")),
        ("postgres://a@b/d?sslmode=require&sslmode=disable", DsnError::Twice("sslmode".to_owned())),
        ("postgres://a@/d?host=b&host=c", DsnError::Twice("host".to_owned())),
    ] {
        assert_eq!(Dsn::parse(text), Err(expected), "{text}");
    }
    for (text, name) in [
        ("target_session_attrs=any", "target_session_attrs"),
        ("sslmode=verify-ca", "sslmode"),
        ("pooler=session", "pooler"),
        ("schema=pg_x", "schema"),
        ("schema=a\"b", "schema"),
        ("schema=", "schema"),
        ("sslrootcert=", "sslrootcert"),
        ("sslmode=require&sslrootcert=/etc/ca.pem", "sslrootcert"),
        ("sslrootcert=/etc/ca.pem", "sslrootcert"),
        ("application_name=", "application_name"),
    ] {
        let error = Dsn::parse(&format!("postgres://a@b/d?{text}")).unwrap_err();
        assert!(matches!(error, DsnError::BadOption { option, .. } if option == name), "{text}: {error}");
    }
}
