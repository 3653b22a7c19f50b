//! One audit, from the metadata to the last base.

use std::sync::Arc;

use crate::engine::Engine;
use crate::table::TableError;
use crate::table::audit::findings::Findings;
use crate::table::audit::report::{AuditConfig, AuditReport};
use crate::table::audit::state::Audit;
use crate::table::audit::{base, idempotency, jobs, keys};

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
    keys::check_unclaimed(&mut audit).await?;
    let hashes = keys::check_meta(&mut audit).await?;
    keys::check_tokens(&mut audit).await?;
    idempotency::check(&mut audit).await?;
    jobs::check(&mut audit).await?;
    keys::check_orphans(&mut audit).await?;
    base::check_all(&mut audit, hashes.as_ref()).await?;
    let Audit { mut report, findings, .. } = audit;
    report.findings = findings.list;
    report.more_findings = findings.more;
    Ok(report)
}
