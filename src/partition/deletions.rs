use std::collections::BTreeMap;

use tokio::sync::oneshot;

use super::PartitionError;
use super::partition::Place;
use crate::types::Offset;

type Starts = Vec<Result<Offset, PartitionError>>;

/// The deletions of records that are not done: each request is answered once, when the last of its starts has moved on a
/// majority of the replicas.
#[derive(Default)]
pub(super) struct Deletions {
    pending: BTreeMap<u64, Pending>,
    next: u64,
}

struct Pending {
    starts: Vec<Option<Result<Offset, PartitionError>>>,
    missing: usize,
    reply: oneshot::Sender<Starts>,
}

impl Deletions {
    /// A new request with `slots` starts to come; one without is answered at once.
    pub(super) fn begin(&mut self, slots: usize, reply: oneshot::Sender<Starts>) -> Option<u64> {
        if slots == 0 {
            // Whoever asked may have gone.
            drop(reply.send(Vec::new()));
            return None;
        }
        let request = self.next;
        self.next += 1;
        self.pending.insert(request, Pending { starts: vec![None; slots], missing: slots, reply });
        Some(request)
    }

    pub(super) fn answer(&mut self, place: Place, start: Result<Offset, PartitionError>) {
        let pending = self.pending.get_mut(&place.request).expect("a request stays until its last answer");
        let slot = &mut pending.starts[place.slot];
        assert!(slot.is_none(), "a deletion is answered once");
        *slot = Some(start);
        pending.missing -= 1;
        if pending.missing == 0 {
            let Pending { starts, reply, .. } =
                self.pending.remove(&place.request).expect("it was just there");
            drop(reply.send(starts.into_iter().map(|start| start.expect("none is missing")).collect()));
        }
    }
}
