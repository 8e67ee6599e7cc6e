//! The broker's replicas for who looks at a failure: their topics' names, and which of them have gone. No part of the trace.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use ordain::broker::Context;
use ordain::metadata::MetadataImage;
use ordain::probe::ReplicaStep;
use ordain::types::TopicId;

use crate::cluster::Cluster;
use crate::standings::Standings;
use crate::world::lock;

/// What is shown beside the steps themselves.
#[derive(Default)]
pub(super) struct Shown {
    run: Mutex<Run>,
}

/// The present run of the process, or the last one.
#[derive(Default)]
struct Run {
    context: Option<Arc<Context>>,
    /// The topics that its metadata have told of.
    topics: BTreeSet<TopicId>,
}

impl Shown {
    /// A run of the process has begun.
    pub(super) fn runs(&self, context: &Arc<Context>) {
        let before = std::mem::replace(
            &mut *lock(&self.run),
            Run { context: Some(Arc::clone(context)), topics: BTreeSet::new() },
        );
        drop(before);
    }

    /// A replica has made a step. What the metadata hold is asked when theirs makes one, or one of a topic without a name.
    pub(super) fn step(&self, cluster: &Cluster, node: &str, step: &ReplicaStep) {
        cluster.replica_stepped(node, step);
        cluster.tell_standings(|standings| {
            let mut run = lock(&self.run);
            let Run { context, topics } = &mut *run;
            let topic = TopicId(step.partition.0);
            if topic != TopicId::METADATA && topics.contains(&topic) {
                return;
            }
            standings.name(TopicId::METADATA.0, "metadata");
            if let Some(context) = context {
                look(standings, &context.metadata(), topics, (cluster, node));
            }
        });
    }
}

/// Tells the names, and which topics of `known` the metadata know no longer.
fn look(
    standings: &mut Standings,
    image: &MetadataImage,
    known: &mut BTreeSet<TopicId>,
    (cluster, node): (&Cluster, &str),
) {
    let present: BTreeSet<TopicId> = image.topics().map(|topic| topic.id).collect();
    for topic in image.topics().filter(|topic| !known.contains(&topic.id)) {
        standings.name(topic.id.0, &topic.name);
    }
    let gone: BTreeSet<TopicId> = known.difference(&present).copied().collect();
    if !gone.is_empty() {
        // What makes a step after this is there again.
        let asked = cluster.now();
        standings.holds((asked, asked), node, |topic, _| !gone.contains(&TopicId(topic)));
    }
    *known = present;
}
