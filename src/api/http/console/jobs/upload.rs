//! Uploading a list.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};

use super::receive::{Source, receive};
use crate::api::http::console::bases::at;
use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{Page, Tab, proof, see};
use crate::api::http::console::settings::Console;
use crate::api::http::console::visit::{Answer, Params, Visit, check_proof, check_sender, enter, ids};
use crate::api::http::file::File;
use crate::directory::NewList;
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, ListMatch, ListOptions, MatchBy};

/// Largest file, in bytes.
const FILE_BYTES: usize = 1024 * 1024 * 1024;
/// The texts of the form, which come before its file.
const TEXTS: &[&str] = &["proof", "name", "match", "status", "columns", "sheet"];
/// What finds the member of a row: the word in the form, what it means, and what it is called.
const MATCHES: [(&str, ListMatch, &str); 4] = [
    ("ref", ListMatch::Key(MatchBy::Ref), "Their ref, the key that your own systems have for them"),
    ("email", ListMatch::Key(MatchBy::Email), "Their e-mail address"),
    ("worker_id", ListMatch::Key(MatchBy::WorkerId), "Their worker id"),
    ("worker_id_or_email", ListMatch::WorkerIdOrEmail, "Their worker id, or else their e-mail address"),
];

/// What a person says about a list.
#[derive(Debug, Default, Clone)]
struct Said {
    name: String,
    match_by: String,
    applies_status: bool,
    columns: String,
    sheet: String,
}

/// The form.
pub async fn new(visit: Visit) -> Result<Answer, Failure> {
    Ok(Answer::Page(form(&visit, &Said::default(), None).await?))
}

async fn form(visit: &Visit, said: &Said, refused: Option<Markup>) -> Result<Page, Failure> {
    let (base, place) = at(visit, Tab::Lists).await?;
    let id = visit.directory.sealer().base_id(base.number);
    let may = visit.frame.who.may(AccessLevel::Write);
    let chosen = if said.match_by.is_empty() { "ref" } else { said.match_by.as_str() };
    let main = html! {
        h1 { "Upload a list" }
        @if let Some(refused) = refused {
            (refused)
            p { "Choose the file again before you send the form: a browser does not keep it." }
        }
        p {
            "A full list of everybody who should be in this memberbase: a CSV file or a spreadsheet with one row for each "
            "person. First you see what it would do. Nothing is done before somebody approves that."
        }
        @if !may { div.error { p { "Your token may only read. To upload a list, sign in with one that may write." } } }
        @else {
            form.card method="post" action={ "/console/bases/" (id) "/lists/new" } enctype="multipart/form-data" {
                (proof(visit.frame.proof))
                fieldset {
                    legend { "What says which row is who?" }
                    @for (word, _, text) in MATCHES {
                        label.choice { input type="radio" name="match" value=(word) checked[word == chosen]; (text) }
                    }
                }
                div {
                    label for="name" { "Name of the list" } " " span.hint { "if you want to find it again" }
                    input #name type="text" name="name" maxlength="200" value=(said.name);
                }
                details open[!said.columns.is_empty() || !said.sheet.is_empty() || said.applies_status] {
                    summary { "More about the file" }
                    div.stack {
                        label for="columns" { "Columns with other names" }
                        textarea #columns name="columns" rows="3" spellcheck="false" aria-describedby="columns-hint" { (said.columns) }
                        p #columns-hint .hint {
                            "One in each line, the heading in the file first: " code { "Staff no = worker_id" } ". Names such as "
                            code { "First name" } " are found without this."
                        }
                        label for="sheet" { "Sheet of a spreadsheet" }
                        input #sheet type="text" name="sheet" value=(said.sheet);
                        label.choice {
                            input type="checkbox" name="status" value="apply" checked[said.applies_status];
                            "Take over the column " code { "status" }
                        }
                    }
                }
                div.drop {
                    label for="file" { "The file" }
                    input #file type="file" name="file" required
                        accept=".csv,.tsv,.txt,.xlsx,.xls,.ods,.ndjson,.jsonl,text/csv";
                    p.hint { "Choose it, or drop it here." }
                }
                div { button.main type="submit" { "See what it would do" } }
            }
        }
    };
    Ok(Page::new("Upload a list", place, main))
}

/// Takes a list.
pub async fn upload(State(console): State<Console>, params: Params, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let name = "upload";
    let entered = async {
        check_sender(&head)?;
        enter(&console, &head, AccessLevel::Write).await
    };
    let (directory, frame) = match entered.await {
        Ok(entered) => entered,
        Err(failure) => {
            crate::api::http::pieces::drain(&head.headers, body).await;
            return failure.into_response(name, None);
        }
    };
    let visit = Visit::new(directory, frame, ids(params));
    let mut said = Said::default();
    match take(&console, &visit, &head, &mut body, &mut said).await {
        Ok(address) => see(&address),
        Err(failure) => {
            failure.log(name);
            let status = failure.status();
            match form(&visit, &said, Some(failure.shown())).await {
                Ok(page) if status.is_client_error() && status != StatusCode::FORBIDDEN => {
                    page.into_response(status, Some(&visit.frame))
                }
                Ok(_) | Err(_) => failure.into_response(name, Some(&visit.frame)),
            }
        }
    }
}

async fn take(
    console: &Console,
    visit: &Visit,
    head: &Parts,
    body: &mut Body,
    said: &mut Said,
) -> Result<String, Failure> {
    let base = visit.directory.base_number(visit.id("base"), "member_base_id")?;
    let boundary = boundary(&head.headers)?;
    let pieces = console.door.bodies.pieces(&head.headers, body, FILE_BYTES)?;
    let mut file = File::in_form(pieces, &boundary, TEXTS);
    let begun = async {
        let (texts, file_name) = file.texts().await?;
        let text =
            |name: &str| texts.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text.trim());
        check_proof(&visit.frame, text("proof"))?;
        *said = Said {
            name: text("name").to_owned(),
            match_by: text("match").to_owned(),
            applies_status: text("status") == "apply",
            columns: text("columns").to_owned(),
            sheet: text("sheet").to_owned(),
        };
        if file_name.is_empty() {
            return Err(Failure::form("Choose a file."));
        }
        new_list(base, said, &file_name)
    };
    let new = match begun.await {
        Ok(new) => new,
        Err(failure) => {
            file.drain(&head.headers).await;
            return Err(failure);
        }
    };
    let mut source = Source::File(Box::new(file));
    let received = receive(&visit.directory, new, &mut source).await;
    if let (Err(_), Source::File(file)) = (&received, source) {
        file.drain(&head.headers).await;
    }
    let job = received?;
    Ok(format!("/console/jobs/{}", visit.directory.sealer().job_id(job.base, job.number)))
}

fn new_list(base: BaseNumber, said: &Said, file_name: &str) -> Result<NewList, Failure> {
    let known = MATCHES.iter().find(|(word, ..)| *word == said.match_by);
    let (_, match_by, _) = known.ok_or_else(|| Failure::form("Choose what says which row is who."))?;
    Ok(NewList {
        base,
        options: ListOptions {
            match_by: *match_by,
            apply_status: said.applies_status,
            ..ListOptions::default()
        },
        name: if said.name.is_empty() { short(file_name) } else { said.name.clone() },
        is_dry_run: false,
        asks_first: true,
        format: None,
        sheet: Some(said.sheet.clone()).filter(|sheet| !sheet.is_empty()),
        columns: columns(&said.columns)?,
        is_checked: false,
    })
}

/// The beginning of the name of a file, as the name of its list.
fn short(file_name: &str) -> String {
    file_name.chars().take(100).collect()
}

/// Headings and the names that they are read under, one pair in each line.
fn columns(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let pairs = lines.map(|line| {
        let pair = line.rsplit_once('=').map(|(heading, name)| (heading.trim(), name.trim()));
        let pair = pair.filter(|(heading, name)| !heading.is_empty() && !name.is_empty());
        let pair = pair.map(|(heading, name)| (heading.to_owned(), name.to_owned()));
        pair.ok_or_else(|| {
            Failure::form(format!("The line {line:?} of the columns is not \"heading = name\"."))
        })
    });
    pairs.collect()
}

fn boundary(headers: &HeaderMap) -> Result<String, Failure> {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let kind = kinds.next().filter(|_| kinds.next().is_none()).and_then(|kind| kind.to_str().ok());
    let boundary = kind.and_then(|kind| multer::parse_boundary(kind).ok());
    boundary.ok_or_else(|| Failure::form("The content type must be multipart/form-data with a boundary."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_pairs_in_lines() {
        let pair = |heading: &str, name: &str| (heading.to_owned(), name.to_owned());
        assert_eq!(
            columns("Staff no = worker_id\r\n\r\na=b=attributes.c").unwrap(),
            [pair("Staff no", "worker_id"), pair("a=b", "attributes.c")]
        );
        for wrong in ["Staff no", "=worker_id", "Staff no ="] {
            assert!(columns(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_list_from_the_console_waits_for_an_approval() {
        let said = Said { match_by: "email".to_owned(), ..Said::default() };
        let new = new_list(BaseNumber(1), &said, "list.csv").unwrap();
        assert!(new.asks_first && !new.is_dry_run && new.name == "list.csv");
        assert!(new_list(BaseNumber(1), &Said::default(), "list.csv").is_err());
    }
}
