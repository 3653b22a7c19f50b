//! Large replies, at every door: their memory is counted from when they are made until their peer has
//! received them.
//!
//! - Small replies ([`SMALL_REPLY_BYTES`]) are not counted; only their size is checked.
//! - A page keeps the room in which it was made ([`keep`]). A call that changes something and may have a
//!   large reply reserves room for the reply before it begins ([`reserve`]), and waits for the room until its
//!   deadline. If the request itself is counted, the waiting calls are bounded by that; otherwise a call is
//!   refused once too much of its caller waits, while nothing has been changed.
//! - A reply that is larger than its room is counted when it is made. If the call changed nothing and the
//!   reply is not a page, it waits for its turn, and is refused if too many replies of the caller wait
//!   already. A call that changed something always gets its reply, whether or not there is room.
//!
//! The state of a call is kept in its task, because the generated code passes on nothing but messages.

use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::directory::{Error, PageRoom, REPLY_GROWTH, Received, Replies, SMALL_REPLY_BYTES};
use crate::model::token::AccessLevel;

tokio::task_local! {
    static CALL: Untaken;
}

/// The reply of the current call.
#[derive(Default)]
struct Untaken {
    /// The memory for it; none once the call has ended.
    replies: Option<Replies>,
    /// Its size as it is sent, in bytes, if it is large.
    bytes: Cell<usize>,
    /// The memory that was taken for it.
    permits: RefCell<Vec<Received>>,
    /// How much memory that is, in bytes.
    taken: Cell<usize>,
    /// Whether it is a page, which ends where no more room is left for it.
    is_page: Cell<bool>,
}

impl Untaken {
    fn take(&self, permits: Vec<Received>) {
        let bytes: usize = permits.iter().map(Received::bytes).sum();
        self.taken.set(self.taken.get().saturating_add(bytes));
        self.permits.borrow_mut().extend(permits);
    }
}

/// Keeps the room in which a page was made until the peer has received the page.
pub fn keep(room: PageRoom) {
    // Tests use a directory outside of any call.
    let _ = CALL.try_with(|call| {
        call.is_page.set(true);
        call.take(room.into_permits());
    });
}

/// Takes room, in turn, for a reply of up to `bytes` bytes in memory. A call whose request is not counted is
/// refused if too much of its caller waits already.
pub async fn reserve(bytes: usize, is_counted: bool) -> Result<(), Error> {
    if bytes <= SMALL_REPLY_BYTES {
        return Ok(());
    }
    let Ok(Some(replies)) = CALL.try_with(|call| call.replies.clone()) else { return Ok(()) };
    let permit = if is_counted { replies.wait(bytes).await? } else { replies.turn(bytes).await? };
    let _ = CALL.try_with(|call| call.take(vec![permit]));
    Ok(())
}

/// Notes the size of a reply, in bytes.
pub fn note(bytes: usize) {
    if bytes > SMALL_REPLY_BYTES {
        let _ = CALL.try_with(|call| call.bytes.set(bytes));
    }
}

/// Runs a call that needs this level of access. Returns its result, and the memory of its reply if that was
/// [`note`]d to be large.
pub async fn count<F: Future>(
    replies: Replies,
    needs: AccessLevel,
    call: Pin<&mut F>,
) -> (F::Output, Result<Option<Taken>, Error>) {
    let untaken = Untaken { replies: Some(replies), ..Untaken::default() };
    let mut call = pin!(CALL.scope(untaken, call));
    let output = call.as_mut().await;
    let taken = match call.take_value() {
        Some(untaken) if untaken.bytes.get() > 0 => untaken.finish(needs).await.map(Some),
        Some(_) | None => Ok(None),
    };
    (output, taken)
}

impl Untaken {
    async fn finish(self, needs: AccessLevel) -> Result<Taken, Error> {
        let Self { replies, bytes, permits, taken, is_page } = self;
        let (mut permits, taken) = (permits.into_inner(), taken.get());
        let more = bytes.get().saturating_mul(REPLY_GROWTH).saturating_sub(taken);
        if let Some(replies) = replies.filter(|_| more > 0) {
            // A call that holds memory does not wait for more.
            let may_wait = needs == AccessLevel::Read && taken == 0 && !is_page.get();
            permits.push(if may_wait { replies.turn(more).await? } else { replies.count(more) });
        }
        Ok(Taken { _permits: permits })
    }
}

/// The memory of a reply, until this is dropped.
#[derive(Debug)]
pub struct Taken {
    _permits: Vec<Received>,
}

/// The body of a reply, with its memory.
pub struct Counted<B> {
    body: B,
    _taken: Taken,
}

impl<B> Counted<B> {
    /// A body with its memory.
    pub fn new(body: B, taken: Taken) -> Self {
        Self { body, _taken: taken }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::directory::Party;

    const MIB: usize = 1024 * 1024;

    /// Makes a call whose reply has this many bytes.
    async fn call(replies: &Replies, needs: AccessLevel, bytes: usize) -> Result<Option<Taken>, Error> {
        count(replies.clone(), needs, pin!(async { note(bytes) })).await.1
    }

    #[tokio::test]
    async fn a_large_reply_holds_its_room_until_it_is_gone_and_too_many_are_refused() {
        // Six megabytes for one party: one reply of one and a half megabytes, and as much that waits.
        let replies = Replies::new(16 * MIB, Party::Nobody);
        let reply = 3 * MIB / 2;
        let first = call(&replies, AccessLevel::Read, reply).await.unwrap();
        assert!(first.is_some());
        let mut second = Box::pin(call(&replies, AccessLevel::Read, reply));
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(call(&replies, AccessLevel::Read, reply).await.err(), Some(Error::Overloaded));
        assert!(call(&replies, AccessLevel::Read, SMALL_REPLY_BYTES).await.unwrap().is_none());
        let changed = call(&replies, AccessLevel::Write, reply).await.unwrap();
        assert!(changed.is_some(), "what was changed is answered");
        drop(first);
        assert!(second.as_mut().now_or_never().is_none(), "and counted");
        drop(changed);
        assert!(second.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn room_is_taken_before_a_call_begins_and_given_back_when_its_reply_is_small() {
        let replies = Replies::new(16 * MIB, Party::Nobody);
        let (reserved, taken) =
            count(replies.clone(), AccessLevel::Write, pin!(reserve(4 * MIB, false))).await;
        assert!(reserved.is_ok() && taken.unwrap().is_none());
        let call = pin!(async {
            reserve(4 * MIB, false).await.unwrap();
            note(2 * MIB);
        });
        let ((), large) = count(replies.clone(), AccessLevel::Write, call).await;
        let large = large.unwrap();
        assert!(large.is_some());
        let waiting = |bytes, is_counted| {
            let replies = replies.clone();
            Box::pin(
                async move { count(replies, AccessLevel::Write, pin!(reserve(bytes, is_counted))).await },
            )
        };
        let mut waits = waiting(3 * MIB, false);
        assert!(waits.as_mut().now_or_never().is_none());
        let (refused, taken) = waiting(4 * MIB, false).await;
        assert!(refused == Err(Error::Overloaded) && taken.unwrap().is_none());
        let mut counted: Vec<_> = (0..9).map(|_| waiting(4 * MIB, true)).collect();
        assert!(counted.iter_mut().all(|call| call.as_mut().now_or_never().is_none()), "they wait");
        drop(large);
        assert!(waits.await.0.is_ok());
        for call in counted {
            assert!(call.await.0.is_ok());
        }
    }
}
