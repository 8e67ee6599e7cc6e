//! The node that joined late is taken away again, for good, while faults last: an administrator gives its partitions to others, stops it,
//! takes its vote on the metadata, if it has one, and has it forgotten (UnregisterBroker). What is not done when the faults are over is
//! done then. Nothing may name it afterwards.
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ordain::client::{AutoCreate, Client, ClientError, TopicPartition};
use ordain::io::Io;
use ordain::metadata::{MetadataImage, TopicImage};
use ordain::raft::VoterSet;
use ordain::types::{ErrorCode, NodeId};

use super::{ASK_AGAIN, Life, RECOVERY, late};
use crate::cluster::NodeHandle;
use crate::scenarios::Violation;
use crate::scenarios::broker::clients::Servers;
use crate::scenarios::broker::history::History;

/// A node that holds nothing yet is given so long to get something first.
const HOLDS: Duration = Duration::from_secs(5);
/// What is asked for once may take so long by the client's own deadlines,
const ATTEMPT: Duration = Duration::from_secs(5);
/// and so long in all.
const PATIENCE: Duration = Duration::from_secs(30);
/// A process that was asked to stop is switched off after this time.
const STOPS: Duration = Duration::from_secs(15);
/// Within this time after the faults it must be gone. It takes the time of a session until the others know that it is down.
const GONE: Duration = Duration::from_secs(90);

/// A node is taken away.
pub(super) struct Removal<'a> {
    life: &'a Life<'a>,
    node: NodeId,
    /// From the start of the faults on.
    after: Duration,
    /// The machine of who does it. Nothing befalls it.
    seat: NodeHandle,
}

impl<'a> Removal<'a> {
    /// The one that the case has.
    pub(super) fn planned(life: &'a Life<'a>) -> Option<Removal<'a>> {
        let (node, after) = late::taken_away(&life.case.faults, life.plan)?;
        Some(Removal { life, node, after, seat: life.cluster.add_node("operator") })
    }

    /// Does it while these faults happen; whether the node is gone when they are over.
    pub(super) async fn go_on_amid(&self, faults: impl Future<Output = ()>) -> bool {
        let mut faults = pin!(faults);
        let is_gone = tokio::select! {
            biased;
            () = &mut faults => false,
            () = Box::pin(self.begin()) => true,
        };
        if is_gone {
            faults.await;
        }
        is_gone
    }

    /// Does what is left of it, when no faults are left.
    ///
    /// # Errors
    /// If it does not come to its end (I16).
    pub(super) async fn come_to_an_end(&self) -> Result<(), Violation> {
        let Life { cluster, world, .. } = self.life;
        if cluster.within(GONE, Box::pin(self.take_away())).await.is_some() {
            return Ok(());
        }
        let mut open = match world.leaders_image(cluster).await {
            Some((image, voters)) => naming(&image, &voters, self.node),
            None => vec!["nobody leads the metadata".to_owned()],
        };
        if open.is_empty() {
            open.push("it has not joined".to_owned());
        }
        let text = format!("{GONE:?} later node {} is not taken away: {}", self.node, open.join("; "));
        Err(Violation::new("I16-stuck", text))
    }

    /// Nothing has named it since.
    ///
    /// # Errors
    /// What does, or that nobody can tell (I16).
    pub(super) async fn is_forgotten(&self) -> Result<(), Violation> {
        let Life { cluster, world, .. } = self.life;
        match cluster.within(RECOVERY, Box::pin(self.named())).await {
            Some(open) if open.is_empty() => Ok(()),
            Some(open) => Err(Violation::new("named-after-leaving", open.join("; "))),
            None => {
                let mut open = vec!["nobody leads the metadata, who could tell what names it".to_owned()];
                open.extend(world.image().into_iter().flat_map(|image| naming_in(&image, self.node)));
                let text =
                    format!("{RECOVERY:?} after node {} was taken away: {}", self.node, open.join("; "));
                Err(Violation::new("I16-stuck", text))
            }
        }
    }

    async fn begin(&self) {
        self.life.cluster.sleep(self.after).await;
        self.take_away().await;
    }

    /// Goes on with it until it is done.
    async fn take_away(&self) {
        let Life { cluster, servers, fleet, history, .. } = self.life;
        let node = self.node;
        servers.leaves(node);
        if !fleet.is_retired(node) {
            // Who asks to be registered only now would come after it was forgotten.
            self.until(|image| image.registered(node).is_some()).await;
            let holds = self.until(|image| !held(image, node).is_empty());
            let _in_time = cluster.within(HOLDS, holds).await;
            cluster.note(format_args!("node {node} is taken away"));
            self.give_away().await;
        }
        self.stop().await;
        // Until the others know that it is down it may be about to register anew.
        self.until(|image| image.registered(node).is_none_or(|known| known.fenced)).await;
        let least = self.replicas();
        while !self.named().await.is_empty() {
            let (servers, history) = (servers.clone(), (*history).clone());
            let forgetting =
                move |client| async move { forget(&client, node, (&servers, &history, least)).await };
            self.ask("forgetting it", forgetting).await;
            cluster.sleep(ASK_AGAIN).await;
        }
        cluster.note(format_args!("node {node} is forgotten"));
    }

    /// All that it holds goes to others.
    async fn give_away(&self) {
        let (node, least) = (self.node, self.replicas());
        loop {
            match self.life.world.leaders_image(self.life.cluster).await {
                Some((image, _)) if held(&image, node).is_empty() => return,
                Some(_) | None => {}
            }
            let evacuating = move |client| async move { evacuate(&client, node, least).await };
            self.ask("moving its partitions", evacuating).await;
            self.life.cluster.sleep(ASK_AGAIN).await;
        }
    }

    /// Its process is asked to stop, and its machine is switched off after that.
    async fn stop(&self) {
        let Life { cluster, fleet, account, .. } = self.life;
        let machine = fleet.node(self.node);
        fleet.retire(self.node);
        fleet.stop(self.node);
        let stopping = async {
            while machine.is_running() {
                cluster.sleep(ASK_AGAIN).await;
            }
        };
        let _in_time = cluster.within(STOPS, stopping).await;
        fleet.down(self.node, |machine| {
            let _lost = machine.power_fail();
        });
        account.is_gone(machine);
    }

    /// How many replicas a partition has at least, and how many voters the metadata.
    fn replicas(&self) -> usize {
        usize::from(self.life.plan.replicas().unsigned_abs())
    }

    /// Waits until it is so by the image of who leads the metadata.
    async fn until(&self, is_so: impl Fn(&MetadataImage) -> bool) {
        let Life { cluster, world, .. } = self.life;
        loop {
            match world.leaders_image(cluster).await {
                Some((image, _)) if is_so(&image) => return,
                Some(_) | None => cluster.sleep(ASK_AGAIN).await,
            }
        }
    }

    /// What names it, as soon as somebody leads the metadata.
    async fn named(&self) -> Vec<String> {
        let Life { cluster, world, .. } = self.life;
        loop {
            match world.leaders_image(cluster).await {
                Some((image, voters)) => return naming(&image, &voters, self.node),
                None => cluster.sleep(ASK_AGAIN).await,
            }
        }
    }

    /// Asks once for something; what fails is asked for again by who looks at what came of it.
    async fn ask<F>(&self, what: &str, job: impl FnOnce(Client) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), ClientError>> + Send + 'static,
    {
        let Life { cluster, servers, .. } = self.life;
        let servers = servers.clone();
        let asking = self.seat.run(move |io: Io| async move {
            let client = servers.client(&io, "operator", ATTEMPT);
            job(client).await
        });
        match cluster.within(PATIENCE, asking).await.flatten() {
            Some(Ok(())) => {}
            Some(Err(error)) => cluster.note(format_args!("operator: {what}: {error}")),
            None => cluster.note(format_args!("operator: {what}: not within {PATIENCE:?}")),
        }
    }
}

/// What names a node: replicas, its registration, its vote. (That it shall vote may stand in the image still, where it was to be let vote
/// and nobody came to do it: no request takes that back once it is down.)
fn naming(image: &MetadataImage, voters: &VoterSet, node: NodeId) -> Vec<String> {
    let mut open = naming_in(image, node);
    if voters.of_node(node).is_some() {
        open.push(format!("node {node} votes on the metadata: {voters}"));
    }
    open
}

/// What names a node in an image, who votes aside.
fn naming_in(image: &MetadataImage, node: NodeId) -> Vec<String> {
    let mut open = held(image, node);
    if image.registered(node).is_some() {
        open.push(format!("node {node} is registered"));
    }
    open
}

/// The partitions of which a node has a replica, be it one that goes.
fn held(image: &MetadataImage, node: NodeId) -> Vec<String> {
    let of_topic = |topic: &Arc<TopicImage>| {
        let held = topic.partitions.iter().filter(|(_, one)| one.replicas.contains(&node));
        held.map(|(index, _)| format!("node {node} has a replica of {}-{index}", topic.name))
            .collect::<Vec<_>>()
    };
    image.topics().flat_map(of_topic).collect()
}

/// Says of all partitions that a node has replicas of, and shall have, that others shall have them.
async fn evacuate(client: &Client, node: NodeId, least: usize) -> Result<(), ClientError> {
    let metadata = client.describe(None, AutoCreate::No).await?;
    let ongoing = client.reassignments().await?;
    let others: Vec<NodeId> = metadata.brokers.keys().copied().filter(|&other| other != node).collect();
    let mut targets = BTreeMap::new();
    for topic in metadata.topics.values() {
        for one in &topic.partitions {
            let at = TopicPartition::new(topic.name.clone(), one.index.0);
            let shall: Vec<NodeId> = match ongoing.get(&at) {
                Some(moved) => {
                    moved.replicas.iter().copied().filter(|other| !moved.removing.contains(other)).collect()
                }
                None => one.replicas.clone(),
            };
            if let Some(target) = without(node, &shall, &others, least) {
                targets.insert(at, Some(target));
            }
        }
    }
    if targets.is_empty() {
        return Ok(());
    }
    client.reassign(&targets).await?.into_values().collect()
}

/// Where a partition shall be instead of there; nowhere else, if it shall not be on that node, or too few `others` are there.
fn without(node: NodeId, shall: &[NodeId], others: &[NodeId], least: usize) -> Option<Vec<NodeId>> {
    if !shall.contains(&node) {
        return None;
    }
    let mut target: Vec<NodeId> = shall.iter().copied().filter(|&other| other != node).collect();
    let missing = least.saturating_sub(target.len());
    let more: Vec<NodeId> =
        others.iter().copied().filter(|other| !target.contains(other)).take(missing).collect();
    target.extend(more);
    (target.len() >= least).then_some(target)
}

/// The next step of forgetting a node that is down: what names it by now goes to others, then its vote, then its registration.
async fn forget(
    client: &Client,
    node: NodeId,
    (servers, history, least): (&Servers, &History, usize),
) -> Result<(), ClientError> {
    evacuate(client, node, least).await?;
    let quorum = client.describe_quorum(ATTEMPT).await?;
    if let Some(voter) = quorum.voters.iter().find(|voter| voter.id == node) {
        // As many as a partition has replicas vote at least: another one comes first.
        let stays = quorum.voters.len() - 1;
        let instead = quorum.observers.iter().find(|observer| observer.id != node && stays < least);
        return match instead {
            Some(observer) => {
                servers.lets_vote(observer.id, history.now());
                client.add_voter(observer).await
            }
            None => client.remove_voter(voter).await,
        };
    }
    match client.unregister_broker(node).await {
        Err(ClientError::Refused { code: ErrorCode::BrokerIdNotRegistered, .. }) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_gives_away_goes_to_as_many_others() {
        let nodes = |numbers: &[i32]| numbers.iter().copied().map(NodeId).collect::<Vec<_>>();
        let target = |shall: &[i32], others: &[i32]| without(NodeId(4), &nodes(shall), &nodes(others), 3);
        assert_eq!(target(&[1, 2, 4], &[1, 2, 3]), Some(nodes(&[1, 2, 3])));
        assert_eq!(target(&[4, 3, 2, 1], &[1, 2, 3, 5]), Some(nodes(&[3, 2, 1])), "it was one more");
        assert_eq!(target(&[1, 2, 3], &[1, 2, 3]), None, "it is not there");
        assert_eq!(target(&[1, 2, 4], &[1, 2]), None, "too few live");
        assert_eq!(target(&[4, 1, 2], &[5]), Some(nodes(&[1, 2, 5])), "the others may be away");
    }
}
