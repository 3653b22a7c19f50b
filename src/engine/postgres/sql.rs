//! Every statement, with the names of its tables.
//!
//! Names of tables are written with their schema, so that no `search_path` matters. Values go in as typed
//! parameters, never into the text. Nothing here locks by session, listens, draws numbers or saves points:
//! what PostgreSQL, a pooler in transaction mode and databases that speak its protocol all know is enough.

use super::scope::Scope;

/// The statements of the tables in one schema, for those whom these rows let write.
#[derive(Debug)]
pub(super) struct Sql {
    schema: String,
    pub(super) scope: Scope,
    pub(super) fence: String,
    pub(super) steal_beat: String,
    pub(super) steal_fence: String,
    pub(super) prove: String,
    pub(super) renew: String,
    pub(super) rows: String,
    pub(super) all_rows: String,
    /// Makes the rows of a lease, unless they are there.
    pub(super) make_lease: String,
    /// A renewal of the store that also changes rows of leases, all of them or none: `$3` their keys, `$4` what
    /// they must begin with, `$5` what they become.
    pub(super) change_leases: String,
    pub(super) steal_row: String,
    pub(super) get: String,
    pub(super) size: String,
    pub(super) analyze: String,
    pub(super) last_word: String,
    pub(super) must_wait: String,
    pub(super) need_not_wait: String,
}

/// The end of a statement whose answer must be known to be on a quorum: the standbys that have to
/// acknowledge.
const STANDBYS: &str = "current_setting('synchronous_standby_names')";
/// Makes the commit wait for its own flush and, if there are any, the synchronous standbys. A setting that
/// waits for more stays.
const SYNC: &str = "set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') \
    IN ('on', 'remote_apply') THEN current_setting('synchronous_commit') ELSE 'on' END, true)";

/// What a group writes. Each arm has its parameters, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arms {
    /// Whole keys that go: `bytea[]`.
    pub(super) deletes: bool,
    /// Keys and the number from which on their pieces go: `bytea[]`, `int2[]`.
    pub(super) trims: bool,
    /// Pieces: `bytea[]`, `int2[]`, `bytea[]`.
    pub(super) puts: bool,
}

impl Sql {
    pub(super) fn new(schema: &str, scope: Scope) -> Self {
        let hot = format!("{schema}.hot");
        let front = super::rows::WHO_BYTES;
        let before = super::rows::BEFORE_WRITE_BYTES;
        // Names of rows have nothing in them that a text would have to escape.
        let (fence, beat) = (format!("'{}'::bytea", scope.fence()), format!("'{}'::bytea", scope.beat()));
        let set = |key: &str, returning: &str| {
            format!("UPDATE {hot} SET v = $1 WHERE k = {key} AND v = $2 RETURNING {returning}{SYNC}")
        };
        let renewed = format!("k = {beat} AND substring(v from 1 for {front}) = $2");
        let fence_now = format!("(SELECT f.v FROM {hot} AS f WHERE f.k = {fence})");
        Self {
            schema: schema.to_owned(),
            scope,
            fence: set(&fence, &format!("{STANDBYS}, ")),
            steal_beat: set(&beat, ""),
            steal_fence: set(&fence, &format!("{STANDBYS}, ")),
            prove: format!(
                "UPDATE {hot} SET v = substring(v from 1 for {before}) || $1 WHERE k = {fence} \
                 AND substring(v from 1 for {front}) = $2 RETURNING {STANDBYS}, {SYNC}, v"
            ),
            renew: format!(
                "UPDATE {hot} SET v = $1 WHERE {renewed} RETURNING {STANDBYS}, {SYNC}, {fence_now}"
            ),
            rows: format!(
                "SELECT k, v FROM {hot} WHERE k IN ('meta'::bytea, {fence}, {beat}, 'waits'::bytea)"
            ),
            all_rows: format!("SELECT k, v FROM {hot}"),
            make_lease: format!(
                "INSERT INTO {hot} (k, v) VALUES ($1, $2), ($3, $4) ON CONFLICT (k) DO NOTHING RETURNING {SYNC}"
            ),
            // The beat orders it among takeovers: whoever takes the store over changes the beat as well. The
            // rows are compared with what they are once they are locked.
            change_leases: format!(
                "WITH b AS (UPDATE {hot} SET v = $1 WHERE {renewed} RETURNING 1), \
                 n AS (SELECT u.k, u.old, u.new FROM unnest($3::bytea[], $4::bytea[], $5::bytea[]) AS u(k, old, new)), \
                 g AS (SELECT h.k FROM {hot} AS h JOIN n ON h.k = n.k AND substring(h.v from 1 for length(n.old)) = n.old \
                 WHERE EXISTS (SELECT 1 FROM b) ORDER BY h.k FOR UPDATE OF h), \
                 c AS (UPDATE {hot} AS h SET v = n.new FROM n \
                 WHERE h.k = n.k AND (SELECT count(*) FROM g) = cardinality($3) RETURNING 1) \
                 SELECT {STANDBYS}, {SYNC}, {fence_now}, (SELECT count(*) FROM b), (SELECT count(*) FROM c)"
            ),
            steal_row: format!("UPDATE {hot} SET v = $1 WHERE k = $3 AND v = $2 RETURNING {SYNC}"),
            get: format!(
                "SELECT 1::int2, k, n, v FROM {schema}.kv WHERE k = ANY($1) UNION ALL \
                 SELECT 0::int2, k, 0::int2, v FROM {hot} WHERE k = {fence}"
            ),
            size: format!(
                "SELECT (pg_total_relation_size(c.oid) + pg_total_relation_size('{hot}'))::int8, \
                 (pg_relation_size(c.oid) / current_setting('block_size')::int8)::int8, c.relpages::int8 \
                 FROM pg_class c WHERE c.oid = '{schema}.kv'::regclass"
            ),
            analyze: format!("ANALYZE {schema}.kv"),
            must_wait: format!(
                "INSERT INTO {hot} (k, v) VALUES ('waits'::bytea, $1) ON CONFLICT (k) DO NOTHING RETURNING {SYNC}"
            ),
            need_not_wait: format!("DELETE FROM {hot} WHERE k = 'waits'::bytea RETURNING {SYNC}"),
            last_word: format!("SELECT {STANDBYS}, 1 FROM {hot} WHERE k = {fence} AND v = $1"),
        }
    }

    /// A page of rows in key order: `$1` is where it begins, `$2` the most rows, `$3` where it ends, if it
    /// has an end.
    pub(super) fn page(&self, is_forward: bool, has_end: bool) -> String {
        let schema = &self.schema;
        let end = if has_end { "AND k < $3" } else { "" };
        let order = if is_forward { "k, n" } else { "k DESC, n DESC" };
        format!(
            "SELECT 1::int2, k, n, v FROM (SELECT k, n, v FROM {schema}.kv WHERE k >= $1 {end} ORDER BY {order} \
             LIMIT $2) AS page UNION ALL SELECT 0::int2, k, 0::int2, v FROM {schema}.hot WHERE k = '{}'::bytea",
            self.scope.fence()
        )
    }

    /// A whole group in one statement: `$1` is the new fence, `$2` the old one. Everything hangs on the
    /// change of the fence. It returns a row with the number of fences that were changed.
    pub(super) fn group(&self, arms: Arms) -> String {
        let data = self.arms(arms, 3, " AND EXISTS (SELECT 1 FROM f)");
        let fence = format!(
            "f AS (UPDATE {}.hot SET v = $1 WHERE k = '{}'::bytea AND v = $2 RETURNING 1)",
            self.schema,
            self.scope.fence()
        );
        let all = [vec![fence], data].concat().join(", ");
        format!("WITH {all} SELECT {STANDBYS}, {SYNC}, (SELECT count(*) FROM f)")
    }

    /// A part of a group that is too large for one statement. The fence was changed before, in the same
    /// transaction.
    pub(super) fn part(&self, arms: Arms) -> String {
        format!("WITH {} SELECT 1", self.arms(arms, 1, "").join(", "))
    }

    fn arms(&self, arms: Arms, first: usize, guard: &str) -> Vec<String> {
        let kv = format!("{}.kv", self.schema);
        let mut next = first..;
        let mut parameter = || next.next().unwrap_or_default();
        let mut all = Vec::new();
        if arms.deletes {
            all.push(format!("d AS (DELETE FROM {kv} WHERE k = ANY(${}){guard})", parameter()));
        }
        if arms.trims {
            let (k, n) = (parameter(), parameter());
            all.push(format!(
                "t AS (DELETE FROM {kv} AS old USING unnest(${k}::bytea[], ${n}::int2[]) AS g(k, n) \
                 WHERE old.k = g.k AND old.n >= g.n{guard})"
            ));
        }
        if arms.puts {
            let (k, n, v) = (parameter(), parameter(), parameter());
            all.push(format!(
                "p AS (INSERT INTO {kv} (k, n, v) SELECT g.k, g.n, g.v \
                 FROM unnest(${k}::bytea[], ${n}::int2[], ${v}::bytea[]) AS g(k, n, v) WHERE true{guard} \
                 ON CONFLICT (k, n) DO UPDATE SET v = excluded.v)"
            ));
        }
        all
    }
}
