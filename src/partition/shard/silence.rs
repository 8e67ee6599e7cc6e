//! What a shard does not say before it knows who is silent.
use std::time::Duration;

use tokio::sync::mpsc;

use super::super::replication::PeerStep;
use super::{Shard, TURN_REQUESTS_MAX};
use crate::probe::{Mutant, mutant};

/// How soon it is looked again whether the silence of other nodes has been looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

impl Shard {
    /// Before requests are taken: a process that has stood still finds requests that waited for it, and others may lead by now what
    /// it led. Its leaders resign first, once the hub has looked whom it has not heard for too long.
    pub(super) async fn hear_of_silence(&mut self, peer_steps: &mut mpsc::Receiver<PeerStep>) {
        if mutant(Mutant::ReplicaWakesUnaware) {
            return;
        }
        while self.post_office.post.is_overdue(self.io.clock.now()) {
            let clock = self.io.clock.clone();
            tokio::select! {
                biased;
                Some(step) = peer_steps.recv() => self.peer_step(step),
                () = clock.sleep(LOOK_AGAIN) => {}
            }
        }
        // What the hub has told is before what it vouches for.
        for _ in 0..TURN_REQUESTS_MAX {
            let Ok(step) = peer_steps.try_recv() else { break };
            self.peer_step(step);
        }
    }
}
