//! I16: once all is healed every client gets on: of what it begins after the last `heal`, something is done (seen broken in
//! Bufstream and NATS). Whoever has said `close` before that need not; of a group's members one is enough, as another one may
//! have been given all partitions. Where a `heal` names clients it is those alone, and what they had begun before counts, too.
use std::collections::{BTreeMap, BTreeSet};

use super::form::{self, Wrong};
use crate::history::{Completion, Operation};
use crate::time::SimTime;

/// Who did something, and what came of it.
#[derive(Default)]
pub(super) struct Progress {
    healed: Option<SimTime>,
    /// Who must get on, if the last `heal` says so.
    named: Option<BTreeSet<String>>,
    clients: BTreeMap<String, Client>,
}

#[derive(Clone, Copy, Default)]
struct Client {
    /// When it began what was done last.
    done: Option<SimTime>,
    closed: Option<SimTime>,
    /// When something was done last.
    ended: Option<SimTime>,
}

impl Progress {
    /// Something begins or ends.
    ///
    /// # Errors
    /// For a value that has not the form of its function.
    pub(super) fn take(&mut self, operation: &Operation, is_end: bool) -> Result<(), Wrong> {
        match operation.function.as_ref() {
            "heal" if !is_end => {
                self.healed = self.healed.max(Some(operation.began));
                self.named = form::clients(&operation.value)?;
            }
            "close" => self.client(operation).closed = Some(operation.began),
            "send" | "poll" => {
                let client = self.client(operation);
                let is_done = is_end && brought_something(operation);
                client.done = client.done.max(is_done.then_some(operation.began));
                let ended = operation.ended.as_ref().map(|(time, ..)| *time).filter(|_| is_done);
                client.ended = client.ended.max(ended);
            }
            _ => {}
        }
        Ok(())
    }

    fn client(&mut self, operation: &Operation) -> &mut Client {
        self.clients.entry(operation.client.clone()).or_default()
    }

    /// Who is stuck, if somebody is, and how many clients were looked at: none if nothing was ever healed.
    pub(super) fn stuck(&self, members: &BTreeSet<String>) -> (Result<(), String>, usize) {
        let Some(healed) = self.healed else { return (Ok(()), 0) };
        if let Some(named) = &self.named {
            let got_on = |name: &String| {
                self.clients.get(name).is_some_and(|client| client.ended.is_some_and(|ended| ended >= healed))
            };
            let stuck: Vec<&str> = named.iter().filter(|name| !got_on(name)).map(String::as_str).collect();
            return (nobody(healed, &stuck), named.len());
        }
        let stays = |client: &Client| client.closed.is_none_or(|closed| closed >= healed);
        let got_on = |client: &Client| client.done.is_some_and(|done| done >= healed);
        let clients: Vec<_> = self.clients.iter().filter(|(_, client)| stays(client)).collect();
        let (group, others): (Vec<_>, Vec<_>) = clients.iter().partition(|(name, _)| members.contains(*name));
        let mut stuck: Vec<&str> =
            others.iter().filter(|(_, client)| !got_on(client)).map(|(name, _)| name.as_str()).collect();
        if !group.is_empty() && !group.iter().any(|(_, client)| got_on(client)) {
            stuck.extend(group.iter().map(|(name, _)| name.as_str()));
        }
        (nobody(healed, &stuck), clients.len())
    }
}

/// That nobody is stuck.
fn nobody(healed: SimTime, stuck: &[&str]) -> Result<(), String> {
    match stuck {
        [] => Ok(()),
        _ => Err(format!(
            "all was healed at {healed}, and then nothing was done of what {} began",
            stuck.join(", ")
        )),
    }
}

/// A poll that brings nothing is no progress.
fn brought_something(operation: &Operation) -> bool {
    let Some((_, Completion::Ok, value)) = &operation.ended else { return false };
    let has_records = |poll: &serde_json::Value| {
        let brought = poll.get(1).and_then(serde_json::Value::as_object);
        brought.is_some_and(|brought| {
            brought.values().any(|records| records.as_array().is_some_and(|records| !records.is_empty()))
        })
    };
    operation.function == "send" || value.as_array().is_some_and(|polls| polls.iter().any(has_records))
}
