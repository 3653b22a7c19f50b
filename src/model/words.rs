//! Words about numbers.

use std::fmt::Display;

/// `1 member`, `2 members`.
pub fn count<N: Display + PartialEq + From<u8>>(number: N, one: &str) -> String {
    let is_one = number == N::from(1);
    format!("{number} {one}{}", if is_one { "" } else { "s" })
}

/// The number and what is said of so many: `1 member has`, `2 members have`.
pub fn some<N: Display + PartialEq + From<u8>>(number: N, [one, many]: [&str; 2]) -> String {
    let words = if number == N::from(1) { one } else { many };
    format!("{number} {words}")
}

#[cfg(test)]
mod tests {
    use super::{count, some};

    #[test]
    fn one_is_not_many() {
        assert_eq!(
            [0_u64, 1, 2].map(|number| count(number, "member")),
            ["0 members", "1 member", "2 members"]
        );
        assert_eq!(count(1_usize, "row"), "1 row");
        assert_eq!(
            [0_u64, 1, 2].map(|number| some(number, ["row fails", "rows fail"])),
            ["0 rows fail", "1 row fails", "2 rows fail"]
        );
    }
}
