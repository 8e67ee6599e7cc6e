use std::time::{Duration, Instant};

use tokio::sync::mpsc;

/// Tells when something is due, at a fixed rate, from a thread of its own: an async timer is too coarse, and a
/// slow answer must not delay what comes next.
///
/// The receiver gets the instants at which things were due; it ends after `count` of them, or when the receiver
/// is dropped. What is not taken in time waits, in order: it is late then, and that is to be measured.
pub fn start(rate: f64, count: u64) -> mpsc::UnboundedReceiver<Instant> {
    // Bounded by `count`: an open loop has to take in what is due, however late it gets.
    let (due, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        // SAFETY: the call takes plain numbers and concerns this thread alone.
        unsafe {
            libc::prctl(libc::PR_SET_TIMERSLACK, 1);
        }
        let began = Instant::now();
        for number in 0..count {
            let at = began + Duration::from_secs_f64(number as f64 / rate);
            let now = Instant::now();
            if at > now {
                std::thread::sleep(at - now);
            }
            if due.send(at).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dues_come_in_order_at_the_rate() {
        let mut dues = start(10_000.0, 20);
        let mut all = Vec::new();
        while let Some(due) = dues.recv().await {
            assert!(Instant::now() >= due, "nothing comes early");
            all.push(due);
        }
        assert_eq!(all.len(), 20);
        let span = all[19].duration_since(all[0]);
        assert!(span.abs_diff(Duration::from_micros(1900)) < Duration::from_micros(5), "{span:?}");
    }
}
