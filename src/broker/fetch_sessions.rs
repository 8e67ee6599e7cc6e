//! Incremental fetch sessions (KIP-227): what a client fetches is remembered, so that its requests and the
//! responses carry only what changed. Pure: time comes in as an argument.
//!
//! Invariants: at most `slots` sessions, and so many partitions in them; a session belongs to its id and epoch, and a request with another
//! epoch changes nothing.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::types::limits::TOPIC_NAME_BYTES_MAX;
use crate::types::{Instant, LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::wire::Text;

/// Partitions that one session may hold, and all of them together. Names of partitions that are not there count, too:
/// nobody can make the node remember more than this. A request beyond it is served without a session, and so is one
/// that names a topic by a longer name than a topic may have.
const PARTITIONS_PER_SESSION_MAX: usize = 100_000;
const PARTITIONS_MAX: usize = 500_000;

/// A session that was unused for longer gives its slot to any new one; one that is older, though in use, to a
/// larger one (Kafka's `FetchSessionCacheShard.tryEvict`).
const EVICTION_AGE: Duration = Duration::from_secs(120);

/// How a request names a topic: by name up to version 12, by id from 13.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum TopicKey {
    Name(Text),
    Id(TopicId),
}

/// A partition as requests name it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct FetchKey {
    pub(crate) topic: TopicKey,
    pub(crate) index: PartitionIndex,
}

impl FetchKey {
    /// Whether no topic can have this name.
    fn is_too_long(&self) -> bool {
        match &self.topic {
            TopicKey::Name(name) => name.len() > TOPIC_NAME_BYTES_MAX,
            TopicKey::Id(_) => false,
        }
    }
}

/// What a client wants of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FetchWant {
    pub(crate) offset: Offset,
    pub(crate) max_bytes: i32,
    pub(crate) log_start: Offset,
    pub(crate) current_epoch: LeaderEpoch,
    pub(crate) last_fetched_epoch: LeaderEpoch,
}

/// What the client last heard of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) high_watermark: Offset,
    pub(crate) log_start: Offset,
}

/// How a request stands to sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SessionKind {
    /// No session; everything asked is answered.
    Sessionless,
    /// A session that this request began; everything asked is answered, under this id.
    New { id: i32 },
    /// A session that goes on: only what changed is answered.
    Incremental { id: i32 },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("there is no fetch session {0}")]
    NotFound(i32),
    #[error("fetch session {id} is at epoch {expected}, the request at {given}")]
    WrongEpoch { id: i32, expected: i32, given: i32 },
    #[error("fetch session {0} began with topic names and goes on with ids, or the other way round")]
    TopicIdMixed(i32),
}

/// A fetch request's session part.
#[derive(Debug)]
pub(crate) struct SessionRequest {
    pub(crate) id: i32,
    pub(crate) epoch: i32,
    pub(crate) wants: Vec<(FetchKey, FetchWant)>,
    pub(crate) forgotten: Vec<FetchKey>,
    pub(crate) uses_ids: bool,
}

struct Entry {
    want: FetchWant,
    told: Option<Told>,
    order: u64,
    /// What the topic with this id was called when it was first there.
    name: Option<Arc<str>>,
}

struct FetchSession {
    next_epoch: i32,
    uses_ids: bool,
    created: Instant,
    used: Instant,
    entries: BTreeMap<FetchKey, Entry>,
    /// Entries in the order they are served: one that returned data goes to the end.
    order: BTreeMap<u64, FetchKey>,
    next_order: u64,
    /// Entries with ids of topics that were not there yet, or have not been looked for.
    unnamed: BTreeSet<FetchKey>,
}

impl FetchSession {
    fn put(&mut self, key: &FetchKey, want: FetchWant) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.want = want;
            return;
        }
        let key = FetchKey { topic: self.own(&key.topic), index: key.index };
        let order = self.next_order;
        self.next_order += 1;
        self.order.insert(order, key.clone());
        if matches!(key.topic, TopicKey::Id(_)) {
            self.unnamed.insert(key.clone());
        }
        self.entries.insert(key, Entry { want, told: None, order, name: None });
    }

    /// The topic with a name of the session's own, not a part of the frame that it came in, which would stay with it. All
    /// partitions of a topic share one.
    fn own(&self, topic: &TopicKey) -> TopicKey {
        let TopicKey::Name(name) = topic else { return topic.clone() };
        let least = FetchKey { topic: topic.clone(), index: PartitionIndex(i32::MIN) };
        match self.entries.range(least..).next() {
            Some((held, _)) if held.topic == *topic => held.topic.clone(),
            Some(_) | None => TopicKey::Name(Text::from(&**name)),
        }
    }

    fn forget(&mut self, key: &FetchKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.unnamed.remove(key);
            self.order.remove(&entry.order);
        }
    }

    fn move_to_end(&mut self, key: &FetchKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            self.order.remove(&entry.order);
            entry.order = self.next_order;
            self.next_order += 1;
            self.order.insert(entry.order, key.clone());
        }
    }

    fn wants(&self) -> Vec<(FetchKey, FetchWant)> {
        self.order.values().map(|key| (key.clone(), self.entries[key].want)).collect()
    }
}

/// All sessions of a node.
pub(crate) struct FetchSessions {
    sessions: BTreeMap<i32, FetchSession>,
    slots: usize,
    /// Partitions in all sessions.
    partitions: usize,
    partitions_max: usize,
    session_partitions_max: usize,
}

impl FetchSessions {
    /// A cache of `slots` sessions (`max.incremental.fetch.session.cache.slots`).
    pub(crate) fn new(slots: usize) -> FetchSessions {
        FetchSessions {
            sessions: BTreeMap::new(),
            slots,
            partitions: 0,
            partitions_max: PARTITIONS_MAX,
            session_partitions_max: PARTITIONS_PER_SESSION_MAX,
        }
    }

    /// How many sessions are open.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Takes a request in: what is to be fetched, in order, and how to answer. `fresh_id` is a random number
    /// that becomes a new session's id unless it is taken.
    ///
    /// # Errors
    /// For an unknown session or a wrong epoch; the client begins anew.
    pub(crate) fn begin(
        &mut self,
        request: SessionRequest,
        now: Instant,
        fresh_id: i32,
    ) -> Result<(SessionKind, Vec<(FetchKey, FetchWant)>), SessionError> {
        match request.epoch {
            -1 => {
                self.remove(request.id);
                Ok((SessionKind::Sessionless, request.wants))
            }
            0 => {
                self.remove(request.id);
                Ok((self.create(&request, now, fresh_id), request.wants))
            }
            _ => self.go_on(request, now),
        }
    }

    fn create(&mut self, request: &SessionRequest, now: Instant, fresh_id: i32) -> SessionKind {
        if fresh_id <= 0 || self.sessions.contains_key(&fresh_id) {
            return SessionKind::Sessionless;
        }
        let count = request.wants.len();
        if count > self.session_partitions_max || names_too_long(request) {
            return SessionKind::Sessionless;
        }
        // Only a slot is won by size: Kafka does not bound the partitions.
        while self.partitions + count > self.partitions_max {
            if !self.evict_stale(now) {
                return SessionKind::Sessionless;
            }
        }
        while self.sessions.len() >= self.slots {
            if !self.evict_stale(now) && !self.evict_smaller(count) {
                return SessionKind::Sessionless;
            }
        }
        let mut session = FetchSession {
            next_epoch: 1,
            uses_ids: request.uses_ids,
            created: now,
            used: now,
            entries: BTreeMap::new(),
            order: BTreeMap::new(),
            next_order: 0,
            unnamed: BTreeSet::new(),
        };
        for (key, want) in &request.wants {
            session.put(key, *want);
        }
        self.partitions += session.entries.len();
        self.sessions.insert(fresh_id, session);
        SessionKind::New { id: fresh_id }
    }

    /// Frees the slot of the session that was unused longest, if that was long enough.
    fn evict_stale(&mut self, now: Instant) -> bool {
        let oldest =
            self.sessions.iter().min_by_key(|(_, session)| session.used).map(|(id, s)| (*id, s.used));
        match oldest {
            Some((id, used)) if now.since(used) > EVICTION_AGE => self.remove(id),
            Some(_) | None => false,
        }
    }

    /// Frees the slot of the smallest session that is no longer young, if it is smaller than `count` partitions. As in
    /// Kafka its age is what it was when it was used last.
    fn evict_smaller(&mut self, count: usize) -> bool {
        let settled =
            self.sessions.iter().filter(|(_, session)| session.used.since(session.created) > EVICTION_AGE);
        let smallest = settled.map(|(id, session)| (session.entries.len(), *id)).min();
        match smallest {
            Some((entries, id)) if entries < count => self.remove(id),
            Some(_) | None => false,
        }
    }

    /// Whether there was such a session.
    fn remove(&mut self, id: i32) -> bool {
        let removed = self.sessions.remove(&id);
        self.partitions -= removed.as_ref().map_or(0, |session| session.entries.len());
        removed.is_some()
    }

    fn go_on(
        &mut self,
        request: SessionRequest,
        now: Instant,
    ) -> Result<(SessionKind, Vec<(FetchKey, FetchWant)>), SessionError> {
        let id = request.id;
        let session = self.sessions.get_mut(&id).ok_or(SessionError::NotFound(id))?;
        if session.next_epoch != request.epoch {
            return Err(SessionError::WrongEpoch { id, expected: session.next_epoch, given: request.epoch });
        }
        if session.uses_ids != request.uses_ids {
            return Err(SessionError::TopicIdMixed(id));
        }
        // Those it has already are counted twice here, for once: the client begins anew, without a session.
        let count = session.entries.len() + request.wants.len();
        let others = self.partitions - session.entries.len();
        let is_too_much = count > self.session_partitions_max || others + count > self.partitions_max;
        if is_too_much || names_too_long(&request) {
            self.remove(id);
            return Err(SessionError::NotFound(id));
        }
        for (key, want) in &request.wants {
            session.put(key, *want);
        }
        for key in &request.forgotten {
            session.forget(key);
        }
        self.partitions = others + session.entries.len();
        if session.entries.is_empty() {
            // As in Kafka it ends with its last partition, and what this request names is answered without a session.
            self.remove(id);
            return Ok((SessionKind::Sessionless, request.wants));
        }
        session.used = now;
        // Epochs run 1, 2, …, i32::MAX, 1 (KIP-227).
        session.next_epoch = if request.epoch == i32::MAX { 1 } else { request.epoch + 1 };
        Ok((SessionKind::Incremental { id }, session.wants()))
    }

    /// Notes what those topics of a session are called of which that was not known yet. As in Kafka (`CachedPartition`) the
    /// session keeps it, whatever becomes of the topic.
    pub(crate) fn name_topics(&mut self, kind: SessionKind, name_of: impl Fn(TopicId) -> Option<Arc<str>>) {
        let Some(session) = self.of(kind) else { return };
        let FetchSession { unnamed, entries, .. } = session;
        unnamed.retain(|key| {
            let TopicKey::Id(id) = &key.topic else { return false };
            let Some(entry) = entries.get_mut(key) else { return false };
            entry.name = name_of(*id);
            entry.name.is_none()
        });
    }

    /// What the topic of an id is or was called, as far as the session knows.
    pub(crate) fn name_of(&mut self, kind: SessionKind, key: &FetchKey) -> Option<Arc<str>> {
        self.of(kind)?.entries.get(key)?.name.clone()
    }

    fn of(&mut self, kind: SessionKind) -> Option<&mut FetchSession> {
        match kind {
            SessionKind::Sessionless => None,
            SessionKind::New { id } | SessionKind::Incremental { id } => self.sessions.get_mut(&id),
        }
    }

    /// Decides whether a partition's result belongs into the response of this session, and remembers what
    /// the client is told. `has_data` and `is_error` always do.
    pub(crate) fn tell(
        &mut self,
        kind: SessionKind,
        key: &FetchKey,
        told: Told,
        has_data: bool,
        is_error: bool,
    ) -> bool {
        let Some(session) = self.of(kind) else { return true };
        let Some(entry) = session.entries.get_mut(key) else { return true };
        let changed = entry.told != Some(told);
        // An error is told again and again until the client reacts to it.
        entry.told = if is_error { None } else { Some(told) };
        if has_data {
            session.move_to_end(key);
        }
        !matches!(kind, SessionKind::Incremental { .. }) || has_data || is_error || changed
    }
}

fn names_too_long(request: &SessionRequest) -> bool {
    request.wants.iter().any(|(key, _)| key.is_too_long())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(index: i32) -> FetchKey {
        FetchKey { topic: TopicKey::Id(TopicId([7; 16])), index: PartitionIndex(index) }
    }

    fn want(offset: i64) -> FetchWant {
        FetchWant {
            offset: Offset(offset),
            max_bytes: 1,
            log_start: Offset::NONE,
            current_epoch: LeaderEpoch::NONE,
            last_fetched_epoch: LeaderEpoch::NONE,
        }
    }

    fn request(id: i32, epoch: i32, wants: &[(i32, i64)]) -> SessionRequest {
        let wants = wants.iter().map(|&(index, offset)| (key(index), want(offset))).collect();
        SessionRequest { id, epoch, wants, forgotten: Vec::new(), uses_ids: true }
    }

    const NOW: Instant = Instant(0);

    /// When a session that was used last at `NOW` is stale.
    fn stale() -> Instant {
        NOW.after(EVICTION_AGE + Duration::from_millis(1))
    }

    #[test]
    fn a_session_remembers_and_answers_only_what_changed() {
        let mut sessions = FetchSessions::new(2);
        let (kind, wants) = sessions.begin(request(0, 0, &[(0, 5), (1, 6)]), NOW, 99).unwrap();
        assert_eq!((kind, wants.len()), (SessionKind::New { id: 99 }, 2));
        let told = Told { high_watermark: Offset(5), log_start: Offset(0) };
        assert!(sessions.tell(kind, &key(0), told, false, false), "the first answer holds everything");
        let (kind, wants) = sessions.begin(request(99, 1, &[]), NOW, 1).unwrap();
        assert_eq!((kind, wants.len()), (SessionKind::Incremental { id: 99 }, 2));
        assert!(!sessions.tell(kind, &key(0), told, false, false), "nothing new");
        assert!(sessions.tell(kind, &key(0), Told { high_watermark: Offset(6), ..told }, false, false));
        assert!(sessions.tell(kind, &key(0), told, false, true), "errors are always told");
    }

    #[test]
    fn what_returned_data_is_served_last() {
        let mut sessions = FetchSessions::new(2);
        let (kind, _) = sessions.begin(request(0, 0, &[(0, 0), (1, 0)]), NOW, 9).unwrap();
        let told = Told { high_watermark: Offset(5), log_start: Offset(0) };
        sessions.tell(kind, &key(0), told, true, false);
        let (_, wants) = sessions.begin(request(9, 1, &[]), NOW, 1).unwrap();
        assert_eq!(wants.iter().map(|(key, _)| key.index.0).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn wrong_epochs_and_unknown_sessions_are_refused() {
        let mut sessions = FetchSessions::new(2);
        assert_eq!(sessions.begin(request(5, 3, &[]), NOW, 1).unwrap_err(), SessionError::NotFound(5));
        sessions.begin(request(0, 0, &[(0, 0)]), NOW, 9).unwrap();
        let error = sessions.begin(request(9, 2, &[]), NOW, 1).unwrap_err();
        assert_eq!(error, SessionError::WrongEpoch { id: 9, expected: 1, given: 2 });
        let named = SessionRequest { uses_ids: false, ..request(9, 1, &[(0, 0)]) };
        assert_eq!(sessions.begin(named, NOW, 1).unwrap_err(), SessionError::TopicIdMixed(9));
        // Kafka's FetchManager looks at the version alone, whatever the request names.
        let empty = SessionRequest { uses_ids: false, ..request(9, 1, &[]) };
        assert_eq!(sessions.begin(empty, NOW, 1).unwrap_err(), SessionError::TopicIdMixed(9));
        assert!(sessions.begin(request(9, 1, &[]), NOW, 1).is_ok(), "what was refused changed nothing");
    }

    #[test]
    fn slots_are_bounded_and_go_to_the_young_only_after_a_while() {
        let mut sessions = FetchSessions::new(1);
        sessions.begin(request(0, 0, &[(0, 0)]), NOW, 1).unwrap();
        let (kind, wants) = sessions.begin(request(0, 0, &[(0, 0)]), NOW, 2).unwrap();
        assert_eq!((kind, wants.len()), (SessionKind::Sessionless, 1), "full: served without a session");
        let (kind, _) = sessions.begin(request(0, 0, &[(0, 0)]), NOW.after(EVICTION_AGE), 3).unwrap();
        assert_eq!(kind, SessionKind::Sessionless, "not longer than that");
        let (kind, _) = sessions.begin(request(0, 0, &[(0, 0)]), stale(), 3).unwrap();
        assert_eq!(kind, SessionKind::New { id: 3 });
        assert_eq!(sessions.len(), 1);
    }

    #[test]
    fn partitions_are_bounded_for_each_session_and_for_all() {
        let mut sessions = FetchSessions::new(9);
        (sessions.session_partitions_max, sessions.partitions_max) = (4, 6);
        let wants = |indexes: std::ops::Range<i32>| indexes.map(|index| (index, 0)).collect::<Vec<_>>();
        let (kind, served) = sessions.begin(request(0, 0, &wants(0..5)), NOW, 1).unwrap();
        assert_eq!((kind, served.len()), (SessionKind::Sessionless, 5), "served all the same");
        sessions.begin(request(0, 0, &wants(0..3)), NOW, 1).unwrap();
        sessions.begin(request(0, 0, &wants(0..3)), NOW, 2).unwrap();
        let (kind, _) = sessions.begin(request(0, 0, &wants(0..1)), NOW, 3).unwrap();
        assert_eq!(kind, SessionKind::Sessionless, "all together are full");
        // One that would grow beyond the bound ends, and what it held is free.
        let error = sessions.begin(request(1, 1, &wants(3..5)), NOW, 9).unwrap_err();
        assert_eq!(error, SessionError::NotFound(1));
        let (kind, _) = sessions.begin(request(0, 0, &wants(0..3)), NOW, 3).unwrap();
        assert_eq!(kind, SessionKind::New { id: 3 });
        // What is forgotten is free, too.
        let forgetful = SessionRequest { forgotten: vec![key(0), key(1)], ..request(3, 1, &[]) };
        sessions.begin(forgetful, NOW, 9).unwrap();
        let (kind, _) = sessions.begin(request(0, 0, &wants(0..2)), NOW, 4).unwrap();
        assert_eq!(kind, SessionKind::New { id: 4 });
        // The young gets room from those that were not used for long.
        let (kind, _) = sessions.begin(request(0, 0, &wants(0..4)), stale(), 5).unwrap();
        assert_eq!((kind, sessions.len()), (SessionKind::New { id: 5 }, 2));
    }

    fn named(id: i32, epoch: i32, wants: &[(&Text, i32)]) -> SessionRequest {
        let key = |&(name, index): &(&Text, i32)| FetchKey {
            topic: TopicKey::Name(name.clone()),
            index: PartitionIndex(index),
        };
        let wants = wants.iter().map(|one| (key(one), want(0))).collect();
        SessionRequest { id, epoch, wants, forgotten: Vec::new(), uses_ids: false }
    }

    #[test]
    fn the_partitions_of_a_topic_share_one_name_that_is_not_the_frames() {
        let mut sessions = FetchSessions::new(2);
        let (orders, other) = (Text::from("orders"), Text::from("other"));
        sessions.begin(named(0, 0, &[(&orders, 5), (&other, 0), (&orders, 3)]), NOW, 9).unwrap();
        // Another frame names more of the same topic.
        let again = Text::from("orders");
        let (_, wants) = sessions.begin(named(9, 1, &[(&again, 4), (&again, -7)]), NOW, 1).unwrap();
        assert_eq!(wants.len(), 5);
        let places = |named: &str| -> BTreeSet<*const u8> {
            let FetchSession { entries, order, .. } = &sessions.sessions[&9];
            let names = entries.keys().chain(order.values()).filter_map(|key| match &key.topic {
                TopicKey::Name(name) if **name == *named => Some(name.as_ptr()),
                TopicKey::Name(_) | TopicKey::Id(_) => None,
            });
            names.collect()
        };
        assert_eq!((places("orders").len(), places("other").len()), (1, 1));
        for frame in [orders.as_ptr(), again.as_ptr()] {
            assert!(!places("orders").contains(&frame), "it is a copy");
        }
    }

    #[test]
    fn a_name_that_no_topic_can_have_is_not_remembered() {
        let mut sessions = FetchSessions::new(2);
        let longest = Text::from("x".repeat(TOPIC_NAME_BYTES_MAX));
        let longer = Text::from("x".repeat(TOPIC_NAME_BYTES_MAX + 1));
        let (kind, served) = sessions.begin(named(0, 0, &[(&longest, 0), (&longer, 0)]), NOW, 9).unwrap();
        assert_eq!((kind, served.len()), (SessionKind::Sessionless, 2), "served all the same");
        let (kind, _) = sessions.begin(named(0, 0, &[(&longest, 0)]), NOW, 9).unwrap();
        assert_eq!(kind, SessionKind::New { id: 9 });
        // A session that would have to remember one ends: its client begins anew, without a session.
        let error = sessions.begin(named(9, 1, &[(&longer, 0)]), NOW, 1).unwrap_err();
        assert_eq!((error, sessions.len(), sessions.partitions), (SessionError::NotFound(9), 0, 0));
    }

    #[test]
    fn a_slot_in_use_goes_to_a_larger_session_once_its_own_is_no_longer_young() {
        let mut sessions = FetchSessions::new(2);
        sessions.begin(request(0, 0, &[(0, 0), (1, 0), (2, 0)]), NOW, 1).unwrap();
        sessions.begin(request(0, 0, &[(0, 0)]), NOW, 2).unwrap();
        let (one, two) = ([(0, 0)], [(0, 0), (1, 0)]);
        let at = |secs| NOW.after(Duration::from_secs(secs));
        let mut begin = |wants: &[(i32, i64)], secs, id| {
            let (kind, served) = sessions.begin(request(0, 0, wants), at(secs), id).unwrap();
            assert_eq!(served.len(), wants.len(), "served all the same");
            kind
        };
        assert_eq!(begin(&two, 60, 7), SessionKind::Sessionless, "the small one is young");
        // Both are used, in the end when they are older than 120 s.
        for (epoch, secs) in [(1, 100), (2, 130)] {
            for id in [1, 2] {
                sessions.begin(request(id, epoch, &[]), at(secs), 9).unwrap();
            }
        }
        let mut begin =
            |wants: &[(i32, i64)], secs, id| sessions.begin(request(0, 0, wants), at(secs), id).unwrap().0;
        assert_eq!(begin(&one, 131, 7), SessionKind::Sessionless, "it is not larger");
        assert_eq!(begin(&two, 131, 7), SessionKind::New { id: 7 });
        let error = sessions.begin(request(2, 3, &[]), at(131), 9).unwrap_err();
        assert_eq!(error, SessionError::NotFound(2), "the smallest gave its slot");
        assert!(sessions.begin(request(1, 3, &[]), at(131), 9).is_ok(), "the largest goes on");
    }

    #[test]
    fn a_session_ends_with_its_last_partition() {
        let mut sessions = FetchSessions::new(2);
        sessions.begin(request(0, 0, &[(0, 0), (1, 0)]), NOW, 9).unwrap();
        let forgetful = SessionRequest { forgotten: vec![key(0)], ..request(9, 1, &[]) };
        let (kind, wants) = sessions.begin(forgetful, NOW, 1).unwrap();
        assert_eq!((kind, wants.len()), (SessionKind::Incremental { id: 9 }, 1));
        let last = SessionRequest { forgotten: vec![key(1)], ..request(9, 2, &[]) };
        let (kind, wants) = sessions.begin(last, NOW, 1).unwrap();
        assert_eq!((kind, wants.len(), sessions.len()), (SessionKind::Sessionless, 0, 0));
        assert_eq!(
            (sessions.partitions, sessions.begin(request(9, 3, &[]), NOW, 1).unwrap_err()),
            (0, SessionError::NotFound(9))
        );
        // What the same request names and forgets is answered, without a session.
        sessions.begin(request(0, 0, &[(0, 0)]), NOW, 9).unwrap();
        let both = SessionRequest { forgotten: vec![key(0)], ..request(9, 1, &[(0, 4)]) };
        let (kind, wants) = sessions.begin(both, NOW, 1).unwrap();
        assert_eq!((kind, wants), (SessionKind::Sessionless, vec![(key(0), want(4))]));
    }

    /// As in Kafka: it ends with the next request that names none, and goes on with one that does.
    #[test]
    fn a_session_may_begin_with_nothing() {
        let mut sessions = FetchSessions::new(2);
        for (id, wants) in [(8, &[][..]), (9, &[(0, 4)])] {
            let (kind, served) = sessions.begin(request(0, 0, &[]), NOW, id).unwrap();
            assert_eq!((kind, served.len(), sessions.len()), (SessionKind::New { id }, 0, 1));
            let (kind, served) = sessions.begin(request(id, 1, wants), NOW, 1).unwrap();
            let goes_on = !wants.is_empty();
            let expected = if goes_on { SessionKind::Incremental { id } } else { SessionKind::Sessionless };
            assert_eq!((kind, served.len(), sessions.len()), (expected, wants.len(), usize::from(goes_on)));
        }
    }

    #[test]
    fn a_session_keeps_the_name_that_an_id_had_first() {
        let mut sessions = FetchSessions::new(2);
        let (kind, _) = sessions.begin(request(0, 0, &[(0, 0)]), NOW, 9).unwrap();
        sessions.name_topics(kind, |_| None);
        assert_eq!(sessions.name_of(kind, &key(0)), None, "not there yet");
        let (kind, _) = sessions.begin(request(9, 1, &[]), NOW, 1).unwrap();
        sessions.name_topics(kind, |id| (id == TopicId([7; 16])).then(|| "orders".into()));
        // The topic goes, and another partition of it is asked for.
        let (kind, _) = sessions.begin(request(9, 2, &[(1, 0)]), NOW, 1).unwrap();
        sessions.name_topics(kind, |_| None);
        assert_eq!(sessions.name_of(kind, &key(0)).as_deref(), Some("orders"));
        assert_eq!(sessions.name_of(kind, &key(1)), None);
        let forgetful = SessionRequest { forgotten: vec![key(0)], ..request(9, 3, &[]) };
        let (kind, _) = sessions.begin(forgetful, NOW, 1).unwrap();
        assert_eq!(sessions.name_of(kind, &key(0)), None);
        assert_eq!(sessions.name_of(SessionKind::Sessionless, &key(1)), None);
    }

    #[test]
    fn closing_frees_the_slot() {
        let mut sessions = FetchSessions::new(1);
        sessions.begin(request(0, 0, &[(0, 0)]), NOW, 1).unwrap();
        sessions.begin(request(1, -1, &[]), NOW, 2).unwrap();
        assert_eq!(sessions.len(), 0);
    }
}
