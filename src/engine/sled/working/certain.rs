//! Certainty that a key is absent, see the [working copy](super::copy).

use std::sync::{PoisonError, RwLock};

/// Looks up a key, and once more while nothing is written if it was not found.
pub(super) fn certain<T, E>(
    writing: &RwLock<()>,
    look: impl Fn() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    if let Some(found) = look()? {
        return Ok(Some(found));
    }
    let still = writing.read().unwrap_or_else(PoisonError::into_inner);
    let found = look()?;
    drop(still);
    if found.is_some() {
        tracing::warn!("the working copy did not find a key at first; it was found on the second look");
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::trouble::Trouble;
    use super::*;

    #[test]
    fn a_key_that_is_missed_once_is_found_while_nothing_is_written() {
        let writing = RwLock::new(());
        let looks = Cell::new(0);
        // The second look comes while no write can begin.
        let look = || {
            looks.set(looks.get() + 1);
            assert_eq!(writing.try_write().is_err(), looks.get() == 2);
            Ok::<_, Trouble>((looks.get() == 2).then_some("value"))
        };
        assert_eq!(certain(&writing, look).unwrap(), Some("value"));
        assert_eq!(looks.get(), 2);
    }

    #[test]
    fn a_key_that_is_found_at_once_waits_for_no_write() {
        let writing = RwLock::new(());
        let _write = writing.write().unwrap();
        assert_eq!(certain(&writing, || Ok::<_, Trouble>(Some(1))).unwrap(), Some(1));
    }

    #[test]
    fn an_absent_key_stays_absent_and_failures_are_passed_on() {
        let writing = RwLock::new(());
        assert_eq!(certain(&writing, || Ok::<_, Trouble>(None::<u8>)).unwrap(), None);
        let fails = || Err::<Option<u8>, _>(Trouble::Content("why".to_owned()));
        assert!(matches!(certain(&writing, fails), Err(Trouble::Content(_))));
        assert!(writing.try_write().is_ok(), "the lock is free again");
    }
}
