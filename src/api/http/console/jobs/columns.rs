//! How the columns of a list were read, and reading them otherwise.

use maud::{Markup, html};

use super::receive::{Source, receive};
use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{proof, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{NewList, ReadColumn};
use crate::lists::Field;
use crate::model::token::AccessLevel;
use crate::model::{GuardExpectation, Job, JobState, JobTask, ListOptions};

/// The columns of a held list, which may be read otherwise; of another job only how they were read.
pub async fn columns(visit: &Visit, job: &Job, id: &str) -> Result<Markup, Failure> {
    let columns = visit.directory.job_columns(job).await?;
    if columns.is_empty() {
        return Ok(html! {});
    }
    let may_change = job.state == JobState::Held && visit.frame.who.may(AccessLevel::Write);
    Ok(html! {
        details {
            summary { "How its " (columns.len()) " columns were read" }
            @if may_change { (form(visit, &columns, id)) } @else { (table(&columns, shown)) }
        }
    })
}

fn form(visit: &Visit, columns: &[ReadColumn], id: &str) -> Markup {
    let input = |column: &ReadColumn| {
        html! {
            input type="hidden" name="heading" value=(column.heading);
            input type="text" name="name" list="fields" value=(column.read_as.as_deref().unwrap_or_default())
                aria-label={ "Name for the column " (column.heading) };
        }
    };
    html! {
        form.stack method="post" action={ "/console/jobs/" (id) "/columns" } {
            (proof(visit.frame.proof))
            (table(columns, input))
            datalist #fields { @for field in Field::ALL { option value=(field.name()) {} } }
            p.hint { "An attribute is read under " code { "attributes.KEY" } ". The list is planned again, and this plan is rejected." }
            div { button type="submit" { "Read the columns so" } }
        }
    }
}

fn table(columns: &[ReadColumn], cell: impl Fn(&ReadColumn) -> Markup) -> Markup {
    html! {
        div.table tabindex="0" role="region" aria-label="Columns" {
            table {
                thead { tr { th scope="col" { "Column of the file" } th scope="col" { "Read as" } } }
                tbody { @for column in columns { tr { th scope="row" { (value(&column.heading)) } td { (cell(column)) } } } }
            }
        }
    }
}

fn shown(column: &ReadColumn) -> Markup {
    html! {
        @match &column.read_as {
            Some(name) => { code { (name) } }
            None => { span.muted { "nothing" } }
        }
    }
}

/// Makes another job of the same list, whose columns are read under other names, and rejects the held one.
pub async fn correct(visit: Visit) -> Result<Answer, Failure> {
    let job = visit.directory.job(visit.id("job")).await?;
    let JobTask::Sync(options) = &job.task else { return Err(Failure::no_page()) };
    let id = visit.directory.sealer().job_id(job.base, job.number);
    let pairs = visit.all("heading").zip(visit.all("name"));
    let columns: Vec<(String, String)> = pairs
        .filter(|(heading, name)| !heading.trim().is_empty() && !name.trim().is_empty())
        .map(|(heading, name)| (heading.to_owned(), name.trim().to_owned()))
        .collect();
    let new = NewList {
        base: job.base,
        // Numbers that were expected of the other plan say nothing about this one.
        options: ListOptions { expect: GuardExpectation::default(), ..options.clone() },
        name: job.name.clone(),
        is_dry_run: false,
        asks_first: true,
        format: job.input.format,
        sheet: job.input.sheet.clone(),
        columns,
        is_checked: false,
    };
    let mut source = Source::Stored(visit.directory.job_input(&id).await?);
    let made = receive(&visit.directory, new, &mut source).await?;
    if job.state == JobState::Held {
        visit.directory.reject_job(&id).await?;
    }
    Ok(Answer::See(format!("/console/jobs/{}", visit.directory.sealer().job_id(made.base, made.number))))
}
