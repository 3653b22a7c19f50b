//! What may be done with audiences. The lane asks, so that no other write comes in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::attributes::schema::AttributeSchema;
use crate::model::audience::{Audience, AudienceFilter, AudienceName, Audiences};
use crate::model::filter::{NO_SUCH_AUDIENCE, NamedAudiences};
use crate::model::id::AudienceNumber;
use crate::model::limits::{AUDIENCES_ALL_MAX, AUDIENCES_MAX};
use crate::model::refusal::error::{Reason, Refusal, Violations};

/// The most audiences that a refusal lists; it counts the others.
const NAMES_LISTED: usize = 20;

impl Audiences {
    /// The audience, which must exist.
    pub fn must_have(&self, number: AudienceNumber) -> Result<&Arc<Audience>, Refusal> {
        self.get(number).ok_or_else(|| Refusal::new(Reason::AudienceNotFound))
    }

    /// The audience, which must exist and not be archived: to change its members.
    pub fn may_change(&self, number: AudienceNumber) -> Result<&Arc<Audience>, Refusal> {
        let audience = self.must_have(number)?;
        if audience.is_archived() {
            let description = "must not be an archived audience; unarchive it first";
            return Err(Refusal::field(Reason::AudienceArchived, "audience_id", description));
        }
        Ok(audience)
    }

    /// Whether an audience with this name and filter may be created in a memberbase with this schema.
    pub fn may_create(
        &self,
        name: &AudienceName,
        filter: &AudienceFilter,
        schema: Option<&AttributeSchema>,
    ) -> Result<(), Refusal> {
        self.has_room()?;
        if self.len() >= AUDIENCES_ALL_MAX {
            let description =
                format!("must have at most {AUDIENCES_ALL_MAX} audiences, archived ones included");
            return Err(Refusal::field(Reason::TooManyAudiences, "member_base_id", description));
        }
        self.is_free(name, None)?;
        self.may_use(None, filter, schema)
    }

    /// Whether the audience may get this name and this filter; `None` where they stay. It may be archived:
    /// otherwise one whose name was taken, or whose filter is no longer valid, could never be used again.
    pub fn may_update(
        &self,
        number: AudienceNumber,
        name: Option<&AudienceName>,
        filter: Option<&AudienceFilter>,
        schema: Option<&AttributeSchema>,
    ) -> Result<&Arc<Audience>, Refusal> {
        let audience = self.must_have(number)?;
        if let Some(name) = name.filter(|_| !audience.is_archived()) {
            self.is_free(name, Some(number))?;
        }
        if let Some(filter) = filter {
            self.may_use(Some(number), filter, schema)?;
        }
        Ok(audience)
    }

    /// Whether the audience may be archived: it must exist, and no other may use it. It may be archived
    /// already.
    pub fn may_archive(&self, number: AudienceNumber) -> Result<&Arc<Audience>, Refusal> {
        let audience = self.must_have(number)?;
        let users = self.users_of(number);
        if !users.is_empty() {
            let description = format!("must stay, because {}", listed(&users));
            return Err(Refusal::field(Reason::AudienceInUse, "audience_id", description));
        }
        Ok(audience)
    }

    /// Whether the audience may be unarchived: its name must be free, and its filter must still be valid. It
    /// may not be archived at all.
    pub fn may_unarchive(
        &self,
        number: AudienceNumber,
        schema: Option<&AttributeSchema>,
    ) -> Result<&Arc<Audience>, Refusal> {
        let audience = self.must_have(number)?;
        if audience.is_archived() {
            self.has_room()?;
            let may_return = self.is_free(&audience.name, Some(number));
            let may_return = may_return.and_then(|()| self.may_use(Some(number), &audience.filter, schema));
            may_return.map_err(|refusal| advised(refusal, audience))?;
        }
        Ok(audience)
    }

    /// Whether the memberbase may get this schema: no audience that is not archived may name an attribute
    /// that it lacks, or compare one with operands that are not of its type.
    pub fn may_have_schema(&self, schema: &AttributeSchema) -> Result<(), Refusal> {
        let mut users: BTreeMap<&str, Vec<&Arc<Audience>>> = BTreeMap::new();
        for audience in self.in_use() {
            let filters = [&audience.filter, audience.serving()];
            let keys: BTreeSet<&str> =
                filters.into_iter().flat_map(|filter| filter.attributes().unfit(schema)).collect();
            keys.into_iter().for_each(|key| users.entry(key).or_default().push(audience));
        }
        let mut faults = Violations::default();
        for (key, users) in users {
            let description = format!("must stay as it is, because {}", listed(&users));
            faults.add(Reason::AttributeInUse, format!("schema.{key}"), description);
        }
        faults.finish(())
    }

    /// Refuses a filter that names audiences which the memberbase does not have, or archived ones.
    pub fn check_named(&self, named: &NamedAudiences) -> Result<(), Refusal> {
        let mut faults = Violations::default();
        for (path, number) in named.iter() {
            match self.get(number) {
                None => faults.add(Reason::FilterInvalid, path, NO_SUCH_AUDIENCE),
                Some(audience) if audience.is_archived() => {
                    faults.add(Reason::FilterInvalid, path, "must not be an archived audience");
                }
                Some(_) => {}
            }
        }
        faults.finish(())
    }

    /// Whether the filter of the audience `of`, or of a new one, may be `filter`.
    fn may_use(
        &self,
        of: Option<AudienceNumber>,
        filter: &AudienceFilter,
        schema: Option<&AttributeSchema>,
    ) -> Result<(), Refusal> {
        filter.attributes().check(schema)?;
        self.check_named(filter.named_audiences())?;
        // Nobody can name a new audience yet.
        let Some(of) = of else { return Ok(()) };
        let mut faults = Violations::default();
        for (path, number) in filter.named_audiences().iter() {
            let Some(way) = self.way(&[number].into(), of) else { continue };
            let names: Vec<String> = way.iter().filter_map(|number| self.get(*number)).map(shown).collect();
            let description = match names.as_slice() {
                [_] => "must not be the audience itself".to_owned(),
                _ => format!("must not use the audience itself: {}", names.join(" uses ")),
            };
            faults.add(Reason::AudienceCycle, path, description);
        }
        faults.finish(())
    }

    /// Whether the name belongs to no other audience than `of`.
    fn is_free(&self, name: &AudienceName, of: Option<AudienceNumber>) -> Result<(), Refusal> {
        if self.in_use().any(|other| other.name == *name && Some(other.number) != of) {
            let description = "must not be the name of another audience that is not archived";
            return Err(Refusal::field(Reason::AudienceNameTaken, "name", description));
        }
        Ok(())
    }

    fn has_room(&self) -> Result<(), Refusal> {
        if self.in_use().count() >= AUDIENCES_MAX {
            let description = format!("must have at most {AUDIENCES_MAX} audiences that are not archived");
            return Err(Refusal::field(Reason::TooManyAudiences, "member_base_id", description));
        }
        Ok(())
    }
}

/// Why an audience stays archived, with what can be done about it.
fn advised(mut refusal: Refusal, audience: &Audience) -> Refusal {
    for fault in &mut refusal.violations {
        let advice = match (audience.filter.attributes().key_at(&fault.field), fault.field.as_str()) {
            (Some(key), _) => format!(
                "the filter names attributes.{key}, so change the filter of this audience, or the schema, \
                 first"
            ),
            (None, "name") => "give this audience another name first".to_owned(),
            (None, _) => "change the filter of this audience first".to_owned(),
        };
        fault.description = format!("{}; {advice}", fault.description);
    }
    refusal
}

fn shown(audience: &Arc<Audience>) -> String {
    format!("{:?}", audience.name.as_str())
}

/// That audiences use something, with the names of the first of them if there are many.
fn listed(audiences: &[&Arc<Audience>]) -> String {
    let names: Vec<String> = audiences.iter().take(NAMES_LISTED).map(|audience| shown(audience)).collect();
    match (names.as_slice(), audiences.len() - names.len()) {
        ([one], 0) => format!("the audience {one} uses it"),
        (names, 0) => format!("the audiences {} use it", names.join(", ")),
        (names, more) => format!("the audiences {} and {more} more use it", names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
