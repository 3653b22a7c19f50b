//! The order in which members get keys that others have.

/// A node that was not visited yet.
const NEW: usize = usize::MAX;

/// The groups of nodes that depend on each other in a circle, and all other nodes as groups of one. Each group
/// comes after those that it depends on, and has the length of the longest chain of these. `needs` has, for
/// each node, the nodes that come before it or together with it.
///
/// This is Tarjan's algorithm, without recursion: a chain may have as many nodes as there are members.
pub fn groups(needs: &[Vec<usize>]) -> Vec<(usize, Vec<usize>)> {
    let mut found: Vec<(usize, Vec<usize>)> = Vec::new();
    // For each node: its number in the order of the visits, the lowest number that it reaches within the stack,
    // and its group, once it has one.
    let mut nodes = vec![Node { number: NEW, lowest: NEW, group: NEW, next: 0 }; needs.len()];
    let (mut stack, mut path, mut visited) = (Vec::new(), Vec::new(), 0);
    for start in 0..needs.len() {
        if at(&nodes, start).number == NEW {
            path.push(start);
        }
        while let Some(&node) = path.last() {
            if at(&nodes, node).number == NEW {
                set(&mut nodes, node, |it| (it.number, it.lowest) = (visited, visited));
                visited += 1;
                stack.push(node);
            }
            let next = at(&nodes, node).next;
            if let Some(&other) = needs.get(node).and_then(|others| others.get(next)) {
                set(&mut nodes, node, |it| it.next += 1);
                let seen = at(&nodes, other);
                if seen.number == NEW {
                    path.push(other);
                } else if seen.group == NEW {
                    set(&mut nodes, node, |it| it.lowest = it.lowest.min(seen.number));
                }
                continue;
            }
            path.pop();
            let it = at(&nodes, node);
            if let Some(&parent) = path.last() {
                set(&mut nodes, parent, |parent| parent.lowest = parent.lowest.min(it.lowest));
            }
            if it.lowest == it.number {
                let from = stack.iter().rposition(|other| *other == node).unwrap_or_default();
                let members = stack.split_off(from);
                members.iter().for_each(|member| set(&mut nodes, *member, |it| it.group = found.len()));
                let before = members.iter().flat_map(|member| needs.get(*member).into_iter().flatten());
                let groups =
                    before.map(|other| at(&nodes, *other).group).filter(|group| *group != found.len());
                let length = groups.filter_map(|group| found.get(group)).map(|(length, _)| length + 1).max();
                found.push((length.unwrap_or_default(), members));
            }
        }
    }
    found
}

#[derive(Clone, Copy)]
struct Node {
    number: usize,
    lowest: usize,
    group: usize,
    /// The next of the nodes that it needs.
    next: usize,
}

fn at(nodes: &[Node], place: usize) -> Node {
    nodes.get(place).copied().unwrap_or(Node { number: 0, lowest: 0, group: 0, next: 0 })
}

fn set(nodes: &mut [Node], place: usize, change: impl FnOnce(&mut Node)) {
    if let Some(node) = nodes.get_mut(place) {
        change(node);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_chain_of_a_million_is_ordered_from_its_end() {
        let length = 1_000_000;
        let needs: Vec<Vec<usize>> =
            (0..length).map(|n| if n + 1 < length { vec![n + 1] } else { Vec::new() }).collect();
        let found = groups(&needs);
        assert_eq!(
            (found[0].clone(), found[length - 1].clone()),
            ((0, vec![length - 1]), (length - 1, vec![0]))
        );
    }

    proptest! {
        #[test]
        fn each_group_is_a_circle_and_comes_after_those_that_it_needs(
            needs in (1_usize..12).prop_flat_map(|count| {
                proptest::collection::vec(proptest::collection::vec(0..count, 0..4), count)
            })
        ) {
            // Which nodes each node reaches.
            let count = needs.len();
            let mut reaches = vec![vec![false; count]; count];
            for (node, others) in needs.iter().enumerate() {
                others.iter().for_each(|other| reaches[node][*other] = true);
            }
            for (over, from, to) in
                (0..count).flat_map(|a| (0..count).flat_map(move |b| (0..count).map(move |c| (a, b, c))))
            {
                reaches[from][to] |= reaches[from][over] && reaches[over][to];
            }
            let found = groups(&needs);
            let mut place = vec![NEW; count];
            for (n, (_, members)) in found.iter().enumerate() {
                members.iter().for_each(|member| place[*member] = n);
            }
            for one in 0..count {
                for other in 0..count {
                    let is_circle = one == other || (reaches[one][other] && reaches[other][one]);
                    prop_assert_eq!(place[one] == place[other], is_circle);
                    if reaches[one][other] {
                        prop_assert!(place[other] <= place[one]);
                        let (length, before) = (found[place[one]].0, found[place[other]].0);
                        prop_assert!(before < length || place[other] == place[one]);
                    }
                }
            }
        }
    }
}
