//! The bytes that are taken from a pool, by party and by connection. Those with no bytes have no entry.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::table::shared::budget::party::{Connection, Party, Whose};

/// The bytes that parties and their connections hold.
#[derive(Debug, Default)]
pub struct Held {
    parties: HashMap<Party, usize>,
    connections: HashMap<(Party, Connection), usize>,
}

impl Held {
    /// The bytes that a party holds.
    pub fn of_party(&self, party: Party) -> usize {
        self.parties.get(&party).copied().unwrap_or_default()
    }

    /// The bytes that a party holds on a connection; 0 if `whose` has no connection.
    pub fn of(&self, whose: Whose) -> usize {
        let key = whose.connection.map(|connection| (whose.party, connection));
        key.and_then(|key| self.connections.get(&key)).copied().unwrap_or_default()
    }

    /// Adds bytes.
    pub fn add(&mut self, whose: Whose, bytes: usize) {
        *self.parties.entry(whose.party).or_default() += bytes;
        if let Some(connection) = whose.connection {
            *self.connections.entry((whose.party, connection)).or_default() += bytes;
        }
    }

    /// Removes bytes that were added before.
    pub fn remove(&mut self, whose: Whose, bytes: usize) {
        lessen(&mut self.parties, whose.party, bytes);
        if let Some(connection) = whose.connection {
            lessen(&mut self.connections, (whose.party, connection), bytes);
        }
    }
}

fn lessen<K: Eq + Hash>(held: &mut HashMap<K, usize>, key: K, bytes: usize) {
    if let Entry::Occupied(mut entry) = held.entry(key) {
        *entry.get_mut() -= bytes;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}
