//! Full lists, and what a memberbase must have after each of them.

use std::collections::{BTreeMap, BTreeSet};

use memberbase::api::grpc::v1::{self, Outcome};

use super::writer::Random;

/// In percent: rows of a list that change their member, members that a list does not name, and inactive
/// members that it brings back. Each list has one of the shares.
const CHANGED: [u64; 3] = [3, 40, 100];
const MISSING: [u64; 3] = [1, 6, 30];
const BACK: [u64; 3] = [0, 50, 100];
/// One row in this many cannot be applied, and one in this many is there twice.
const FAILS: u64 = 400;
const TWICE: u64 = 500;
/// One changed row in this many has another e-mail address too: the one that a row above it has given up, if
/// there is one.
const NEW_EMAIL: u64 = 5;
const TIERS: [&str; 3] = ["Bronze", "Silver", "Gold"];

/// The members of a memberbase, by their refs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct People(pub BTreeMap<String, Person>);

/// What a memberbase has about a member.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub email: String,
    pub tier: String,
    pub is_active: bool,
}

/// A full list, and what it must do.
#[derive(Debug)]
pub struct List {
    /// Its number, which no other list has.
    pub number: u64,
    /// The file.
    pub text: String,
    /// What happens to its rows, which begin in line 2.
    pub outcomes: Vec<Outcome>,
    /// The refs of the members that it removes.
    pub removed: BTreeSet<String>,
    /// The members afterwards.
    pub after: People,
}

impl People {
    /// A list that adds, changes and removes members, and brings some back. `added` is the number of new ones.
    pub fn list(&self, number: u64, added: u64, random: &mut Random) -> List {
        let (changed, missing, back) = (random.one_of(CHANGED), random.one_of(MISSING), random.one_of(BACK));
        let text = "ref,email,tier,phone\n".to_owned();
        let mut list =
            List { number, text, outcomes: Vec::new(), removed: BTreeSet::new(), after: self.clone() };
        let mut given_up = None;
        for (r#ref, person) in &self.0 {
            if !random.percent(if person.is_active { 100 - missing } else { back }) {
                if person.is_active {
                    list.remove(r#ref);
                }
                continue;
            }
            if random.next().is_multiple_of(FAILS) {
                list.row(r#ref, person, "no number", Outcome::Failed);
                continue;
            }
            let mut listed = Person { is_active: true, ..person.clone() };
            if random.percent(changed) {
                listed.tier = random.one_of(TIERS).to_owned();
                if random.next().is_multiple_of(NEW_EMAIL) {
                    let email = given_up
                        .take()
                        .unwrap_or_else(|| format!("{ref}.{number}@example.com", r#ref = r#ref));
                    given_up = Some(std::mem::replace(&mut listed.email, email));
                }
            }
            let outcome = match (person.is_active, listed == *person) {
                (false, _) => Outcome::Reactivated,
                (true, true) => Outcome::Unchanged,
                (true, false) => Outcome::Updated,
            };
            list.apply(r#ref, listed, outcome, random);
        }
        for new in 0..added {
            let r#ref = format!("m{number:03}-{new:05}");
            let email = format!("{ref}@example.com", r#ref = r#ref);
            let person = Person { email, tier: random.one_of(TIERS).to_owned(), is_active: true };
            list.apply(&r#ref, person, Outcome::Created, random);
        }
        list
    }
}

impl List {
    fn remove(&mut self, r#ref: &str) {
        self.removed.insert(r#ref.to_owned());
        self.after.0.get_mut(r#ref).unwrap().is_active = false;
    }

    /// Adds a row that is applied, and maybe the same row once more, which fails.
    fn apply(&mut self, r#ref: &str, person: Person, outcome: Outcome, random: &mut Random) {
        self.row(r#ref, &person, "", outcome);
        if random.next().is_multiple_of(TWICE) {
            self.row(r#ref, &person, "", Outcome::Failed);
        }
        self.after.0.insert(r#ref.to_owned(), person);
    }

    fn row(&mut self, r#ref: &str, person: &Person, phone: &str, outcome: Outcome) {
        let Person { email, tier, .. } = person;
        self.text.push_str(&[r#ref, email, tier, phone].join(","));
        self.text.push('\n');
        self.outcomes.push(outcome);
    }

    /// What its job must have counted.
    pub fn counts(&self) -> v1::JobCounts {
        let rows = |wanted| self.outcomes.iter().filter(|outcome| **outcome == wanted).count() as u64;
        v1::JobCounts {
            created: rows(Outcome::Created),
            updated: rows(Outcome::Updated),
            reactivated: rows(Outcome::Reactivated),
            unchanged: rows(Outcome::Unchanged),
            failed: rows(Outcome::Failed),
            removed: self.removed.len() as u64,
            ..Default::default()
        }
    }
}
