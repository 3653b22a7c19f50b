//! A clock whose speed a test chooses.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::engine::postgres::clock::BootClock;

/// It stands still until [`TestClock::speed`] is called.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<Mutex<State>>);

struct State {
    told: Duration,
    at: Instant,
    speed: u32,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { told: Duration::from_secs(1000), at: Instant::now(), speed: 0 })))
    }

    /// Makes it run so many times as fast as time.
    pub(crate) fn speed(&self, speed: u32) {
        let mut state = self.0.lock().unwrap();
        state.now();
        state.speed = speed;
    }

    /// Goes on by a time at once.
    pub(crate) fn jump(&self, by: Duration) {
        self.0.lock().unwrap().told += by;
    }

    pub(crate) fn clock(&self) -> BootClock {
        let state = Arc::clone(&self.0);
        BootClock::new(move || state.lock().unwrap().now())
    }
}

impl State {
    fn now(&mut self) -> Duration {
        self.told += self.at.elapsed() * self.speed;
        self.at = Instant::now();
        self.told
    }
}
