//! What the leaders of several nodes tell of where logs end (I10, I22): each knows all that was committed before it was asked, for it
//! serves nobody before its epoch's start is committed. Whose clock stood still may have been a leader of the past and not have known of
//! it (docs/replication.md, Time), if there was a later one.
use std::time::Duration;

use ordain::client::TopicPartition;
use ordain::types::NodeId;

use super::{History, LAST_LOOK, Led, Read};
use crate::scenarios::Violation;
use crate::scenarios::fleet::machine_name;
use crate::time::SimTime;
use crate::world::lock;

/// Whether the node on a machine has led a partition since some time although another one had taken its place; also where nobody can
/// tell.
pub(super) type LedBeside = Box<dyn Fn(&TopicPartition, &str, SimTime) -> bool + Send + Sync>;

impl History {
    /// From now on it can be told who has led beside another.
    ///
    /// # Panics
    /// If it can be told already.
    pub(in crate::scenarios) fn knows_who_led(
        &self,
        led_beside: impl Fn(&TopicPartition, &str, SimTime) -> bool + Send + Sync + 'static,
    ) {
        assert!(self.led_beside.set(Box::new(led_beside)).is_ok(), "one tells who has led");
    }

    /// See [`LedBeside`].
    pub(super) fn has_led_beside(&self, at: &TopicPartition, machine: &str, since: SimTime) -> bool {
        self.led_beside.get().is_none_or(|has_led_beside| has_led_beside(at, machine, since))
    }

    /// Of an answer that has just come from a leader who was asked so long ago, by the client's clock; `None` if that clock cannot tell
    /// when that was.
    pub(in crate::scenarios) fn led(&self, by: NodeId, asked_ago: Duration) -> Option<Led> {
        // Who reads by a handle of no machine is the judge.
        let machine = self.cluster.named(self.seat.as_deref().unwrap_or(LAST_LOOK))?;
        Some(Led { by, asked: machine.clock().when_it_showed(asked_ago)? })
    }

    /// Holds what a leader told against what was known before it was asked. Of one broker that is alone the fetches of each session are held
    /// against all.
    pub(super) fn hold_led(&self, read: &Read) {
        let Some(led) = read.led.filter(|_| self.events().several_nodes) else { return };
        let found = lock(&self.step).told_by_leader(read, led);
        if let Err(Violation { checker, text }) = found
            && !self.may_have_a_successor(&read.at, led.asked, &machine_name(led.by))
        {
            self.wrong(checker, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use ordain::types::Offset;

    use super::super::{Content, Fate, Mode};
    use super::*;
    use crate::Simulation;
    use crate::cluster::Cluster;
    use crate::scenarios::broker::checkers::testing::{at, id, read};

    /// Record 1 is acknowledged at offset 0, and two seconds later something may happen. What is found when node 1 is asked then,
    /// and tells that end.
    fn found(end: i64, what: impl FnOnce(&Cluster, &History)) -> Vec<&'static str> {
        let simulation = Simulation::new(1);
        let outcome = simulation.run(|cluster| async move {
            let history = History::new(&cluster);
            history.events().several_nodes = true;
            ["n1", "n2"].into_iter().for_each(|name| drop(cluster.add_node(name)));
            history.sending(id(1), &at(), Mode::Plain, (None, Content::Value));
            history.fate(id(1), Fate::Acknowledged(Some(Offset(0))));
            cluster.sleep(Duration::from_secs(2)).await;
            what(&cluster, &history);
            let now = history.now();
            let mut fetch = read(1, 0, &[]);
            (fetch.time, fetch.high_watermark) = (now, Offset(end));
            fetch.led = Some(Led { by: NodeId(1), asked: now });
            history.read(fetch);
            history.events().wrongs.iter().map(|wrong| wrong.checker).collect::<Vec<_>>()
        });
        outcome.value
    }

    fn freeze(cluster: &Cluster, node: &str) {
        cluster.named(node).expect("it was added").clock().freeze(true);
    }

    #[test]
    fn a_leader_that_knows_too_little_is_found() {
        assert!(found(1, |_, _| ()).is_empty());
        assert_eq!(found(0, |_, _| ()), ["I10-high-watermark-went-back"]);
    }

    #[test]
    fn one_that_may_have_a_successor_is_excused_and_no_other() {
        assert!(found(0, |cluster, _| freeze(cluster, "n1")).is_empty());
        assert_eq!(found(0, |cluster, _| freeze(cluster, "n2")).len(), 1, "it would lead no longer");
    }

    #[test]
    fn one_whose_place_no_other_has_taken_is_not_excused() {
        let told = |has_led_beside: bool| {
            found(0, |cluster, history| {
                freeze(cluster, "n1");
                history.knows_who_led(move |_, machine, _| has_led_beside && machine == "n1");
            })
        };
        assert!(told(true).is_empty());
        assert_eq!(told(false), ["I10-high-watermark-went-back"]);
    }

    #[test]
    fn when_it_was_asked_is_told_by_its_clients_clock() {
        let second = Duration::from_secs(1);
        let outcome = Simulation::new(1).run(|cluster| async move {
            let history = History::new(&cluster).of("reader-1");
            let clock = cluster.add_node("reader-1").clock();
            clock.drift(250_000);
            cluster.sleep(4 * second).await;
            let before = history.led(NodeId(1), 5 * second / 2).map(|led| history.now().since(led.asked));
            clock.freeze(true);
            cluster.sleep(second).await;
            let while_frozen = history.led(NodeId(1), Duration::ZERO);
            clock.freeze(false);
            (before, while_frozen, history.led(NodeId(1), Duration::ZERO))
        });
        let (before, while_frozen, after) = outcome.value;
        let about = before.expect("its clock went on");
        assert!(about >= 2 * second && about < 2 * second + Duration::from_micros(1), "{about:?}");
        assert_eq!((while_frozen, after), (None, None), "it may have been asked long ago");
    }
}
