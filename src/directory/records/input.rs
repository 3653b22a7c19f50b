//! Records as callers send them, parsed with all their faults at once.

use crate::model::record::clip::{Clip, ClipDetails, ClipId, JsonObject};
use crate::model::record::stamps::{StampCollection, StampCollectionId};
use crate::model::record::transaction::{Bin, Currency, Network, Transaction, parse_amount};
use crate::model::{ForeignText, MemberRecord, Reason, Refusal, Rule, Timestamp, Violations};

/// A placeholder for a time that the commit fills in.
const UNSET: Timestamp = Timestamp::MIN;

/// A time as a caller sends it, parsed by its door. A fault is kept until the whole request is parsed, so
/// that all faults of a request are reported at once.
pub type SentTime = Option<Result<Timestamp, Rule>>;

/// A clip as a caller sends it.
#[derive(Debug, Clone, Default)]
pub struct ClipInput {
    /// The creative; required.
    pub creative_id: String,
    /// The deal.
    pub deal_id: Option<String>,
    /// The variant.
    pub variant_id: Option<String>,
    /// How the creative is shown.
    pub deal_creative_format: Option<String>,
    /// What it shows: the text of a JSON object.
    pub deal_creative_content: Option<String>,
    /// When the deal was redeemed.
    pub redeemed_at: SentTime,
}

impl ClipInput {
    pub(super) fn parse(self, id: u128) -> Result<MemberRecord, Refusal> {
        let mut faults = Violations::default();
        let creative_id = required(&mut faults, "creative_id", self.creative_id, ForeignText::parse);
        let details = ClipDetails {
            deal_id: optional(&mut faults, "deal_id", self.deal_id, ForeignText::parse),
            variant_id: optional(&mut faults, "variant_id", self.variant_id, ForeignText::parse),
            format: optional(
                &mut faults,
                "deal_creative_format",
                self.deal_creative_format,
                ForeignText::parse,
            ),
            content: optional(&mut faults, "deal_creative_content", self.deal_creative_content, |text| {
                JsonObject::parse(&text)
            }),
            redeemed_at: optional(&mut faults, "redeemed_at", self.redeemed_at, |at| at),
        };
        let clip = creative_id.map(|creative_id| Clip {
            id: ClipId(id),
            creative_id,
            details,
            created_at: UNSET,
            updated_at: UNSET,
        });
        finish(faults, clip.map(|clip| MemberRecord::Clip(Box::new(clip))))
    }
}

/// A stamp collection as a caller sends it.
#[derive(Debug, Clone, Default)]
pub struct StampCollectionInput {
    /// The program; required.
    pub loyalty_program_id: String,
    /// The caller's own id; required.
    pub external_id: String,
}

impl StampCollectionInput {
    pub(super) fn parse(self, id: u128) -> Result<MemberRecord, Refusal> {
        let mut faults = Violations::default();
        let program =
            required(&mut faults, "loyalty_program_id", self.loyalty_program_id, ForeignText::parse);
        let external_id = required(&mut faults, "external_id", self.external_id, ForeignText::parse);
        let stamps = program.zip(external_id).map(|(loyalty_program_id, external_id)| StampCollection {
            id: StampCollectionId(id),
            loyalty_program_id,
            external_id,
            stamps: 0,
            created_at: UNSET,
            updated_at: UNSET,
        });
        finish(faults, stamps.map(|stamps| MemberRecord::StampCollection(Box::new(stamps))))
    }
}

/// A transaction as a caller sends it.
#[derive(Debug, Clone, Default)]
pub struct TransactionInput {
    /// The id of its member; required.
    pub member_id: String,
    /// The caller's own id; required.
    pub external_id: String,
    /// The issuer's code; required.
    pub auth_code: String,
    /// `visa`, `mastercard`, `amex` or `other`; required.
    pub network: String,
    /// The first digits of the card; required.
    pub bin: String,
    /// The merchant; required.
    pub merchant_id: String,
    /// The text on the card statement.
    pub statement_descriptor: Option<String>,
    /// In minor units.
    pub amount: Option<i64>,
    /// A code of ISO 4217.
    pub currency: Option<String>,
    /// When it was authorised; required.
    pub authed_at: SentTime,
    /// When it was settled.
    pub cleared_at: SentTime,
    /// When it was refunded.
    pub reverted_at: SentTime,
}

impl TransactionInput {
    /// The transaction; faults are noted under `path`.
    pub(super) fn parse(self, faults: &mut Violations, path: &str) -> Option<MemberRecord> {
        let at = |field: &str| format!("{path}.{field}");
        let external_id = required(faults, at("external_id"), self.external_id, ForeignText::parse);
        let auth_code = required(faults, at("auth_code"), self.auth_code, ForeignText::parse);
        let network = required(faults, at("network"), self.network, |text| Network::parse(&text));
        let bin = required(faults, at("bin"), self.bin, Bin::parse);
        let merchant_id = required(faults, at("merchant_id"), self.merchant_id, ForeignText::parse);
        let statement_descriptor =
            optional(faults, at("statement_descriptor"), self.statement_descriptor, ForeignText::parse);
        let amount = optional(faults, at("amount"), self.amount, parse_amount);
        let currency = optional(faults, at("currency"), self.currency, Currency::parse);
        if self.authed_at.is_none() {
            faults.add(Reason::FieldRequired, at("authed_at"), "is required");
        }
        let authed_at = optional(faults, at("authed_at"), self.authed_at, |at| at);
        let cleared_at = optional(faults, at("cleared_at"), self.cleared_at, |at| at);
        let reverted_at = optional(faults, at("reverted_at"), self.reverted_at, |at| at);
        Some(MemberRecord::Transaction(Box::new(Transaction {
            external_id: external_id?,
            auth_code: auth_code?,
            network: network?,
            bin: bin?,
            merchant_id: merchant_id?,
            statement_descriptor,
            amount,
            currency,
            authed_at: authed_at?,
            cleared_at,
            reverted_at,
            created_at: UNSET,
            updated_at: UNSET,
        })))
    }
}

/// The value of a required field; an empty text counts as missing.
pub(super) fn required<T>(
    faults: &mut Violations,
    field: impl Into<String>,
    text: String,
    parse: impl FnOnce(String) -> Result<T, Rule>,
) -> Option<T> {
    if text.is_empty() {
        faults.add(Reason::FieldRequired, field, "is required");
        return None;
    }
    faults.check(field, parse(text))
}

fn optional<T, U>(
    faults: &mut Violations,
    field: impl Into<String>,
    given: Option<T>,
    parse: impl FnOnce(T) -> Result<U, Rule>,
) -> Option<U> {
    given.and_then(|given| faults.check(field, parse(given)))
}

fn finish<T>(faults: Violations, value: Option<T>) -> Result<T, Refusal> {
    // If the value is missing, a fault was noted.
    faults.finish(())?;
    value.ok_or_else(|| Refusal::new(Reason::FieldRequired))
}
