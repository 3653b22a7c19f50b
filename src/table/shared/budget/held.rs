//! What is in, by whose it is: parties and connections that have nothing are left out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::table::shared::budget::party::{Connection, Party, Whose};

/// Bytes that are in.
#[derive(Debug, Default)]
pub struct Held {
    parties: HashMap<Party, usize>,
    connections: HashMap<(Party, Connection), usize>,
}

impl Held {
    /// What a party has, in bytes.
    pub fn of_party(&self, party: Party) -> usize {
        self.parties.get(&party).copied().unwrap_or_default()
    }

    /// What a party has on a connection, in bytes.
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

    /// Takes away bytes that were added.
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
