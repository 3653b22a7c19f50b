//! Ids that callers see: encrypted base numbers and rows.
//!
//! An id is a prefix and 26 characters of lower-case Crockford base32: one AES-128 block over a kind tag (32
//! bits), the base number (32 bits) and the row number (64 bits). So the store needs no index of ids, ids
//! reveal neither counts nor order, and the tag exposes an invented or mistyped id. The layout is frozen,
//! because every issued id depends on it.

use aes::Aes128;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};

/// The number of a memberbase in its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BaseNumber(pub u32);

/// The row of a member in its memberbase; never reused after a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Row(pub u64);

/// The number of a job in its store: the microseconds since 1970 at which it was created, raised where needed
/// so that no number is used twice. Later jobs have higher numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct JobNumber(pub u64);

/// The number of an audience in its memberbase; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AudienceNumber(pub u32);

/// The key with which a store seals its ids. It has no `Debug`, so it cannot reach a log.
#[derive(Clone, Copy)]
pub struct IdKey(pub [u8; 16]);

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It does not begin with the prefix of this kind of id.
    #[error("must begin with `{expected}`")]
    WrongPrefix {
        /// The prefix of this kind.
        expected: &'static str,
    },
    /// It begins with none of the prefixes of member ids.
    #[error("must begin with `{}` or `{}`", MEMBER_PREFIX, MEMBER_PREFIX_ONSI)]
    WrongMemberPrefix,
    /// It begins with none of the prefixes of job ids.
    #[error("must begin with `{}` or `{}`", JOB_PREFIX, JOB_PREFIX_ONSI)]
    WrongJobPrefix,
    /// It has too few or too many characters.
    #[error("must have 26 characters after its prefix")]
    WrongLength,
    /// It has a character that ids do not have.
    #[error("must have only digits and letters, except i, l, o and u, after its prefix")]
    BadCharacter,
    /// It is well formed, but this store never issued it. Callers treat it as not found.
    #[error("is not an id of this store")]
    Unknown,
}

/// Prefix of member ids.
pub const MEMBER_PREFIX: &str = "m_";
/// Prefix of member ids at the Onsi door; every door accepts it.
pub const MEMBER_PREFIX_ONSI: &str = "mem_";
/// Prefix of memberbase ids.
pub const BASE_PREFIX: &str = "mb_";
/// Prefix of job ids.
pub const JOB_PREFIX: &str = "job_";
/// Prefix of job ids at the Onsi door; every door accepts it.
pub const JOB_PREFIX_ONSI: &str = "maj_";
/// Prefix of audience ids.
pub const AUDIENCE_PREFIX: &str = "aud_";
/// Prefix of the ids of attribute schemas.
pub const SCHEMA_PREFIX: &str = "as_";

const MEMBER_TAG: u32 = 0x6d65_6d31;
const BASE_TAG: u32 = 0x6261_7331;
const SCHEMA_TAG: u32 = 0x7363_6831;
const JOB_TAG: u32 = 0x6a6f_6231;
const AUDIENCE_TAG: u32 = 0x6175_6431;
const CHARS: usize = 26;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const NOT_A_DIGIT: u8 = 0xff;
const DIGITS: [u8; 256] = digits();

/// Seals and opens ids with the key of a store.
#[derive(Clone)]
pub struct Sealer {
    cipher: Aes128,
}

impl Sealer {
    /// A sealer with the store's key.
    pub fn new(key: IdKey) -> Self {
        Self { cipher: Aes128::new(&key.0.into()) }
    }

    /// The id of a member: `m_…`.
    pub fn member_id(&self, base: BaseNumber, row: Row) -> String {
        self.seal(MEMBER_PREFIX, MEMBER_TAG, base, row)
    }

    /// Appends the id of a member.
    pub fn write_member_id(&self, base: BaseNumber, row: Row, out: &mut Vec<u8>) {
        out.extend_from_slice(MEMBER_PREFIX.as_bytes());
        out.extend_from_slice(&digits_of(self.sealed(MEMBER_TAG, base, row)));
    }

    /// The id of a member as the Onsi door writes it: `mem_…` and the same characters.
    pub fn member_id_onsi(&self, base: BaseNumber, row: Row) -> String {
        self.seal(MEMBER_PREFIX_ONSI, MEMBER_TAG, base, row)
    }

    /// The id of a memberbase: `mb_…`.
    pub fn base_id(&self, base: BaseNumber) -> String {
        self.seal(BASE_PREFIX, BASE_TAG, base, Row(0))
    }

    /// The member with this id. Case makes no difference.
    pub fn open_member(&self, id: &str) -> Result<(BaseNumber, Row), IdError> {
        let digits = strip_prefix(id, MEMBER_PREFIX)
            .or_else(|| strip_prefix(id, MEMBER_PREFIX_ONSI))
            .ok_or(IdError::WrongMemberPrefix)?;
        self.open(digits, MEMBER_TAG)
    }

    /// The row of the member of `base` with this id; `None` if the id belongs to another memberbase or store.
    pub fn open_member_of(&self, base: BaseNumber, id: &str) -> Result<Option<Row>, IdError> {
        match self.open_member(id) {
            Ok((number, row)) => Ok((number == base).then_some(row)),
            Err(IdError::Unknown) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The memberbase with this id. Case makes no difference.
    pub fn open_base(&self, id: &str) -> Result<BaseNumber, IdError> {
        let digits = strip_prefix(id, BASE_PREFIX).ok_or(IdError::WrongPrefix { expected: BASE_PREFIX })?;
        match self.open(digits, BASE_TAG)? {
            (base, Row(0)) => Ok(base),
            _ => Err(IdError::Unknown),
        }
    }

    /// The id of the attribute schema of a memberbase: `as_…`. No call accepts it.
    pub fn schema_id(&self, base: BaseNumber) -> String {
        self.seal(SCHEMA_PREFIX, SCHEMA_TAG, base, Row(0))
    }

    /// The id of a job: `job_…`.
    pub fn job_id(&self, base: BaseNumber, job: JobNumber) -> String {
        self.seal(JOB_PREFIX, JOB_TAG, base, Row(job.0))
    }

    /// The id of a job as the Onsi door writes it: `maj_…` and the same characters.
    pub fn job_id_onsi(&self, base: BaseNumber, job: JobNumber) -> String {
        self.seal(JOB_PREFIX_ONSI, JOB_TAG, base, Row(job.0))
    }

    /// The job with this id. Case makes no difference.
    pub fn open_job(&self, id: &str) -> Result<(BaseNumber, JobNumber), IdError> {
        let digits = strip_prefix(id, JOB_PREFIX)
            .or_else(|| strip_prefix(id, JOB_PREFIX_ONSI))
            .ok_or(IdError::WrongJobPrefix)?;
        self.open(digits, JOB_TAG).map(|(base, number)| (base, JobNumber(number.0)))
    }

    /// The id of an audience: `aud_…`.
    pub fn audience_id(&self, base: BaseNumber, audience: AudienceNumber) -> String {
        self.seal(AUDIENCE_PREFIX, AUDIENCE_TAG, base, Row(audience.0.into()))
    }

    /// The audience with this id. Case makes no difference.
    pub fn open_audience(&self, id: &str) -> Result<(BaseNumber, AudienceNumber), IdError> {
        let digits =
            strip_prefix(id, AUDIENCE_PREFIX).ok_or(IdError::WrongPrefix { expected: AUDIENCE_PREFIX })?;
        let (base, Row(number)) = self.open(digits, AUDIENCE_TAG)?;
        Ok((base, AudienceNumber(u32::try_from(number).map_err(|_| IdError::Unknown)?)))
    }

    /// The number of the audience of `base` with this id. Case makes no difference. `None` if the id belongs
    /// to another memberbase or store.
    pub fn open_audience_of(&self, base: BaseNumber, id: &str) -> Result<Option<AudienceNumber>, IdError> {
        match self.open_audience(id) {
            Ok((of, number)) => Ok((of == base).then_some(number)),
            Err(IdError::Unknown) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn seal(&self, prefix: &str, tag: u32, base: BaseNumber, row: Row) -> String {
        encode(prefix, self.sealed(tag, base, row))
    }

    fn sealed(&self, tag: u32, base: BaseNumber, row: Row) -> u128 {
        let plain = u128::from(tag) << 96 | u128::from(base.0) << 64 | u128::from(row.0);
        let mut block = plain.to_be_bytes().into();
        self.cipher.encrypt_block(&mut block);
        u128::from_be_bytes(block.into())
    }

    fn open(&self, digits: &[u8], tag: u32) -> Result<(BaseNumber, Row), IdError> {
        let mut block = decode(digits)?.to_be_bytes().into();
        self.cipher.decrypt_block(&mut block);
        let [t0, t1, t2, t3, b0, b1, b2, b3, row @ ..]: [u8; 16] = block.into();
        if u32::from_be_bytes([t0, t1, t2, t3]) != tag {
            return Err(IdError::Unknown);
        }
        Ok((BaseNumber(u32::from_be_bytes([b0, b1, b2, b3])), Row(u64::from_be_bytes(row))))
    }
}

/// A random number as an id: the prefix of its kind and 26 characters.
pub fn write_random(prefix: &str, number: u128) -> String {
    encode(prefix, number)
}

/// The random number of an id. Case makes no difference. Only the store knows whether it ever issued the id.
pub fn read_random(prefix: &'static str, id: &str) -> Result<u128, IdError> {
    decode(strip_prefix(id, prefix).ok_or(IdError::WrongPrefix { expected: prefix })?)
}

fn strip_prefix<'a>(id: &'a str, prefix: &str) -> Option<&'a [u8]> {
    let (head, digits) = id.as_bytes().split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix.as_bytes()).then_some(digits)
}

fn encode(prefix: &str, number: u128) -> String {
    let mut id = String::with_capacity(prefix.len() + CHARS);
    id.push_str(prefix);
    id.extend(digits_of(number).map(char::from));
    id
}

/// The number as 26 digits of 5 bits. The first digit holds the highest 3 of the 128 bits.
fn digits_of(mut number: u128) -> [u8; CHARS] {
    let mut digits = [b'0'; CHARS];
    for digit in digits.iter_mut().rev() {
        let value = usize::from(number.to_le_bytes()[0] & 31);
        *digit = *ALPHABET.get(value).unwrap_or(&b'0');
        number >>= 5;
    }
    digits
}

fn decode(digits: &[u8]) -> Result<u128, IdError> {
    if digits.len() != CHARS {
        return Err(IdError::WrongLength);
    }
    let mut number = 0_u128;
    let mut seen = 0_u8;
    for &byte in digits {
        let digit = *DIGITS.get(usize::from(byte)).unwrap_or(&NOT_A_DIGIT);
        seen |= digit;
        number = number << 5 | u128::from(digit & 31);
    }
    // With a first digit above 7 the number would not fit into 128 bits, so such a text is not an id.
    let first_fits = digits.first().is_some_and(|byte| (b'0'..=b'7').contains(byte));
    if seen > 31 || !first_fits { Err(IdError::BadCharacter) } else { Ok(number) }
}

#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "evaluated at compile time")]
const fn digits() -> [u8; 256] {
    let mut table = [NOT_A_DIGIT; 256];
    let mut digit = 0;
    while digit < ALPHABET.len() {
        table[ALPHABET[digit] as usize] = digit as u8;
        table[ALPHABET[digit].to_ascii_uppercase() as usize] = digit as u8;
        digit += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealer() -> Sealer {
        Sealer::new(IdKey(*b"0123456789abcdef"))
    }

    /// Another program computed the ids: AES-128-ECB of the block in hexadecimal, then Crockford base32.
    #[test]
    fn ids_never_change() {
        let sealer = sealer();
        for (base, row, id) in [
            (0, 0, "08p56bc2nqx5rg11vgs3cwh7xp"),
            (1, 2, "4ev85xgydy92xynbbqf0rbtnw0"),
            (u32::MAX, u64::MAX, "599csfbpv0b1a558pemjyz0h8y"),
        ] {
            assert_eq!(sealer.member_id(BaseNumber(base), Row(row)), format!("m_{id}"));
            assert_eq!(sealer.member_id_onsi(BaseNumber(base), Row(row)), format!("mem_{id}"));
            let mut written = b"before ".to_vec();
            sealer.write_member_id(BaseNumber(base), Row(row), &mut written);
            assert_eq!(written, format!("before m_{id}").into_bytes());
        }
        assert_eq!(sealer.base_id(BaseNumber(7)), "mb_3e46agqq9kmgfm9sk4dkk8skvz");
        let (base, row, job) = (BaseNumber(1), Row(2), JobNumber(2));
        assert_eq!(sealer.job_id(base, job), "job_57t9dc13sgfbr9rneq28begbbs");
        assert_eq!(sealer.job_id_onsi(base, job), "maj_57t9dc13sgfbr9rneq28begbbs");
        assert_eq!(sealer.audience_id(base, AudienceNumber(2)), "aud_607v8y21mswgtrmywapeadh73z");
        let shown = [
            sealer.member_id(base, row),
            sealer.member_id_onsi(base, row),
            sealer.base_id(BaseNumber(7)),
            sealer.job_id(base, job),
            sealer.job_id_onsi(base, job),
            sealer.audience_id(base, AudienceNumber(2)),
        ];
        shown.iter().for_each(|id| crate::stored::documented::assert_text_documented(id));
    }

    #[test]
    fn malformed_ids_are_distinguished_from_unknown_ones() {
        let sealer = sealer();
        let good = sealer.member_id(BaseNumber(1), Row(2));
        let digits = good.strip_prefix("m_").unwrap();
        let prefix = IdError::WrongMemberPrefix;
        assert_eq!(prefix.to_string(), "must begin with `m_` or `mem_`");
        for (id, error) in [
            (String::new(), prefix),
            ("m".to_owned(), prefix),
            ("é_".to_owned(), prefix),
            (digits.to_owned(), prefix),
            (format!("mb_{digits}"), prefix),
            ("m_".to_owned(), IdError::WrongLength),
            (format!("m_{digits}0"), IdError::WrongLength),
            (good[..27].to_owned(), IdError::WrongLength),
            (format!("m_8{}", &digits[1..]), IdError::BadCharacter),
            (format!("m_z{}", &digits[1..]), IdError::BadCharacter),
            (format!("m_0{}i", &digits[2..]), IdError::BadCharacter),
            (format!("m_0{}L", &digits[2..]), IdError::BadCharacter),
            (format!("m_0{}o", &digits[2..]), IdError::BadCharacter),
            (format!("m_0{}u", &digits[2..]), IdError::BadCharacter),
            (format!("m_0{}-", &digits[2..]), IdError::BadCharacter),
            (format!("m_{}é", &digits[2..]), IdError::BadCharacter),
            ("m_00000000000000000000000000".to_owned(), IdError::Unknown),
        ] {
            assert_eq!(sealer.open_member(&id), Err(error), "{id}");
        }
        let base = sealer.base_id(BaseNumber(1));
        assert_eq!(sealer.open_member(&base), Err(prefix));
        assert_eq!(sealer.open_base(&good), Err(IdError::WrongPrefix { expected: "mb_" }));
    }

    #[test]
    fn the_kind_of_an_id_is_sealed_with_it() {
        let sealer = sealer();
        let member = sealer.member_id(BaseNumber(1), Row(0)).replace("m_", "mb_");
        let base = sealer.base_id(BaseNumber(1)).replace("mb_", "m_");
        assert_eq!(sealer.open_base(&member), Err(IdError::Unknown));
        assert_eq!(sealer.open_member(&base), Err(IdError::Unknown));
    }

    #[test]
    fn another_store_knows_none_of_the_ids() {
        let other = Sealer::new(IdKey([0; 16]));
        assert_eq!(other.open_member(&sealer().member_id(BaseNumber(1), Row(2))), Err(IdError::Unknown));
        assert_eq!(other.open_base(&sealer().base_id(BaseNumber(1))), Err(IdError::Unknown));
    }

    proptest! {
        #[test]
        fn an_id_opens_to_what_was_sealed(base: u32, row: u64) {
            let sealer = sealer();
            let (base, row) = (BaseNumber(base), Row(row));
            let id = sealer.member_id(base, row);
            prop_assert_eq!(id.len(), 28);
            prop_assert_eq!(sealer.open_member(&id), Ok((base, row)));
            prop_assert_eq!(sealer.open_member(&id.to_uppercase()), Ok((base, row)));
            prop_assert_eq!(sealer.open_member(&sealer.member_id_onsi(base, row)), Ok((base, row)));
            prop_assert_eq!(sealer.open_base(&sealer.base_id(base)), Ok(base));
            let job = JobNumber(row.0);
            prop_assert_eq!(sealer.open_job(&sealer.job_id(base, job)), Ok((base, job)));
            prop_assert_eq!(sealer.open_job(&sealer.job_id_onsi(base, job).to_uppercase()), Ok((base, job)));
            prop_assert!(sealer.open_job(&id.replace("m_", "job_")).is_err());
            let audience = AudienceNumber(base.0);
            let sealed = sealer.audience_id(base, audience);
            prop_assert_eq!(sealer.open_audience_of(base, &sealed.to_uppercase()), Ok(Some(audience)));
            prop_assert_eq!(sealer.open_audience_of(BaseNumber(!base.0), &sealed), Ok(None));
            prop_assert_eq!(sealer.open_audience_of(base, &id.replace("m_", "aud_")), Ok(None));
        }

        #[test]
        fn a_mistyped_id_is_not_another_one(row: u64, place in 2..28_usize, digit in 0..32_usize) {
            let sealer = sealer();
            let id = sealer.member_id(BaseNumber(3), Row(row));
            let mut typed = id.clone().into_bytes();
            typed[place] = ALPHABET[digit];
            let typed = String::from_utf8(typed).unwrap();
            prop_assume!(typed != id);
            prop_assert!(sealer.open_member(&typed).is_err());
        }

        #[test]
        fn any_text_may_be_opened(text in ".{0,40}") {
            prop_assert!(sealer().open_member(&text).is_err());
            prop_assert!(sealer().open_base(&text).is_err());
        }
    }
}
