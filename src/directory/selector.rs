//! Which member a call is about.
//!
//! A caller names a member by exactly one of four keys. Refs, e-mail addresses and worker ids are unique
//! within one memberbase, so the caller names the memberbase as well. An id is unique in the store, so a call
//! may omit the memberbase; if a call names both, it finds only a member of that memberbase.

use super::{Directory, Error};
use crate::model::{
    BaseNumber, Email, IdError, Reason, Ref, Refusal, Row, Rule, Sealer, Violations, WorkerId,
};
use crate::table::MemberKey;

/// The key of a member, as a caller sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// By its id.
    Id(String),
    /// By the caller's own key.
    Ref(String),
    /// By its e-mail address, without regard to case.
    Email(String),
    /// By its worker id.
    WorkerId(String),
}

/// The key fields of a request, of which exactly one may be given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawKeys {
    /// The id.
    pub id: Option<String>,
    /// The caller's own key.
    pub ref_: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The worker id.
    pub worker_id: Option<String>,
}

/// A member of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The member with this id, whatever its memberbase.
    Id(String),
    /// The member with this key in this memberbase.
    Within(BaseNumber, Key),
}

/// Why a key cannot be used, before the field that holds it is known.
struct Fault {
    reason: Reason,
    description: String,
}

impl Key {
    /// The name of the field.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Id(_) => "id",
            Self::Ref(_) => "ref",
            Self::Email(_) => "email",
            Self::WorkerId(_) => "worker_id",
        }
    }

    /// The key that is given; `None` if none or several are.
    #[must_use]
    pub fn only(keys: RawKeys) -> Option<Self> {
        let RawKeys { id, ref_, email, worker_id } = keys;
        let keys =
            [id.map(Self::Id), ref_.map(Self::Ref), email.map(Self::Email), worker_id.map(Self::WorkerId)];
        let mut given = keys.into_iter().flatten();
        given.next().filter(|_| given.next().is_none())
    }

    /// The key that the table looks up; `None` for an id that names no member of `base`.
    fn parse(self, sealer: &Sealer, base: BaseNumber) -> Result<Option<MemberKey>, Fault> {
        Ok(Some(match self {
            Self::Id(id) => match sealer.open_member_of(base, &id) {
                Ok(row) => return Ok(row.map(MemberKey::Row)),
                Err(fault) => {
                    return Err(Fault { reason: Reason::IdMalformed, description: fault.to_string() });
                }
            },
            Self::Ref(text) => MemberKey::Ref(Ref::parse(text)?),
            Self::Email(text) => MemberKey::Email(Email::parse(text)?),
            Self::WorkerId(text) => MemberKey::WorkerId(WorkerId::parse(text)?),
        }))
    }
}

impl Selector {
    /// The member with `key`, in `base` if the caller named a memberbase.
    pub fn new(key: Key, base: Option<BaseNumber>) -> Result<Self, Refusal> {
        match (key, base) {
            (key, Some(base)) => Ok(Self::Within(base, key)),
            (Key::Id(id), None) => Ok(Self::Id(id)),
            (Key::Ref(_) | Key::Email(_) | Key::WorkerId(_), None) => {
                Err(Refusal::field(Reason::FieldRequired, "member_base_id", "is required with this key"))
            }
        }
    }
}

impl Selector {
    /// Whether the caller named a memberbase.
    pub(in crate::directory) fn names_base(&self) -> bool {
        matches!(self, Self::Within(..))
    }
}

impl Directory {
    /// The memberbase of a member, and the key to look it up there.
    pub(in crate::directory) fn select(&self, selector: Selector) -> Result<(BaseNumber, MemberKey), Error> {
        match selector {
            Selector::Id(id) => {
                let (base, row) = self.open(&id)?;
                Ok((base, MemberKey::Row(row)))
            }
            Selector::Within(base, key) => {
                let field = key.field();
                let key = key.parse(self.sealer(), base).map_err(|fault| fault.under(field))?;
                Ok((base, key.ok_or(Error::MemberNotFound)?))
            }
        }
    }

    /// The memberbase of a member.
    pub(in crate::directory) fn base_of(&self, selector: &Selector) -> Result<BaseNumber, Error> {
        match selector {
            Selector::Id(id) => Ok(self.open(id)?.0),
            Selector::Within(base, _) => Ok(*base),
        }
    }

    fn open(&self, id: &str) -> Result<(BaseNumber, Row), Error> {
        self.sealer().open_member(id).map_err(|fault| match fault {
            IdError::Unknown => Error::MemberNotFound,
            fault => malformed("id", &fault).into(),
        })
    }

    /// The keys of a batch, parsed; `None` for an id that names no member of `base`. The refusal lists the
    /// faults of all keys.
    pub(in crate::directory) fn parse_keys(
        &self,
        base: BaseNumber,
        keys: Vec<Key>,
    ) -> Result<Vec<Option<MemberKey>>, Refusal> {
        let mut faults = Violations::default();
        let mut parsed = Vec::with_capacity(keys.len());
        for (index, key) in keys.into_iter().enumerate() {
            let field = key.field();
            match key.parse(self.sealer(), base) {
                Ok(key) => parsed.push(key),
                Err(fault) => faults.add(fault.reason, format!("keys[{index}].{field}"), fault.description),
            }
        }
        faults.finish(parsed)
    }

    /// The rows of the members of `base` that `ids` name; skips ids of other members. `field` is the name of
    /// the list in the request.
    pub(in crate::directory) fn rows_of(
        &self,
        base: BaseNumber,
        ids: &[String],
        field: &str,
        faults: &mut Violations,
    ) -> Vec<Row> {
        let mut rows = Vec::with_capacity(ids.len());
        for (index, id) in ids.iter().enumerate() {
            match self.sealer().open_member_of(base, id) {
                Ok(row) => rows.extend(row),
                Err(fault) => faults.add(Reason::IdMalformed, format!("{field}[{index}]"), fault.to_string()),
            }
        }
        rows
    }
}

impl From<Rule> for Fault {
    fn from(rule: Rule) -> Self {
        Self { reason: rule.reason(), description: rule.describe() }
    }
}

impl Fault {
    fn under(self, field: &str) -> Refusal {
        Refusal::field(self.reason, field, self.description)
    }
}

/// The refusal of a text that cannot be an id.
pub fn malformed(field: impl Into<String>, fault: &IdError) -> Refusal {
    Refusal::field(Reason::IdMalformed, field, fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(id: Option<&str>, ref_: Option<&str>) -> RawKeys {
        RawKeys { id: id.map(str::to_owned), ref_: ref_.map(str::to_owned), ..RawKeys::default() }
    }

    #[test]
    fn exactly_one_key_is_accepted() {
        assert_eq!(Key::only(keys(None, None)), None);
        assert_eq!(Key::only(keys(Some("a"), Some("b"))), None);
        assert_eq!(Key::only(keys(None, Some("b"))), Some(Key::Ref("b".to_owned())));
        let worker_id = Some("w".to_owned());
        assert_eq!(
            Key::only(RawKeys { worker_id, ..RawKeys::default() }),
            Some(Key::WorkerId("w".to_owned()))
        );
    }

    #[test]
    fn only_an_id_needs_no_memberbase() {
        let text = || "a".to_owned();
        assert_eq!(Selector::new(Key::Id(text()), None), Ok(Selector::Id(text())));
        let base = BaseNumber(1);
        for key in [Key::Id(text()), Key::Ref(text()), Key::Email(text()), Key::WorkerId(text())] {
            assert_eq!(Selector::new(key.clone(), Some(base)), Ok(Selector::Within(base, key.clone())));
            if !matches!(key, Key::Id(_)) {
                let refusal = Selector::new(key, None).unwrap_err();
                assert_eq!(refusal.reason, Reason::FieldRequired);
                assert_eq!(refusal.violations[0].field, "member_base_id");
            }
        }
    }
}
