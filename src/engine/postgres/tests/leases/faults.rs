//! Every statement that lends, opens or takes back meets every kind of failure.

use super::*;
use crate::engine::postgres::tests::injection::FAULTS;
use crate::engine::postgres::tests::proxy::{Fault, Plan, through};

/// How many of a statement in a row.
const TIMES: usize = 2;

/// Lends until it succeeds, as a caller would.
async fn lend(owner: &PostgresEngine) -> Grant {
    loop {
        match owner.lend(1).await {
            Ok(grant) => return grant,
            // Nobody writes the keys until they are taken back.
            Err(_) => {
                assert_lent(owner.commit(put("b1/x", "no")).await);
                owner.take_back(1).await.unwrap();
            }
        }
    }
}

/// A lease goes and comes back while statements of the owner that begin with `begins` and have `has` meet
/// `fault`.
async fn meets(begins: &'static str, has: &'static str, fault: Fault, at_owner: bool) {
    let Some(dsn) = cluster::fresh() else { return };
    let plan = Arc::new(Plan::new(begins, has, fault));
    let bad = through(&dsn, &plan).await;
    let clock = TestClock::new();
    let owner = open(&lending(if at_owner { &bad } else { &dsn }, &clock)).await;
    owner.commit(put("b1/x", "0")).await.unwrap();
    for (round, value) in [(1, "1"), (2, "2")] {
        if at_owner {
            plan.arm(TIMES);
        }
        let grant = lend(&owner).await;
        assert!(!is_for_all(&dsn).await && fence(&dsn, 1).await.owner == grant.0);
        if !at_owner {
            plan.arm(TIMES);
        }
        let tenant = tenant(if at_owner { &dsn } else { &bad }, 1, grant).await.unwrap();
        assert_eq!(tenant.commit(put("b1/x", value)).await.unwrap(), round);
        tenant.close().await.unwrap();
        if at_owner {
            plan.arm(TIMES);
        }
        owner.take_back(1).await.unwrap();
        assert!(is_for_all(&dsn).await && fence(&dsn, 1).await.is_free());
        assert_eq!(get(&owner, "b1/x").await.unwrap(), value);
        owner.commit(put("b1/x", value)).await.unwrap();
    }
    assert!(plan.done() > 0, "{begins} {has} is not a statement of this: {fault:?}");
    owner.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lending_and_taking_back_end_well_whichever_statement_fails() {
    for fault in FAULTS {
        for (begins, has) in
            [("SELECT k, v FROM", "fence/"), ("INSERT INTO", "DO NOTHING"), ("WITH b AS", "")]
        {
            meets(begins, has, fault, true).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_opens_and_writes_whichever_statement_fails() {
    for fault in FAULTS {
        for (begins, has) in [
            ("SELECT pg_is_in_recovery", ""),
            ("SELECT k, v FROM", "fence/"),
            ("START TRANSACTION", ""),
            ("UPDATE", "'beat/00000001'::bytea AND v ="),
            ("UPDATE", "'fence/00000001'::bytea AND v ="),
            ("COMMIT", ""),
            ("UPDATE", "SET v = substring"),
            ("WITH f AS", ""),
        ] {
            meets(begins, has, fault, false).await;
        }
    }
}
