//! All audiences of a memberbase, and how they depend on each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::model::audience::{Audience, AudienceFilter, AudienceName};
use crate::model::id::AudienceNumber;

/// The audiences of a memberbase at one revision, archived ones included. A copy is cheap.
#[derive(Debug, Clone, Default)]
pub struct Audiences(Arc<All>);

#[derive(Debug, Clone, Default)]
struct All {
    by_number: BTreeMap<AudienceNumber, Arc<Audience>>,
    /// The personal ones, once somebody asked. A list of audiences asks for each of them.
    personal: OnceLock<BTreeSet<AudienceNumber>>,
}

impl PartialEq for Audiences {
    fn eq(&self, other: &Self) -> bool {
        self.0.by_number == other.0.by_number
    }
}

impl Audiences {
    /// The audience with this number.
    #[must_use]
    pub fn get(&self, number: AudienceNumber) -> Option<&Arc<Audience>> {
        self.0.by_number.get(&number)
    }

    /// All audiences, in the order of their numbers.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Audience>> {
        self.0.by_number.values()
    }

    /// Those that are not archived.
    pub fn in_use(&self) -> impl Iterator<Item = &Arc<Audience>> {
        self.iter().filter(|audience| !audience.is_archived())
    }

    /// How many there are, archived ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.by_number.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.by_number.is_empty()
    }

    /// Adds an audience, or puts it in the place of the one with its number.
    pub fn put(&mut self, audience: Arc<Audience>) {
        let all = Arc::make_mut(&mut self.0);
        all.by_number.insert(audience.number, audience);
        all.personal = OnceLock::new();
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
        audiences.iter().any(|number| self.is_personal(*number))
    }

    /// Whether an audience is personal: by the filter that it has, or by the one that still decides.
    #[must_use]
    pub fn is_personal(&self, audience: AudienceNumber) -> bool {
        self.0.personal.get_or_init(|| self.personal()).contains(&audience)
    }

    /// The audiences that look at personal fields themselves, and all that use one of them, directly or
    /// through others.
    fn personal(&self) -> BTreeSet<AudienceNumber> {
        let mut users: BTreeMap<AudienceNumber, Vec<AudienceNumber>> = BTreeMap::new();
        let mut open = Vec::new();
        for audience in self.iter() {
            for named in audience.named() {
                users.entry(named).or_default().push(audience.number);
            }
            if audience.filter.looks_at_pii() || audience.serving().looks_at_pii() {
                open.push(audience.number);
            }
        }
        let mut personal = BTreeSet::new();
        while let Some(number) = open.pop() {
            if personal.insert(number) {
                open.extend(users.remove(&number).unwrap_or_default());
            }
        }
        personal
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
            let known = audience.named().into_iter().filter(|named| self.0.by_number.contains_key(named));
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
        Self(Arc::new(All { by_number: by_number.collect(), personal: OnceLock::new() }))
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
    fn a_change_of_one_audience_makes_those_that_use_it_personal_and_plain_again() {
        let exists =
            |key: &str| RawFilter { key: Some(key.to_owned()), exists: Some(true), ..RawFilter::default() };
        let personal =
            |all: &Audiences| (1..=5).filter(|number| all.is_personal(AudienceNumber(*number))).collect();
        // Each is used by the next, and by the one after it.
        let mut all: Audiences = [(1, vec![]), (2, vec![1]), (3, vec![1, 2]), (4, vec![2, 3]), (5, vec![3])]
            .map(|(number, named)| audience(number, "A", uses(&named)))
            .into_iter()
            .collect();
        let none: Vec<u32> = personal(&all);
        assert!(none.is_empty());
        let before = all.clone();
        let mut dob = audience(2, "A", filter(vec![exists("dob")]));
        all.put(Arc::new(dob.clone()));
        let some: Vec<u32> = personal(&all);
        assert_eq!(some, [2, 3, 4, 5]);
        assert_eq!(personal(&before), none);
        // While it is built, the filter that still decides counts.
        let serving = Box::new(std::mem::replace(&mut dob.filter, uses(&[1])));
        dob.state = AudienceState::Building { row: 0, serving };
        all.put(Arc::new(dob.clone()));
        assert_eq!(personal(&all), some);
        dob.state = AudienceState::Ready;
        all.put(Arc::new(dob));
        assert_eq!(personal(&all), none);
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
