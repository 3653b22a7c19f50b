//! The generated members: about 200 bytes each, with names in many scripts and refs in no order. The same
//! seed generates the same members.

use crate::api::grpc::v1;

const FIRST: [&str; 50] = [
    "Alexandra",
    "Bo",
    "Carmen",
    "Dmitri",
    "Éléonore",
    "Femi",
    "Gustavo",
    "Hana",
    "Ibrahim",
    "Jo",
    "Katarina",
    "Liam",
    "Mehmet",
    "Noor",
    "Olivia",
    "Pradeep",
    "Quang",
    "Rūta",
    "Søren",
    "Thảo",
    "Umut",
    "Věra",
    "Wojciech",
    "Xóchitl",
    "Yusuf",
    "Zoë",
    "Åsa",
    "Þóra",
    "Łukasz",
    "Ștefan",
    "Ana-María",
    "Jean-Luc",
    "明美",
    "大輔",
    "하은",
    "민준",
    "伟",
    "芳",
    "Ольга",
    "Сергей",
    "Μαρία",
    "Γιώργος",
    "שרה",
    "محمد",
    "فاطمة",
    "आरव",
    "प्रिया",
    "Nguyễn",
    "O'Neill",
    "José",
];
const LAST: [&str; 40] = [
    "Andersson",
    "Baker",
    "Chen",
    "Dubois",
    "Eriksen",
    "Fernández",
    "García",
    "Hoffmann",
    "Ivanova",
    "Jones",
    "Kowalski",
    "Li",
    "Montgomery",
    "Nguyen",
    "Okafor",
    "Papadopoulos",
    "Quiñones",
    "Rossi",
    "Müller",
    "Šimek",
    "Türkoğlu",
    "Ueda",
    "Vasquez",
    "Wójcik",
    "Xu",
    "Yılmaz",
    "Zhang",
    "Ångström",
    "Ødegård",
    "D'Angelo",
    "O'Brien",
    "van der Berg",
    "St. John",
    "佐藤",
    "김",
    "王",
    "Иванов",
    "Παπαδόπουλος",
    "כהן",
    "Smith, Jr.",
];
const TIERS: [&str; 4] = ["Bronze", "Silver", "Gold", "Platinum"];
const COMPANIES: [&str; 7] = [
    "Example, Inc.",
    "Müller & Söhne GmbH",
    "Ünlü A.Ş.",
    "株式会社例",
    "Acme \"Best\" Ltd",
    "Co-op 24/7",
    "Société Générale d'Exemple",
];
const ROLES: [&str; 7] =
    ["QA Tester", "Courier", "Store Manager", "Développeuse", "Driver, night shift", "看護師", "Engineer II"];

const SITES: [&str; 6] = [
    "Greater Manchester",
    "İstanbul Avrupa",
    "São Paulo Centro",
    "Hauptlager Süd",
    "大阪府第二営業所",
    "Nørrebro Station",
];
const GENDERS: [&str; 3] = ["Female", "Male", "NonBinary"];

/// SplitMix64: a 64-bit hash of a 64-bit number, and the step function of a random number generator.
pub fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The ref of the `i`th member.
pub fn member_ref(seed: u64, i: u64) -> String {
    format!("crm-{:016x}", mix(seed.wrapping_add(i)))
}

/// The `i`th member after `version` changes. Each version differs from the previous one in its tier, and
/// every other version also in its phone.
pub fn member(seed: u64, i: u64, version: u64) -> v1::MemberInput {
    let h = mix(seed ^ (i * 2 + 1));
    let g = mix(h.wrapping_add(77 * (version / 2)));
    v1::MemberInput {
        r#ref: Some(member_ref(seed, i)),
        email: Some(format!("member.{i:x}.{:08x}@mail{}.people.example.com", h >> 32, h % 64)),
        first_name: pick(&FIRST, h),
        last_name: pick(&LAST, h >> 8),
        phone: (!(h >> 4).is_multiple_of(10))
            .then(|| format!("+44{:010}", 7_000_000_000 + (g >> 20) % 999_999_999)),
        worker_id: (!(h >> 5).is_multiple_of(5)).then(|| format!("W-{i:08}")),
        tier: pick(&TIERS, (h >> 16).wrapping_add(version)),
        gender: pick(&GENDERS, h >> 36),
        role: Some(format!("{}, {}", text(&ROLES, h >> 24), text(&SITES, h >> 40))),
        company: pick(&COMPANIES, h >> 28),
        dob: Some(format!(
            "{:04}-{:02}-{:02}",
            1940 + (h >> 32) % 65,
            1 + (h >> 40) % 12,
            1 + (h >> 44) % 28
        )),
        ..Default::default()
    }
}

/// Whether the `i`th member is among the `percent` that change.
pub fn changes(seed: u64, i: u64, percent: u64) -> bool {
    mix(seed ^ mix(i)) % 100 < percent
}

/// The numbers below `members` in random order.
pub fn shuffled(seed: u64, members: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..members).collect();
    let mut random = mix(seed);
    for last in (1..order.len()).rev() {
        random = mix(random);
        let below = u64::try_from(last).unwrap_or(u64::MAX) + 1;
        order.swap(last, usize::try_from(random % below).unwrap_or(0));
    }
    order
}

fn pick(texts: &[&str], number: u64) -> Option<String> {
    Some(text(texts, number).to_owned())
}

fn text<'t>(texts: &[&'t str], number: u64) -> &'t str {
    let count = u64::try_from(texts.len()).unwrap_or(u64::MAX);
    usize::try_from(number % count).ok().and_then(|at| texts.get(at)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use prost::Message;

    use super::{changes, member, shuffled};

    #[test]
    fn members_are_about_200_bytes_and_repeatable() {
        let bytes: usize = (0..1000).map(|i| member(1, i, 0).encoded_len()).sum();
        assert!((180..230).contains(&(bytes / 1000)), "{bytes}");
        assert_eq!(member(1, 7, 0), member(1, 7, 0));
        assert_ne!(member(1, 7, 0), member(2, 7, 0));
    }

    #[test]
    fn keys_are_unique() {
        let members: Vec<_> = (0..10_000).map(|i| member(1, i, 0)).collect();
        let refs: HashSet<_> = members.iter().map(|member| &member.r#ref).collect();
        let emails: HashSet<_> = members.iter().map(|member| &member.email).collect();
        assert_eq!((refs.len(), emails.len()), (10_000, 10_000));
    }

    #[test]
    fn every_version_differs_from_the_one_before() {
        for i in 0..1000 {
            assert_ne!(member(1, i, 0), member(1, i, 1));
            assert_ne!(member(1, i, 1), member(1, i, 2));
        }
    }

    #[test]
    fn the_order_is_a_permutation_and_the_share_about_right() {
        let mut order = shuffled(1, 1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        let changed = (0..10_000).filter(|&i| changes(1, i, 10)).count();
        assert!((900..1100).contains(&changed), "{changed}");
    }
}
