//! What a server makes of the frames of a bundle, without a connection.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use http::Request;
use http_body_util::{BodyExt, StreamBody};
use tonic::body::Body;

use super::super::frame::{self, Cutter, FromActive, REPLY_MAX_BYTES};
use super::super::serving::Calls;
use super::Seen;
use crate::stored::bytes::Writer;

fn written(write: impl FnOnce(&mut Writer)) -> Bytes {
    let mut out = Writer::default();
    write(&mut out);
    out.0.into()
}

/// What a server makes of these pieces of a bundle, at one poll.
fn serve(seen: &Seen, pieces: Vec<Bytes>, is_over: bool) -> Pin<Box<Calls<Seen, Body>>> {
    let pieces = pieces.into_iter().map(|piece| Ok::<_, tonic::Status>(http_body::Frame::data(piece)));
    let pieces = futures_util::stream::iter(pieces);
    let body = if is_over {
        Body::new(StreamBody::new(pieces))
    } else {
        Body::new(StreamBody::new(pieces.chain(futures_util::stream::pending())))
    };
    let stopping = seen.stopping.clone().cancelled_owned();
    Box::pin(Calls::new(Arc::new(seen.clone()), body, stopping))
}

fn a_call(number: u64, what: &str) -> Bytes {
    let head = Request::post("/").header("x-do", what).body(()).unwrap();
    written(|out| assert!(frame::call(out, number, &head, "http://mb/a", b"a")))
}

#[tokio::test]
async fn a_bundle_that_makes_no_sense_ends() {
    let cut = a_call(1, "echo");
    let cut = cut.slice(..cut.len() - 1);
    for (pieces, is_over, fault) in [
        (vec![a_call(2, "wait"), a_call(2, "wait")], false, "do not grow"),
        (vec![a_call(2, "wait"), a_call(1, "wait")], false, "do not grow"),
        (vec![a_call(0, "wait")], false, "do not grow"),
        (vec![cut], true, "ends within a frame"),
        (vec![Bytes::from_static(&[1, 0, 0, 0, 9])], false, "ends too early"),
        (vec![Bytes::from_static(&[2, 0, 0, 0, 9, 1])], false, "unknown kind"),
        (vec![Bytes::from_static(&[0xff; 4])], false, "too long"),
        (vec![Bytes::from_static(&[6, 0, 0, 0, 1, 1, 1, b'\n', 0, 0])], false, "uri"),
    ] {
        let mut served = serve(&Seen::new(), pieces, is_over);
        let ended = served.frame().await.unwrap().unwrap_err();
        assert!(ended.message().contains(fault), "{fault}: {}", ended.message());
    }
}

#[tokio::test]
async fn only_so_many_calls_run_and_a_stop_names_the_last_one() {
    let seen = Seen::new();
    let mut served = serve(&seen, (1..=300).map(|number| a_call(number, "wait")).collect(), false);
    // Those that are not begun within the time of a poll have tasks.
    while seen.counted() != [256, 0, 0] {
        assert!(served.frame().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        assert!(served.frame().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.counted(), [256, 0, 0]);
    seen.stopping.cancel();
    let mut cutter = Cutter::new(REPLY_MAX_BYTES);
    cutter.push(served.frame().await.unwrap().unwrap().into_data().unwrap());
    let stop = frame::from_active(&cutter.next().unwrap().unwrap()).unwrap();
    assert!(matches!(stop, FromActive::Stop { last: 256 }), "{stop:?}");
    seen.released.send_replace(true);
    let mut numbers = Vec::new();
    while let Some(piece) = served.frame().await {
        cutter.push(piece.unwrap().into_data().unwrap());
        while let Some(frame) = cutter.next().unwrap() {
            let FromActive::Reply { number, .. } = frame::from_active(&frame).unwrap() else { panic!() };
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=256).collect::<Vec<_>>());
    assert_eq!(seen.counted(), [256, 0, 0], "no other one was begun");
}

#[tokio::test]
async fn the_end_of_the_calls_ends_the_bundle_after_their_replies() {
    let seen = Seen::new();
    let both = [a_call(1, "wait"), a_call(7, "echo")].concat().into();
    let mut served = serve(&seen, vec![both], true);
    let mut cutter = Cutter::new(REPLY_MAX_BYTES);
    for expected in [7, 1] {
        cutter.push(served.frame().await.unwrap().unwrap().into_data().unwrap());
        let FromActive::Reply { number, reply } =
            frame::from_active(&cutter.next().unwrap().unwrap()).unwrap()
        else {
            panic!()
        };
        assert_eq!((number, reply.status, &reply.body[..]), (expected, 200, &b"a"[..]));
        assert_eq!(reply.trailers["x-address"], "http://mb/a");
        seen.released.send_replace(true);
    }
    assert!(served.frame().await.is_none());
}
