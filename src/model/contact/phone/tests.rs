//! Which texts are accepted as phone numbers, and how they are stored.

use proptest::prelude::*;

use super::*;
use crate::model::value::separator;

fn parsed(text: &str) -> Result<String, String> {
    Phone::parse(text).map(Phone::into_string).map_err(|rule| {
        assert_eq!(rule.reason(), Reason::PhoneInvalid);
        rule.describe()
    })
}

#[test]
fn separators_are_removed() {
    for (text, stored) in [
        ("+4420794600", "+4420794600"),
        ("+44 20 7946 0018", "+442079460018"),
        ("+1 (555) 123-4567", "+15551234567"),
        ("+49.30.901820", "+4930901820"),
        ("+33\u{a0}1\u{202f}23\u{2011}45\u{2010}67", "+331234567"),
        ("+44 20–7946–0958", "+442079460958"),
        ("+49 30/90 18 20", "+4930901820"),
        ("+43 1\u{2009}/\u{2009}58 800\u{3000}", "+43158800"),
        ("\u{202a}+44 7700 900123\u{202c}", "+447700900123"),
        ("(+44) 20 7946 0958", "+442079460958"),
        ("+(44) 20 7946 0958", "+442079460958"),
        ("+81（3）1234－5678", "+81312345678"),
        ("+1234567", "+1234567"),
        ("+123456789012345", "+123456789012345"),
    ] {
        assert_eq!(parsed(text).as_deref(), Ok(stored), "{text}");
    }
}

#[test]
fn a_trunk_zero_in_brackets_after_the_country_code_is_dropped() {
    for (text, stored) in [
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+44(0)2079460958", "+442079460958"),
        ("+44 (0) 20 7946 0958", "+442079460958"),
        ("+44-[0]-20-7946-0958", "+442079460958"),
        ("+44 ( 0 ) 20 7946 0958", "+442079460958"),
        ("+44（0）20 7946 0958", "+442079460958"),
        ("(+44) (0)20 7946 0958", "+442079460958"),
        ("+49 (0)209 22334455", "+4920922334455"),
        ("+49\u{a0}(0)30/90 18 20", "+4930901820"),
        ("+353 (0)1 234 5678", "+35312345678"),
        ("+1 (0)555 123 4567", "+15551234567"),
        ("tel:+44-(0)20-7946-0958", "+442079460958"),
    ] {
        assert_eq!(parsed(text).as_deref(), Ok(stored), "{text}");
    }
}

#[test]
fn numbers_are_taken_as_people_write_them_all_over_the_world() {
    for (text, stored) in [
        ("+1-212-555-0123", "+12125550123"),
        ("+1.212.555.0123", "+12125550123"),
        ("+1 (212) 555–0123", "+12125550123"),
        ("+7 (495) 123-45-67", "+74951234567"),
        ("+27 (0)11 123 4567", "+27111234567"),
        ("+31 (0)20-123 45 67", "+31201234567"),
        ("+32 (0)2/123.45.67", "+3221234567"),
        ("+33(0)6.12.34.56.78", "+33612345678"),
        ("+34 912 345 678", "+34912345678"),
        ("+41 (0)44 668 18 00", "+41446681800"),
        ("+43 (0) 1 / 58 800-0", "+431588000"),
        ("+44(0) 7700 900 123", "+447700900123"),
        ("+ 44 7700 900123", "+447700900123"),
        ("+46 (0)8-123 456 78", "+46812345678"),
        ("+48 22 123 45 67", "+48221234567"),
        ("+52 55 1234 5678", "+525512345678"),
        ("+55 (11) 91234-5678", "+5511912345678"),
        ("+61 (0)412 345 678", "+61412345678"),
        ("+64 (0)21 123 4567", "+64211234567"),
        ("+81 (0)3-1234-5678", "+81312345678"),
        ("+82 (0)2-312-3456", "+8223123456"),
        ("+86 (0)10 6552 9988", "+861065529988"),
        ("+90 (0)212 123 45 67", "+902121234567"),
        ("+91 98765 43210", "+919876543210"),
        ("+234 (0)803 123 4567", "+2348031234567"),
        ("+354 410 4000", "+3544104000"),
        ("+375 (0)17 123-45-67", "+375171234567"),
        ("+420 212 345 678", "+420212345678"),
        ("+852 2123 4567", "+85221234567"),
        ("+971 (0)50 123 4567", "+971501234567"),
        ("+972 (0)3-123-4567", "+97231234567"),
    ] {
        assert_eq!(parsed(text).as_deref(), Ok(stored), "{text}");
    }
}

#[test]
fn a_zero_that_is_part_of_the_number_stays() {
    for (text, stored) in [
        // In these countries numbers begin with a zero and are dialled without a prefix.
        ("+39 (0)6 1234 5678", "+390612345678"),
        ("+39 06 1234 5678", "+390612345678"),
        // The Vatican uses Italy's code; its own is not in use yet.
        ("+39 (0)6 698 12345", "+390669812345"),
        ("+379 (0)6 698 12345", "+3790669812345"),
        ("+378 (0)549 882 345", "+3780549882345"),
        ("+39 (0)549 882 345", "+390549882345"),
        ("+226 (0)1 23 45 67", "+22601234567"),
        ("+227 (0)1 23 45 67", "+22701234567"),
        ("+229 (0)1 97 12 34 56", "+2290197123456"),
        ("+242 (0)6 612 34 56", "+242066123456"),
        // The last digit of Ukraine's code looks like a trunk zero, and is often written in brackets.
        ("+38 (044) 123-45-67", "+380441234567"),
        ("+38 (0)44 123-45-67", "+380441234567"),
        ("+380 (44) 123-45-67", "+380441234567"),
        ("+225 (0)7 07 12 34 56", "+2250707123456"),
        // Not alone in its brackets, or not directly after the country code.
        ("+39 (06) 1234 5678", "+390612345678"),
        ("+225 (07) 07 12 34 56", "+2250707123456"),
        ("+44 20 (0)7946 0958", "+4420079460958"),
        ("+44 (1)20 7946 0958", "+4412079460958"),
    ] {
        assert_eq!(parsed(text).as_deref(), Ok(stored), "{text}");
    }
}

#[test]
fn a_zero_in_brackets_that_could_be_more_than_a_trunk_zero_is_refused_by_name() {
    for text in [
        "+44 (020) 7946 0958",
        "+44(020)79460958",
        "+49 (0171) 1234567",
        "+49 [030] 90 18 20",
        "+44 (0)(0)20 7946 0958",
        "+44 (0)020 7946 0958",
        "+44 (0) 0 20 7946 0958",
        "+44 (00) 20 7946 0958",
        "+44（020）7946 0958",
        "+1 (020) 555 1234",
        "tel:+44-(020)-7946-0958",
    ] {
        let rule = "must be a phone number without a zero before its area code: +44 (20) or +44 (0)20, \
                    not +44 (020)";
        assert_eq!(parsed(text).unwrap_err(), rule, "{text}");
    }
    // A number in E.164 form stays as it was sent.
    assert_eq!(parsed("+4402079460958").unwrap(), "+4402079460958");
}

#[test]
fn a_tel_uri_is_its_number() {
    for text in ["tel:+44-20-7946-0958", "TEL:+442079460958", " tel:+44.20.7946.0958", "tel:+44(20)79460958"]
    {
        assert_eq!(parsed(text).as_deref(), Ok("+442079460958"), "{text}");
    }
}

#[test]
fn a_number_with_more_around_it_is_refused_by_name() {
    for text in [
        "+44 20 7946 0958 ext 12",
        "+44 20 7946 0958 Ext. 12",
        "+44 20 7946 0958 extension 12",
        "+44 20 7946 0958 x12",
        "+442079460958X12",
        "+44 20 7946 0958 #12",
        "+44 20 7946 0958;ext=12",
        "tel:+44-20-7946-0958;ext=12",
        "tel:+44-20-7946-0958;isub=1;EXT=12",
    ] {
        assert_eq!(parsed(text).unwrap_err(), "must be a phone number without an extension", "{text}");
    }
    for (text, rule) in [
        ("tel:7042;phone-context=example.com", "not a local one with `phone-context`"),
        ("tel:863-1234;phone-context=+1-914-555", "not a local one with `phone-context`"),
        ("tel:+44-20-7946-0958;isub=1", "without parameters"),
        ("+44 20 7946 0958;", "without parameters"),
    ] {
        assert!(parsed(text).unwrap_err().ends_with(rule), "{text}");
    }
}

#[test]
fn a_number_that_is_not_international_is_refused() {
    for text in [
        "",
        "+",
        "tel:",
        "442079460018",
        "0044 20 7946",
        "+123456",
        "+44 (0)1234",
        "+1234567890123456",
        "++441234567",
        "+44+1234567",
        "+44\t1234567",
        "+٤٤١٢٣٤٥٦٧",
        "+４４１２３４５６７",
        "tel:441234567",
        "sip:+441234567",
        "tel:tel:+441234567",
        "+44,1234567",
        "+44*1234567",
        "xx+441234567",
        &format!("+{}1234567", " ".repeat(200)),
    ] {
        assert!(parsed(text).is_err(), "{text}");
    }
}

#[test]
fn a_country_code_that_begins_with_zero_is_refused_by_name_and_was_good_once() {
    for text in [
        "+0123456",
        "+07700900123",
        "+00447700900123",
        "+0044 7700 900123",
        "+ (0) 7700 900123",
        "+(0)44 7700 900123",
        "+0 (0)20 7946 0958",
        "tel:+0-7700-900123",
        "+012345678901234",
    ] {
        let rule = parsed(text).unwrap_err();
        assert!(
            rule.starts_with("must be a phone number whose country code does not begin with 0: "),
            "{text}: {rule}"
        );
        let stored = as_stored(text.to_owned()).unwrap();
        assert!(was_good(&stored), "{text}");
    }
    for text in ["+012345", "+0123456789012345", "+44123456", "+01 234567", "0123456", "+"] {
        assert!(!was_good(text), "{text}");
    }
}

#[test]
fn the_beginning_of_a_number_is_read_like_a_number() {
    for (prefix, stored) in [
        ("+44 (0)20", "+4420"),
        ("tel:+44-20", "+4420"),
        ("+44 (0", "+440"),
        ("+44 (20", "+4420"),
        (" - ", ""),
    ] {
        assert_eq!(without_separators(prefix).unwrap(), stored, "{prefix}");
    }
    assert!(without_separators("+44 (020").is_ok() && without_separators("+44 (020) 7").is_err());
}

fn between() -> impl Strategy<Value = String> {
    let mut allowed: Vec<char> = separator::all().collect();
    allowed.extend("()[]（）".chars());
    let some = proptest::collection::vec(proptest::sample::select(allowed), 0..3);
    prop_oneof![3 => Just(String::new()), 1 => some.prop_map(|some| some.into_iter().collect())]
}

fn country_code() -> impl Strategy<Value = String> {
    let all: Vec<String> = (1..1000_u16).map(|code| code.to_string()).collect();
    proptest::sample::select(all.into_iter().filter(|code| is_country_code(code)).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn e164_comes_back_from_any_mixture_of_separators(
        number in "[1-9][0-9]{6,14}",
        before in between(),
        between in proptest::collection::vec(between(), 16),
        is_uri: bool,
    ) {
        let digits = number.chars().zip(&between);
        let spelled: String = digits.map(|(digit, separators)| format!("{digit}{separators}")).collect();
        let spelled = format!("{}{before}+{}{spelled}", if is_uri { "tel:" } else { "" }, between[15]);
        prop_assume!(spelled.len() <= PHONE_INPUT_MAX_BYTES);
        prop_assume!(zero_in_brackets(without_scheme(&spelled)).is_none());
        prop_assert_eq!(Phone::parse(spelled).unwrap().into_string(), format!("+{number}"));
        prop_assert_eq!(Phone::parse(format!("+{number}")).unwrap().into_string(), format!("+{number}"));
    }

    #[test]
    fn a_trunk_zero_goes_whatever_the_country(
        code in country_code(),
        number in "[1-9][0-9]{6,10}",
        zero in prop_oneof![Just("(0)"), Just(" (0)"), Just(" (0) "), Just("-(0)-"), Just("\u{a0}[0]\u{a0}")],
    ) {
        let kept = if NUMBERS_BEGIN_WITH_ZERO.contains(&code.as_str()) { "0" } else { "" };
        let stored = Phone::parse(format!("+{code}{zero}{number}")).unwrap();
        prop_assert_eq!(stored.as_str(), format!("+{code}{kept}{number}"));
    }
}
