//! Rings in a graph of arrows.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Display;
use std::hash::Hash;

/// For each node, the nodes that its arrows lead to.
pub type Arrows<T> = BTreeMap<T, BTreeSet<T>>;

/// A shortest ring through each node that is on one, except through nodes of a ring that was found before.
pub fn rings<T: Clone + Ord + Hash>(arrows: &Arrows<T>) -> Vec<Vec<T>> {
    let mut rings: Vec<Vec<T>> = Vec::new();
    for start in arrows.keys() {
        if !rings.iter().any(|ring| ring.contains(start))
            && let Some(ring) = shortest(arrows, start)
        {
            rings.push(ring);
        }
    }
    rings
}

/// A ring as text: each node with an arrow to the next, ending at the first again.
pub fn drawn<T: Display>(ring: &[T]) -> String {
    let nodes: Vec<String> = ring.iter().chain(ring.first()).map(T::to_string).collect();
    nodes.join(" → ")
}

fn shortest<T: Clone + Ord + Hash>(arrows: &Arrows<T>, start: &T) -> Option<Vec<T>> {
    let mut came_from: HashMap<&T, &T> = HashMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(node) = waiting.pop_front() {
        for next in arrows.get(node).into_iter().flatten() {
            if next == start {
                let mut ring = vec![node.clone()];
                let mut at = node;
                while at != start {
                    at = came_from[at];
                    ring.push(at.clone());
                }
                ring.reverse();
                return Some(ring);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, node);
                waiting.push_back(next);
            }
        }
    }
    None
}
