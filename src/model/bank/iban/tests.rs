//! IBANs of every country in the registry, of countries that are not in it, and invalid ones.

use proptest::prelude::*;
use proptest::string::string_regex;
use proptest::test_runner::TestCaseError;

use super::*;

/// The example of each country in the registry.
const EXAMPLES: &[&str] = &[
    "AD1200012030200359100100",
    "AE070331234567890123456",
    "AL47212110090000000235698741",
    "AT611904300234573201",
    "AZ21NABZ00000000137010001944",
    "BA391290079401028494",
    "BE68539007547034",
    "BG80BNBG96611020345678",
    "BH67BMAG00001299123456",
    "BI4210000100010000332045181",
    "BR1800360305000010009795493C1",
    "BY13NBRB3600900000002Z00AB00",
    "CH9300762011623852957",
    "CR05015202001026284066",
    "CY17002001280000001200527600",
    "CZ6508000000192000145399",
    "DE89370400440532013000",
    "DJ2100010000000154000100186",
    "DK5000400440116243",
    "DO28BAGR00000001212453611324",
    "EE382200221020145685",
    "EG380019000500000000263180002",
    "ES9121000418450200051332",
    "FI2112345600000785",
    "FK88SC123456789012",
    "FO6264600001631634",
    "FR1420041010050500013M02606",
    "GB29NWBK60161331926819",
    "GE29NB0000000101904917",
    "GI75NWBK000000007099453",
    "GL8964710001000206",
    "GR1601101250000000012300695",
    "GT82TRAJ01020000001210029690",
    "HN88CABF00000000000250005469",
    "HR1210010051863000160",
    "HU42117730161111101800000000",
    "IE29AIBK93115212345678",
    "IL620108000000099999999",
    "IQ98NBIQ850123456789012",
    "IS140159260076545510730339",
    "IT60X0542811101000000123456",
    "JO94CBJO0010000000000131000302",
    "KW81CBKU0000000000001234560101",
    "KZ86125KZT5004100100",
    "LB62099900000001001901229114",
    "LC55HEMM000100010012001200023015",
    "LI21088100002324013AA",
    "LT121000011101001000",
    "LU280019400644750000",
    "LV80BANK0000435195001",
    "LY83002048000020100120361",
    "MC5811222000010123456789030",
    "MD24AG000225100013104168",
    "ME25505000012345678951",
    "MK07250120000058984",
    "MN121234123456789123",
    "MR1300020001010000123456753",
    "MT84MALT011000012345MTLCAST001S",
    "MU17BOMM0101101030300200000MUR",
    "NI45BAPR00000013000003558124",
    "NL91ABNA0417164300",
    "NO9386011117947",
    "OM810180000001299123456",
    "PK36SCBL0000001123456702",
    "PL61109010140000071219812874",
    "PS92PALS000000000400123456702",
    "PT50000201231234567890154",
    "QA58DOHB00001234567890ABCDEFG",
    "RO49AAAA1B31007593840000",
    "RS35260005601001611379",
    "RU0304452522540817810538091310419",
    "SA0380000000608010167519",
    "SC18SSCB11010000000000001497USD",
    "SD2129010501234001",
    "SE4550000000058398257466",
    "SI56263300012039086",
    "SK3112000000198742637541",
    "SM86U0322509800000000270100",
    "SO211000001001000100141",
    "ST23000100010051845310146",
    "SV62CENR00000000000000700025",
    "TL380080012345678910157",
    "TN5910006035183598478831",
    "TR330006100519786457841326",
    "UA213223130000026007233566001",
    "VA59001123000012345678",
    "VG96VPVG0000012345678901",
    "XK051212012345678906",
    "YE15CBYE0001018861234567891234",
];

/// The IBAN of an account, with a correct check number.
fn with_check_number(country: &str, account: &str) -> String {
    let zeros = format!("{country}00");
    format!("{country}{:02}{account}", 98 - remainder(&zeros, account))
}

/// A regular expression for the accounts that a structure allows.
fn pattern(structure: &str) -> String {
    structure
        .split_inclusive(['n', 'a', 'c'])
        .map(|part| {
            let (length, class) = part.split_once('!').unwrap();
            let class = match class {
                "n" => "[0-9]",
                "a" => "[A-Z]",
                _ => "[0-9A-Z]",
            };
            format!("{class}{{{length}}}")
        })
        .collect()
}

#[test]
fn the_example_of_every_country_is_accepted() {
    let countries: Vec<&str> = EXAMPLES.iter().map(|example| &example[..2]).collect();
    assert_eq!(countries, STRUCTURES.iter().map(|(country, _)| *country).collect::<Vec<_>>());
    for example in EXAMPLES {
        assert!(is_iban(example), "{example}");
    }
}

#[test]
fn every_country_stands_once_and_in_order() {
    assert!(STRUCTURES.is_sorted_by(|(a, _), (b, _)| a < b));
    assert_eq!(STRUCTURES.len(), 89);
    for (country, length) in
        [("LY", 25), ("SD", 18), ("HN", 28), ("YE", 30), ("MN", 20), ("FK", 18), ("BI", 27), ("NI", 28)]
            .into_iter()
            .chain([("RU", 33), ("SO", 23), ("OM", 23), ("DJ", 27), ("ST", 25), ("TL", 23), ("GB", 22)])
    {
        let example = EXAMPLES.iter().find(|example| example.starts_with(country)).unwrap();
        assert_eq!(example.len(), length, "{country}");
    }
}

#[test]
fn a_country_to_come_is_judged_by_its_check_number() {
    for account in ["12345678901", "1234567890123456789012345678AB"] {
        assert!(is_iban(&with_check_number("ZZ", account)), "{account}");
    }
    for account in ["1234567890", "1234567890123456789012345678901", "1234567890é1"] {
        assert!(!is_iban(&with_check_number("ZZ", account)), "{account}");
    }
    assert!(!is_iban("ZZ34123456789012345"));
}

/// Countries whose banks issue IBANs although the registry does not list them.
#[test]
fn ibans_of_countries_beside_the_registry_are_accepted() {
    for iban in [
        "AO06000600000100037131174",
        "BF42BF0840101300463574000390",
        "BJ66BJ0610100100144390000769",
        "CF4220001000010120069700160",
        "CG3930011000101013451300019",
        "CI93CI0080111301134291200589",
        "CM2110002000300277976315008",
        "CV64000500000020108215144",
        "DZ580002100001113000000570",
        "GA2140021010032001890020126",
        "GQ7050002001003715228190196",
        "GW04GW1430010181800637601",
        "IR710570029971601460641001",
        "KM4600005000010010904400137",
        "MA64011519000001205000534921",
        "MG4600005030071289421016045",
        "ML13ML0160120102600100668497",
        "MZ59000301080016367102371",
        "NE58NE0380100100130305000268",
        "SN08SN0100152000048500003035",
        "TD8960002000010271091600153",
        "TG53TG0090604310346500400070",
    ] {
        assert!(is_iban(iban), "{iban}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_account_of_the_structure_of_its_country_is_accepted(
        (country, account) in proptest::sample::select(STRUCTURES)
            .prop_flat_map(|(country, structure)| (Just(country), string_regex(&pattern(structure)).unwrap())),
    ) {
        prop_assert!(is_iban(&with_check_number(country, &account)));
    }

    #[test]
    fn an_account_of_another_structure_is_refused(
        (country, structure) in proptest::sample::select(STRUCTURES),
        account in "[0-9A-Z]{8,32}",
    ) {
        let of_structure = regex::Regex::new(&format!("^{}$", pattern(structure))).unwrap();
        prop_assert_eq!(is_iban(&with_check_number(country, &account)), of_structure.is_match(&account));
    }

    #[test]
    fn one_character_of_the_wrong_class_is_refused(
        example in proptest::sample::select(EXAMPLES),
        place in any::<proptest::sample::Index>(),
    ) {
        let is_its_country = |(country, _): &&(&str, &str)| example.starts_with(country);
        let (country, structure) = STRUCTURES.iter().find(is_its_country).unwrap();
        let mut account = example.as_bytes()[4..].to_vec();
        let place = place.index(account.len());
        account[place] = if account[place].is_ascii_digit() { b'A' } else { b'0' };
        let account = String::from_utf8(account).unwrap();
        let of_structure = regex::Regex::new(&format!("^{}$", pattern(structure))).unwrap();
        prop_assert_eq!(is_iban(&with_check_number(country, &account)), of_structure.is_match(&account));
    }

    #[test]
    fn an_account_that_is_too_long_or_too_short_is_refused(
        example in proptest::sample::select(EXAMPLES),
        by in 1..4_usize,
    ) {
        let (country, account) = (&example[..2], &example[4..]);
        for account in [&account[by..], &account[..account.len() - by]] {
            prop_assert!(!is_iban(&with_check_number(country, account)));
        }
        let longer = format!("{account}{}", "1".repeat(by));
        prop_assert!(!is_iban(&with_check_number(country, &longer)));
    }

    #[test]
    fn one_wrong_digit_never_goes_unnoticed(
        example in proptest::sample::select(EXAMPLES),
        place in 2..15_usize,
        by in 1..10_u8,
    ) {
        let mut iban = example.as_bytes().to_vec();
        // The 13 after the country are nearly always digits; where one is a letter, the check digit changes.
        let place = if iban[place].is_ascii_digit() { place } else { 2 };
        iban[place] = b'0' + (iban[place] - b'0' + by) % 10;
        let typed = String::from_utf8(iban).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(!is_iban(&typed));
    }
}
