//! Transactions: purchases that a member made.

use super::name::ForeignText;
use crate::model::limits::{BIN_MAX_DIGITS, BIN_MIN_DIGITS, SAFE_INTEGER_MAX};
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;
use crate::model::value::text::text_type;
use crate::model::value::time::Timestamp;

/// A purchase. A repeat may change the amount, currency, descriptor and the later times; the other fields
/// stay as first sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The caller's id; unique in the memberbase.
    pub external_id: ForeignText,
    /// The issuer's code.
    pub auth_code: ForeignText,
    /// The card's network.
    pub network: Network,
    /// The card's first digits.
    pub bin: Bin,
    /// The merchant's id at the processor.
    pub merchant_id: ForeignText,
    /// What the cardholder reads on the statement.
    pub statement_descriptor: Option<ForeignText>,
    /// The amount, in minor units of the currency.
    pub amount: Option<i64>,
    /// The currency.
    pub currency: Option<Currency>,
    /// When it was authorised.
    pub authed_at: Timestamp,
    /// When it was settled.
    pub cleared_at: Option<Timestamp>,
    /// When it was refunded.
    pub reverted_at: Option<Timestamp>,
    /// When it was first sent.
    pub created_at: Timestamp,
    /// When a repeat last changed it.
    pub updated_at: Timestamp,
}

impl Transaction {
    /// The transaction after a repeat.
    pub(super) fn merge(&self, repeat: &Self) -> Self {
        Self {
            statement_descriptor: repeat
                .statement_descriptor
                .as_ref()
                .or(self.statement_descriptor.as_ref())
                .cloned(),
            amount: repeat.amount.or(self.amount),
            currency: repeat.currency.as_ref().or(self.currency.as_ref()).cloned(),
            cleared_at: repeat.cleared_at.or(self.cleared_at),
            reverted_at: repeat.reverted_at.or(self.reverted_at),
            ..self.clone()
        }
    }
}

/// The network of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
    /// American Express.
    Amex,
    /// Any other network.
    Other,
}

impl Network {
    /// Every network, each at its [`Network::index`].
    pub const ALL: [Self; 4] = [Self::Visa, Self::Mastercard, Self::Amex, Self::Other];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Amex => "amex",
            Self::Other => "other",
        }
    }

    /// The network with this word.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let found = Self::ALL.into_iter().find(|network| network.as_str() == text);
        found.ok_or(Rule::must_be(Reason::FieldInvalid, "one of visa, mastercard, amex, other"))
    }

    /// Its number. It is stored, so it never changes.
    pub fn index(self) -> u8 {
        match self {
            Self::Visa => 0,
            Self::Mastercard => 1,
            Self::Amex => 2,
            Self::Other => 3,
        }
    }

    /// The network with this number.
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }
}

text_type!(
    /// The first 6 to 8 digits of a card.
    Bin, |text| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = is_number && (BIN_MIN_DIGITS..=BIN_MAX_DIGITS).contains(&text.len());
        let must_be = "the first 6 to 8 digits of a card";
        if fits { Ok(text) } else { Err(Rule::must_be(Reason::FieldInvalid, must_be)) }
    }
);

text_type!(
    /// A currency code in the form of ISO 4217. Whether the standard lists the code is not checked.
    Currency, |text| {
        let fits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        let must_be = "an ISO 4217 code of three capital letters, such as EUR";
        if fits { Ok(text) } else { Err(Rule::must_be(Reason::FieldInvalid, must_be)) }
    }
);

/// Parses an amount in minor units, which a JSON number must represent exactly.
pub fn parse_amount(amount: i64) -> Result<i64, Rule> {
    let fits = amount.unsigned_abs() <= SAFE_INTEGER_MAX;
    if fits { Ok(amount) } else { Err(Rule::must_be(Reason::FieldInvalid, "below 2^53 in magnitude")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_digits_obey_their_rules() {
        for network in Network::ALL {
            assert_eq!(Network::parse(network.as_str()), Ok(network));
            assert_eq!(Network::from_index(network.index()), Some(network));
        }
        assert!(Network::parse("Visa").is_err());
        assert!(Bin::parse("411111").is_ok() && Bin::parse("41111111").is_ok());
        for bad in ["", "41111", "411111111", "41111x", "٤١١١١١"] {
            assert!(Bin::parse(bad).is_err(), "{bad}");
        }
        assert!(Currency::parse("EUR").is_ok());
        for bad in ["", "eur", "EURO", "E1R"] {
            assert!(Currency::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_amount(-5), Ok(-5));
        assert!(parse_amount(1 << 53).is_err() && parse_amount(i64::MIN).is_err());
    }
}
