use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::report::Reporter;
use super::{ANSWER_PATIENCE, Cluster, NoController, ask};
use crate::broker::Context;
use crate::broker::errors::ApiError;
use crate::io::{Alarm, timeout};
use crate::metadata::MetadataImage;
use crate::metadata::controller::{NewBroker, unknown_level};
use crate::types::{ErrorCode, Instant};
use crate::wire::messages::broker_registration_request::{Feature, Listener};
use crate::wire::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
};

/// The versions of the requests in which nodes of this release talk to each other.
const REGISTRATION_VERSION: i16 = 4;
const HEARTBEAT_VERSION: i16 = 1;
/// How soon a registration that was refused is tried again.
const REGISTER_AGAIN: Duration = Duration::from_secs(1);
/// How long changes of leadership are gathered before the controller is told.
const REPORT_LINGER: Duration = Duration::from_millis(20);
/// A report, or a registration, that failed is logged once in this time.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// A broker that is registered.
#[derive(Clone, Debug)]
pub struct Member {
    pub broker: NewBroker,
    /// The number of this registration.
    pub epoch: i64,
}

/// Says no more often than it should what goes on failing.
#[derive(Default)]
struct Told {
    what: String,
    until: Option<Instant>,
}

impl Told {
    fn tell(&mut self, now: Instant, what: String) {
        if self.what != what || self.until.is_none_or(|until| until <= now) {
            warn!("{what}");
            (self.what, self.until) = (what, Some(now.after(TELL_EVERY)));
        }
    }
}

/// Registers this node's broker with the active controller, whoever that is and however long it takes, and waits until this
/// node's own image has it, or has had it.
pub async fn register(context: &Arc<Context>, cluster: &Cluster, broker: NewBroker) -> Member {
    let clock = &*context.io.clock;
    let mut told = Told::default();
    loop {
        let deadline = clock.now().after(ANSWER_PATIENCE);
        match try_register(context, cluster, &broker, deadline).await {
            Ok(Ok(epoch)) => {
                context.image.once(|image, _| has_had(image, epoch)).await;
                info!(epoch, "registered with the cluster");
                return Member { broker, epoch };
            }
            Ok(Err(code)) => told.tell(clock.now(), refusal(code, &broker, &context.metadata())),
            Err(failure) => {
                told.tell(clock.now(), format!("not registered with the cluster yet: {failure}"));
            }
        }
        clock.sleep(REGISTER_AGAIN).await;
    }
}

/// Whether an image has taken over the registration of this number. It may be gone from there in the same moment, where the broker was
/// unregistered meanwhile: the next heartbeat is told so then.
fn has_had(image: &MetadataImage, epoch: i64) -> bool {
    image.broker_epochs > epoch
}

/// For a person: why the controller does not register this broker, as far as `image`, this node's own, tells.
fn refusal(code: ErrorCode, broker: &NewBroker, image: &MetadataImage) -> String {
    let node = broker.node;
    match code {
        ErrorCode::DuplicateBrokerRegistration => format!(
            "another broker is registered as node.id={node} and lives, with another data directory: give one of \
             the two another number, or wait until the one that is replaced is fenced"
        ),
        ErrorCode::InvalidRegistration if !broker.roles.is_broker() => format!(
            "process.roles is controller, and node.id={node} is to hold replicas of partitions: start it with \
             process.roles=broker,controller, move them away (ordain cluster evacuate {node}), then take that role from it"
        ),
        ErrorCode::InvalidRegistration if !broker.roles.is_controller() => format!(
            "process.roles is broker, and node.id={node} votes on the metadata: let it stop voting (ordain cluster \
             remove-voter {node}), or start it with process.roles=broker,controller"
        ),
        ErrorCode::UnsupportedVersion => {
            let what = unknown_level(image, broker).map_or_else(
                || {
                    "a feature at a level that this release does not know (the controller's log names it)"
                        .to_owned()
                },
                |(name, level)| format!("{name} at level {level}, which this release does not know"),
            );
            format!("node.id={node} is not registered: the cluster has {what}: upgrade this node")
        }
        other => format!(
            "the active controller does not register node.id={node} yet: {other}; it is asked again, its log may say more"
        ),
    }
}

async fn try_register(
    context: &Arc<Context>,
    cluster: &Cluster,
    broker: &NewBroker,
    deadline: Instant,
) -> Result<Result<i64, ErrorCode>, NoController> {
    let listeners = broker.endpoints.iter().map(|endpoint| Listener {
        name: endpoint.listener.clone().into(),
        host: endpoint.host.clone().into(),
        port: endpoint.port,
        ..Listener::default()
    });
    let features = broker.features.iter().map(|(name, &(least, most))| Feature {
        name: name.clone().into(),
        min_supported_version: least,
        max_supported_version: most,
        ..Feature::default()
    });
    let request = BrokerRegistrationRequest {
        broker_id: broker.node.0,
        cluster_id: cluster.id.clone().into(),
        incarnation_id: broker.incarnation.into(),
        listeners: listeners.collect(),
        features: features.collect(),
        rack: broker.rack.clone().map(Into::into),
        log_dirs: vec![broker.directory],
        roles: broker.roles.code(),
        ..BrokerRegistrationRequest::default()
    };
    let answer = ask(context, cluster, REGISTRATION_VERSION, &request, deadline).await?;
    let BrokerRegistrationResponse { error_code, broker_epoch, .. } = answer;
    Ok(ApiError::answered(error_code, None).map(|()| broker_epoch).map_err(|error| error.code))
}

/// Says every now and then that this broker lives, and which partitions it leads, until the node stops. A broker that the
/// controller does not know any more registers again.
pub async fn keep_membership(context: Arc<Context>, cluster: Arc<Cluster>, member: Member) {
    let shutdown = context.shutdown.clone();
    tokio::select! {
        biased;
        () = shutdown.begun() => {}
        () = beat(&context, &cluster, member) => {}
    }
}

async fn beat(context: &Arc<Context>, cluster: &Cluster, mut member: Member) {
    let clock = Arc::clone(&context.io.clock);
    let leaderships = Arc::clone(context.partitions.leaderships());
    let mut reporter = Reporter::default();
    let mut told = Told::default();
    let mut alarm = Alarm::default();
    let mut due = clock.now();
    let mut told_draining = false;
    loop {
        let now = clock.now();
        if now >= due {
            due = now.after(cluster.heartbeat_interval);
            match heartbeat(context, cluster, &member, due).await {
                Ok(Ok(())) => {}
                Ok(Err(ErrorCode::StaleBrokerEpoch | ErrorCode::BrokerIdNotRegistered)) => {
                    member = register(context, cluster, member.broker).await;
                    due = clock.now();
                    continue;
                }
                Ok(Err(code)) => {
                    told.tell(clock.now(), format!("the active controller does not hear this broker: {code}"))
                }
                Err(failure) => told
                    .tell(clock.now(), format!("the active controller does not hear this broker: {failure}")),
            }
            let reported = reporter.report_all(context, cluster, &member).await;
            if let Err(failure) = reported {
                told.tell(
                    clock.now(),
                    format!("the cluster is not told which partitions this broker leads: {failure}"),
                );
            }
        }
        // Those that it begins to lead meanwhile are told soon.
        let changed = leaderships.changed();
        let news = leaderships.take_news();
        if !news.is_empty() {
            clock.sleep(REPORT_LINGER).await;
            let more = leaderships.take_news();
            if let Err(failure) =
                reporter.report(context, cluster, &member, news.into_iter().chain(more).collect()).await
            {
                told.tell(
                    clock.now(),
                    format!("the cluster is not told which partitions this broker leads: {failure}"),
                );
            }
            continue;
        }
        tokio::select! {
            biased;
            () = alarm.at(&*clock, Some(due)) => {}
            () = cluster.draining.begun(), if !told_draining => {
                told_draining = true;
                due = clock.now();
            }
            () = changed => {}
        }
    }
}

async fn heartbeat(
    context: &Arc<Context>,
    cluster: &Cluster,
    member: &Member,
    deadline: Instant,
) -> Result<Result<(), ErrorCode>, NoController> {
    let request = BrokerHeartbeatRequest {
        broker_id: member.broker.node.0,
        broker_epoch: member.epoch,
        current_metadata_offset: context.image.end().0,
        want_shut_down: cluster.draining.has_begun(),
        ..BrokerHeartbeatRequest::default()
    };
    let asking = ask(context, cluster, HEARTBEAT_VERSION, &request, deadline);
    let answered = timeout(&*context.io.clock, deadline, asking).await;
    let BrokerHeartbeatResponse { error_code, .. } = answered.map_err(|_| NoController::TimedOut)??;
    Ok(ApiError::answered(error_code, None).map_err(|error| error.code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::FeatureRanges;
    use crate::types::{NodeId, Roles, TopicId, Uuid};
    use crate::wire::messages::{RegisterBrokerRecord, RemoveBrokerRecord};

    #[test]
    fn a_registration_that_is_taken_back_at_once_is_waited_for_no_longer() {
        let mut image = MetadataImage::default();
        let register = |broker_id, broker_epoch| RegisterBrokerRecord {
            broker_id,
            broker_epoch,
            ..RegisterBrokerRecord::default()
        };
        image.apply(&register(1, 6).into()).expect("it fits");
        image.apply(&register(4, 7).into()).expect("it fits");
        assert!(has_had(&image, 6) && has_had(&image, 7));
        assert!(!has_had(&image, 8), "it is still to come");
        // Both in one read: no image is published in between.
        image.apply(&register(4, 8).into()).expect("it fits");
        let removal = RemoveBrokerRecord { broker_id: 4, ..RemoveBrokerRecord::default() };
        image.apply(&removal.into()).expect("it is registered");
        assert!(has_had(&image, 8) && image.registered(NodeId(4)).is_none());
    }

    #[test]
    fn a_node_that_is_too_old_is_told_for_what() {
        let broker = NewBroker {
            node: NodeId(4),
            incarnation: TopicId::ZERO,
            directory: Uuid::ZERO,
            endpoints: Vec::new(),
            rack: None,
            roles: Roles::Both,
            fenced: true,
            features: FeatureRanges::from([("metadata.version".to_owned(), (7, 30))]),
        };
        let mut image = MetadataImage::default();
        let told = |image: &MetadataImage| refusal(ErrorCode::UnsupportedVersion, &broker, image);
        assert_eq!(
            told(&image),
            "node.id=4 is not registered: the cluster has a feature at a level that this release does not know (the controller's log \
             names it): upgrade this node"
        );
        image.features.insert("metadata.version".to_owned(), 31);
        assert_eq!(
            told(&image),
            "node.id=4 is not registered: the cluster has metadata.version at level 31, which this release does not know: upgrade this \
             node"
        );
    }
}
