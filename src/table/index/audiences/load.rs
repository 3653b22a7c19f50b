//! Loads the audiences of a base that opens.

use std::sync::Arc;

use crate::engine::Engine;
use crate::model::{
    Audience, AudienceFilter, AudienceName, AudienceNumber, AudienceState, BaseNumber, Field, Fold, Hand,
    Sealer,
};
use crate::stored::DecodeError;
use crate::stored::audience::{self, Kind, Numbers, Record};
use crate::stored::index::{IndexState, decode_chunk};
use crate::table::TableError;
use crate::table::index::audiences::build::Build;
use crate::table::index::audiences::definitions::Definitions;
use crate::table::index::audiences::hands::Hands;
use crate::table::index::audiences::members::Members;
use crate::table::index::scan::for_each;

/// Loads the audiences, what is kept by hand, who is in the audiences, and what is built of new filters
/// according to `stored`.
pub async fn load(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    sealer: &Sealer,
    fold: Fold,
    stored: &IndexState,
) -> Result<(Definitions, Members, Build), TableError> {
    let mut numbers = Numbers::default();
    let mut records = Vec::new();
    for_each(engine, audience::audiences(base), |key, value| {
        match audience::number_in(&key) {
            Some(number) => records.push((number, Record::decode(&value)?)),
            None => numbers = Numbers::decode(&value)?,
        }
        Ok(())
    })
    .await?;
    let is_other_fold = numbers.fold != fold.version();
    let mut audiences = Vec::with_capacity(records.len());
    for (number, record) in records {
        let mut audience = read(number, record, (sealer, base, fold))?;
        if is_other_fold {
            renew(&mut audience);
        }
        audiences.push(audience);
    }
    let (hands, members, mut build) = load_rows(engine, base).await?;
    let mut definitions = Definitions::new(audiences.into_iter().collect(), hands, numbers, fold);
    build.go_on(&mut definitions, stored.built.as_ref(), stored.watermark);
    Ok((definitions, members, build))
}

/// Lets an audience be evaluated anew if its filter asks for e-mail addresses: under another fold, other
/// members may match.
pub fn renew(audience: &mut Audience) {
    let asks_addresses = audience.filter.fields().contains(&Field::Email);
    if asks_addresses && !audience.is_archived() && audience.state == AudienceState::Ready {
        audience.state = AudienceState::Building { row: 0, serving: Box::new(audience.filter.clone()) };
    }
}

/// The audience with this record.
pub fn read(
    number: AudienceNumber,
    record: Record,
    (sealer, base, fold): (&Sealer, BaseNumber, Fold),
) -> Result<Audience, DecodeError> {
    let Record { name, filter, created_at, updated_at, archived_at, revision, serving } = record;
    let parse = |raw| {
        let detail = "its filter cannot be read";
        let damaged = |_| DecodeError::Damaged { value: "audience", detail };
        AudienceFilter::from_stored(raw, sealer, base, fold).map_err(damaged)
    };
    let (filter, serving) = (parse(filter)?, serving.map(parse).transpose()?);
    let state = serving.map_or(AudienceState::Ready, |serving| AudienceState::Building {
        row: 0,
        serving: Box::new(serving),
    });
    let name = AudienceName::from_stored(name);
    Ok(Audience { number, name, filter, created_at, updated_at, archived_at, revision, state })
}

async fn load_rows(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
) -> Result<(Hands, Members, Build), TableError> {
    let (mut hands, mut members, mut build) = (Hands::default(), Members::default(), Build::default());
    for_each(engine, audience::rows_of(base), |key, value| {
        let (audience, kind, chunk) = audience::rows_parts(&key)
            .ok_or_else(|| TableError::Damaged("the key of an audience's rows cannot be read".to_owned()))?;
        let rows = decode_chunk(&value)?;
        match kind {
            Kind::In => members.load(audience, chunk, rows),
            Kind::Picked => hands.load(audience, Hand::Picked, chunk, rows),
            Kind::Removed => hands.load(audience, Hand::Removed, chunk, rows),
            Kind::Next => build.load(audience, chunk, rows),
        }
        Ok(())
    })
    .await?;
    Ok((hands, members, build))
}
