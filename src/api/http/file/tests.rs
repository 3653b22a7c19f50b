use std::time::Duration;

use axum::body::Body;

use super::*;

const HEAD: &str = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n";

fn file(text: &str, piece: usize, sent_as: &SentAs) -> File {
    let pieces: Vec<Result<Bytes, std::io::Error>> =
        text.as_bytes().chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let body = Body::from_stream(tokio_stream::iter(pieces));
    File::new(Pieces::new(body, 64 * 1024 * 1024, Duration::from_secs(30)).hashed(), sent_as)
}

async fn all(mut file: File) -> Result<String, String> {
    let mut bytes = Vec::new();
    loop {
        match file.next().await {
            Ok(Some(piece)) => bytes.extend_from_slice(&piece),
            Ok(None) => return Ok(String::from_utf8(bytes).unwrap()),
            Err(fault) => return Err(fault.to_string()),
        }
    }
}

fn form() -> SentAs {
    SentAs::Form("x".to_owned())
}

#[tokio::test]
async fn the_part_is_the_file_however_the_form_is_cut() {
    let text = format!("{HEAD}a,b\r\n--y\r\n1,2\r\n--x--\r\n");
    for piece in [1, 7, 1_000] {
        assert_eq!(all(file(&text, piece, &form())).await.unwrap(), "a,b\r\n--y\r\n1,2");
        assert_eq!(all(file(&text, piece, &SentAs::Body)).await.unwrap(), text);
    }
}

#[tokio::test]
async fn a_form_has_one_part_and_it_is_the_file() {
    let other = HEAD.replace("\"file\"", "\"list\"");
    let unnamed = "--x\r\nContent-Disposition: form-data\r\n\r\n";
    for (text, fault) in [
        ("--x--\r\n".to_owned(), "file is required"),
        (format!("{other}a\r\n--x--\r\n"), "list is not a part of this call"),
        (format!("{unnamed}a\r\n--x--\r\n"), "the body has a part without a name"),
        (format!("{HEAD}a\r\n{HEAD}b\r\n--x--\r\n"), "file is given twice"),
        (format!("{HEAD}a\r\n"), "the body is not a valid form"),
        ("nothing".to_owned(), "the body is not a valid form"),
    ] {
        let refused = all(file(&text, 1_000, &form())).await.unwrap_err();
        assert!(refused.contains(fault), "{text}: {refused}");
    }
}

#[tokio::test]
async fn the_head_of_a_part_is_not_held_without_limit() {
    let text = format!("--x\r\nA: {}", "a".repeat(3 * AHEAD_BYTES));
    let refused = all(file(&text, 64 * 1024, &form())).await.unwrap_err();
    assert!(refused.contains("the body is not a valid form"), "{}", &refused[..200]);
}

#[tokio::test]
async fn a_body_that_breaks_is_refused_as_such() {
    let pieces = [Ok(Bytes::from_static(HEAD.as_bytes())), Err(std::io::Error::other("broken"))];
    let body = Body::from_stream(tokio_stream::iter(pieces));
    let refused = all(File::new(Pieces::new(body, 1_000, Duration::from_secs(30)), &form())).await;
    assert!(refused.unwrap_err().contains("the connection broke"));
}

#[test]
fn a_file_is_sent_under_three_types() {
    let of = |text: &str| SentAs::of(&HeaderMap::from_iter([(CONTENT_TYPE, text.parse().unwrap())]));
    assert_eq!(of("text/csv; charset=utf-8"), Ok(SentAs::Body));
    assert_eq!(of("Application/Octet-Stream"), Ok(SentAs::Body));
    assert_eq!(of("multipart/form-data; boundary=x"), Ok(form()));
    for wrong in ["multipart/form-data", "application/json", "", "text/plain"] {
        assert!(of(wrong).is_err(), "{wrong}");
    }
    assert!(SentAs::of(&HeaderMap::new()).is_err());
}

#[tokio::test]
async fn texts_that_the_call_names_may_come_before_the_file() {
    let text = |name: &str, value: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let form = |body: String, piece: usize| {
        let pieces: Vec<Result<Bytes, std::io::Error>> =
            body.as_bytes().chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let body = Body::from_stream(tokio_stream::iter(pieces));
        File::in_form(Pieces::new(body, 1_000_000, Duration::from_secs(30)), "x", &["match", "columns"])
    };
    let both = text("match", "ref") + &text("columns", "é");
    for piece in [1, 1_000] {
        let mut file = form(format!("{both}{HEAD}a,b\r\n--x--\r\n"), piece);
        let (texts, name) = file.texts().await.unwrap();
        let pairs: Vec<_> = texts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!((&pairs[..], name.as_str()), (&[("match", "ref"), ("columns", "é")][..], "a.csv"));
        assert_eq!(all(file).await.unwrap(), "a,b");
    }
    let mut late = form(format!("{HEAD}a\r\n{}--x--\r\n", text("match", "ref")), 1_000);
    assert_eq!(late.texts().await.unwrap().0, []);
    assert!(all(late).await.unwrap_err().contains("match is not a part of this call"));
    for (body, fault) in [
        (text("other", "a") + HEAD + "a\r\n--x--\r\n", "other is not a part of this call"),
        (text("match", "ref") + "--x--\r\n", "file is required"),
        (text("match", &"a".repeat(TEXT_BYTES + 1)) + HEAD + "a\r\n--x--\r\n", "match is too long"),
    ] {
        assert!(form(body, 1_000).texts().await.unwrap_err().to_string().contains(fault), "{fault}");
    }
}
