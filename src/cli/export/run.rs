//! Exports the members, or with `--records` their records.

use std::process::ExitCode;

use super::args::Args;
use super::out::Out;
use super::records;
use crate::api::grpc::v1;
use crate::cli::output::is_stdout;
use crate::cli::{Error, base, client, files, filter, output};
use crate::model::words;

/// Writes the members.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    if !is_stdout(&args.out) {
        files::refuse_inside_store(&args.out)?;
        files::refuse_overwriting(&args.out, args.target.tls.files())?;
        files::refuse_overwriting(&files::unfinished(&args.out), args.target.tls.files())?;
    }
    let format = args.file_format()?;
    if args.records {
        return records::run(&args).await;
    }
    let filters = filter::parse_all(&args.filter)?;
    let mut client = args.target.connect().await?;
    let member_base_id = base::need(&mut client, &args.base).await?;
    let request = v1::ExportMembersRequest { member_base_id, filters, ..Default::default() };
    let mut stream = client.members.export_members(request).await?.into_inner();
    let mut next = client::next(&mut stream).await?;
    let left_out = next.as_mut().map(|part| std::mem::take(&mut part.left_out)).unwrap_or_default();
    let unwritten = output::unwritten(&args.out);
    let mut out = Out::open(&args.out, format, left_out.clone()).map_err(&unwritten)?;
    let mut members: u64 = 0;
    while let Some(part) = next {
        for member in part.members {
            members += 1;
            out.write(member).map_err(&unwritten)?;
        }
        next = client::next(&mut stream).await?;
    }
    out.finish(&args.out).map_err(&unwritten)?;
    if !left_out.is_empty() {
        output::note(format_args!(
            "warning: these fields are missing, because the token has no right to see them: {}; \
             `import --replace` rejects such a file",
            left_out.join(", ")
        ));
    }
    output::note(words::count(members, "member"));
    Ok(ExitCode::SUCCESS)
}
