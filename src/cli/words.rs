//! Words about numbers.

use std::fmt::Display;

/// `1 member`, `2 members`.
pub fn count<N: Display + PartialEq + From<u8>>(number: N, one: &str) -> String {
    let is_one = number == N::from(1);
    format!("{number} {one}{}", if is_one { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn one_is_not_many() {
        assert_eq!(
            [0_u64, 1, 2].map(|number| count(number, "member")),
            ["0 members", "1 member", "2 members"]
        );
        assert_eq!(count(1_usize, "row"), "1 row");
    }
}
