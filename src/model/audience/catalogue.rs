//! All audiences of a memberbase, and how they depend on each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::audience::{Audience, AudienceFilter, AudienceName};
use crate::model::id::AudienceNumber;

/// The audiences of a memberbase at one revision, archived ones included. A copy is cheap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Audiences(Arc<BTreeMap<AudienceNumber, Arc<Audience>>>);

impl Audiences {
    /// The audience with this number.
    #[must_use]
    pub fn get(&self, number: AudienceNumber) -> Option<&Arc<Audience>> {
        self.0.get(&number)
    }

    /// All audiences, in the order of their numbers.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Audience>> {
        self.0.values()
    }

    /// Those that are not archived.
    pub fn in_use(&self) -> impl Iterator<Item = &Arc<Audience>> {
        self.iter().filter(|audience| !audience.is_archived())
    }

    /// How many there are, archived ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds an audience, or puts it in the place of the one with its number.
    pub fn put(&mut self, audience: Arc<Audience>) {
        Arc::make_mut(&mut self.0).insert(audience.number, audience);
    }

    /// The audience with this name that is not archived.
    #[must_use]
    pub fn named(&self, name: &AudienceName) -> Option<&Arc<Audience>> {
        self.in_use().find(|audience| audience.name == *name)
    }

    /// The audiences that are not archived and name this one in a filter.
    #[must_use]
    pub fn users_of(&self, number: AudienceNumber) -> Vec<&Arc<Audience>> {
        self.in_use().filter(|audience| audience.named().contains(&number)).collect()
    }

    /// Whether a filter looks at dates of birth or bank details, itself or through audiences that it names.
    #[must_use]
    pub fn is_pii(&self, filter: &AudienceFilter) -> bool {
        filter.looks_at_pii() || self.any_is_pii(filter.audiences())
    }

    /// Whether one of these audiences is personal.
    #[must_use]
    pub fn any_is_pii(&self, audiences: &BTreeSet<AudienceNumber>) -> bool {
        self.reached(audiences)
            .iter()
            .filter_map(|number| self.get(*number))
            .any(|audience| audience.filter.looks_at_pii() || audience.serving().looks_at_pii())
    }

    /// These audiences, and all that they use, directly or through others.
    fn reached(&self, from: &BTreeSet<AudienceNumber>) -> BTreeSet<AudienceNumber> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<AudienceNumber> = from.iter().copied().collect();
        while let Some(number) = open.pop() {
            if reached.insert(number) {
                open.extend(self.get(number).map(|audience| audience.named()).unwrap_or_default());
            }
        }
        reached
    }

    /// The way from one of `from` to `target` through audiences that use each other, both ends included;
    /// `None` if there is none. It is one of the shortest.
    pub(super) fn way(
        &self,
        from: &BTreeSet<AudienceNumber>,
        target: AudienceNumber,
    ) -> Option<Vec<AudienceNumber>> {
        let mut came_from: BTreeMap<AudienceNumber, Option<AudienceNumber>> =
            from.iter().map(|number| (*number, None)).collect();
        let mut open: std::collections::VecDeque<AudienceNumber> = from.iter().copied().collect();
        while let Some(number) = open.pop_front() {
            if number == target {
                let mut way = vec![number];
                let mut at = number;
                while let Some(Some(before)) = came_from.get(&at) {
                    way.push(*before);
                    at = *before;
                }
                way.reverse();
                return Some(way);
            }
            for next in self.get(number).map(|audience| audience.named()).unwrap_or_default() {
                came_from.entry(next).or_insert_with(|| {
                    open.push_back(next);
                    Some(number)
                });
            }
        }
        None
    }

    /// All audiences so that each comes after those that it names; otherwise in the order of their numbers.
    #[must_use]
    pub fn in_order(&self) -> Vec<&Arc<Audience>> {
        let mut waits: BTreeMap<AudienceNumber, usize> = BTreeMap::new();
        let mut users: BTreeMap<AudienceNumber, Vec<AudienceNumber>> = BTreeMap::new();
        for audience in self.iter() {
            let known = audience.named().into_iter().filter(|named| self.0.contains_key(named));
            for named in known {
                *waits.entry(audience.number).or_default() += 1;
                users.entry(named).or_default().push(audience.number);
            }
        }
        let is_free = |audience: &&Arc<Audience>| !waits.contains_key(&audience.number);
        let mut free: BTreeSet<AudienceNumber> =
            self.iter().filter(is_free).map(|audience| audience.number).collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(number) = free.pop_first() {
            order.extend(self.get(number));
            for user in users.remove(&number).unwrap_or_default() {
                let left = waits.entry(user).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 {
                    free.insert(user);
                }
            }
        }
        order
    }
}

impl FromIterator<Audience> for Audiences {
    fn from_iter<T: IntoIterator<Item = Audience>>(audiences: T) -> Self {
        let by_number = audiences.into_iter().map(|audience| (audience.number, Arc::new(audience)));
        Self(Arc::new(by_number.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::audience::samples::{audience, condition, filter, is_in};
    use crate::model::audience::{AudienceState, samples};
    use crate::model::filter::{RawFilter, RawValue};
    use crate::model::value::time::Timestamp;

    fn uses(numbers: &[u32]) -> AudienceFilter {
        filter(numbers.iter().map(|number| is_in(*number)).collect())
    }

    fn names(audiences: &[&Arc<Audience>]) -> Vec<u32> {
        audiences.iter().map(|audience| audience.number.0).collect()
    }

    #[test]
    fn an_audience_comes_after_those_that_it_names() {
        let all: Audiences = [(1, vec![5, 3]), (2, vec![]), (3, vec![4]), (4, vec![]), (5, vec![4])]
            .map(|(number, named)| audience(number, "A", uses(&named)))
            .into_iter()
            .collect();
        assert_eq!(names(&all.in_order()), [2, 4, 3, 5, 1]);
        assert_eq!(names(&all.users_of(AudienceNumber(4))), [3, 5]);
        let set = |number| BTreeSet::from([AudienceNumber(number)]);
        let way = |from, to| all.way(&set(from), AudienceNumber(to));
        assert_eq!(way(1, 4), Some(vec![AudienceNumber(1), AudienceNumber(3), AudienceNumber(4)]));
        assert_eq!(way(4, 4), Some(vec![AudienceNumber(4)]));
        assert_eq!(way(4, 1), None);
    }

    #[test]
    fn an_audience_is_personal_directly_or_through_others() {
        let exists =
            |key: &str| RawFilter { key: Some(key.to_owned()), exists: Some(true), ..RawFilter::default() };
        let all: Audiences = [
            audience(1, "dob", filter(vec![exists("dob")])),
            audience(2, "through", uses(&[1])),
            audience(3, "plain", filter(vec![condition("tier", RawValue::Text("x".to_owned()))])),
        ]
        .into_iter()
        .collect();
        let is_pii = |filter: &AudienceFilter| all.is_pii(filter);
        assert!(is_pii(&filter(vec![exists("account_details")])));
        assert!(is_pii(&uses(&[2])) && is_pii(&uses(&[3, 1])) && !is_pii(&uses(&[3])));
        assert!(!is_pii(&AudienceFilter::default()));
    }

    #[test]
    fn while_it_is_built_both_filters_count() {
        let serving = Box::new(uses(&[8]));
        let mut built = audience(1, "A", uses(&[9]));
        built.state = AudienceState::Building { row: 0, serving };
        let all: Audiences = [built].into_iter().collect();
        assert_eq!(all.users_of(AudienceNumber(8)).len(), 1);
        assert_eq!(all.users_of(AudienceNumber(9)).len(), 1);
    }

    #[test]
    fn an_archived_audience_neither_holds_its_name_nor_uses_others() {
        let mut archived = audience(1, "A", uses(&[2]));
        archived.archived_at = Some(Timestamp::from_micros(1));
        let mut all: Audiences =
            [archived, audience(2, "B", samples::filter(Vec::new()))].into_iter().collect();
        let name = |text: &str| AudienceName::parse(text).unwrap();
        assert!(all.named(&name("A")).is_none() && all.named(&name("B")).is_some());
        assert!(all.users_of(AudienceNumber(2)).is_empty());
        let before = all.clone();
        all.put(Arc::new(audience(7, "A", AudienceFilter::default())));
        assert_eq!((before.len(), all.len()), (2, 3));
        assert_eq!(all.named(&name("A")).unwrap().number, AudienceNumber(7));
    }
}
