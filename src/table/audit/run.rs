//! One audit, from the metadata to the last base.

use std::sync::Arc;

use crate::engine::{Engine, EngineError};
use crate::table::TableError;
use crate::table::audit::findings::Findings;
use crate::table::audit::report::{AuditConfig, AuditReport};
use crate::table::audit::state::Audit;
use crate::table::audit::{base, idempotency, jobs, keys};
use crate::table::index::damage::Damage;

/// Checks the store in `engine`, and reports its progress to `progress`. Nothing may write to the store
/// meanwhile. Damage is a finding; an error means that the audit could not be finished, for example because
/// the engine failed.
pub async fn audit(
    engine: &Arc<dyn Engine>,
    config: &AuditConfig,
    progress: &(dyn Fn(String) + Sync),
) -> Result<AuditReport, TableError> {
    let mut audit = Audit {
        engine,
        config,
        progress,
        report: AuditReport::default(),
        findings: Findings::new(config.max_findings),
    };
    match check_all(&mut audit).await {
        Err(TableError::Engine(error @ EngineError::Corrupt { .. })) => {
            list_values(&mut audit, error).await?
        }
        checked => checked?,
    }
    let Audit { mut report, findings, .. } = audit;
    report.findings = findings.list;
    report.more_findings = findings.more;
    Ok(report)
}

async fn check_all(audit: &mut Audit<'_>) -> Result<(), TableError> {
    keys::check_unclaimed(audit).await?;
    let hashes = keys::check_meta(audit).await?;
    keys::check_tokens(audit).await?;
    idempotency::check(audit).await?;
    jobs::check(audit).await?;
    keys::check_orphans(audit).await?;
    base::check_all(audit, hashes.as_ref()).await
}

/// Lists every value that the engine cannot read, after `error` ended the other checks. Fails with it if the
/// engine knows none.
async fn list_values(audit: &mut Audit<'_>, error: EngineError) -> Result<(), TableError> {
    (audit.progress)(
        "a value cannot be read; looking for all such values, the other checks end here".to_owned(),
    );
    let unreadable = audit.engine.unreadable(audit.config.max_findings).await?;
    if unreadable.is_empty() {
        return Err(error.into());
    }
    unreadable.into_iter().for_each(|error| audit.findings.add(None, Damage::Value(error.to_string())));
    Ok(())
}
