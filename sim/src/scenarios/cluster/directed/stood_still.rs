//! A coordinator stands still until another node coordinates its group, and an offset is committed there. A question that has waited for
//! the first one is not answered from what that one remembers.
use std::collections::BTreeMap;
use std::sync::Arc;

use ordain::client::{Broker, Client, ClientError, Lane, TopicPartition};
use ordain::io::Shutdown;
use ordain::probe::Mutant;
use ordain::types::Offset;
use ordain::wire::Text;
use ordain::wire::messages::OffsetFetchRequest;
use ordain::wire::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};

use super::super::RECOVERY;
use super::{Script, Stage, WIDE};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-coordinator-stands-still",
    about: "a coordinator goes on after another one has taken its group over, and finds a question that has waited for it",
    nodes: 3,
    late: 0,
    window: WIDE,
    finds: &[(Mutant::CoordinatorWakesUnaware, "I11-commit-lost")],
    play: |stage| Box::pin(play(stage)),
};

const TOPIC: &str = "read";
const GROUP: &str = "readers";
const FIRST: Offset = Offset(1);
const SECOND: Offset = Offset(2);

async fn play(stage: &Stage) -> Result<(), Violation> {
    stage.create_topic(TOPIC, 1).await?;
    commit(stage, FIRST).await?;
    stage.settled().await?;
    let known = |client: Client| async move { Ok(client.coordinator(GROUP).await?.address().host.clone()) };
    let host = stage.ask("the coordinator", known).await?;
    let named = stage.fleet().named(&host);
    let first =
        named.map(|(id, _)| id).ok_or_else(|| Violation::new("directed", format!("nobody is {host}")))?;
    let (ready, goes_on) = (Shutdown::new(), Shutdown::new());
    let waits = {
        let (ready, goes_on) = (ready.clone(), goes_on.clone());
        move |client: Client| async move {
            let broker = client.node(first, Lane::Group).await?;
            let before = committed(&broker).await?;
            assert_eq!(before, Some(FIRST), "nobody has committed anything else");
            ready.begin();
            goes_on.begun().await;
            // That it does not coordinate the group any more, or that the connection has ended, is an answer as well.
            Ok(committed(&broker).await.unwrap_or(None))
        }
    };
    let meanwhile = async {
        ready.begun().await;
        stage.note("the coordinator stands still");
        stage.fleet().pause(first);
        goes_on.begin();
        stage.led_without(&[first]).await?;
        commit(stage, SECOND).await?;
        stage.note("the coordinator goes on");
        stage.fleet().resume(first);
        Ok::<(), Violation>(())
    };
    let (told, done) = tokio::join!(stage.ask("a question that waits", waits), meanwhile);
    done?;
    match told? {
        Some(offset) if offset != SECOND => {
            let text = format!("{SECOND} was committed, and node {first} says {offset}");
            Err(Violation::new("I11-commit-lost", text))
        }
        Some(_) | None => Ok(()),
    }
}

async fn commit(stage: &Stage, offset: Offset) -> Result<(), Violation> {
    let offsets = BTreeMap::from([(TopicPartition::new(TOPIC, 0), offset)]);
    let committing = move |client: Client| async move { client.set_group_offsets(GROUP, &offsets).await };
    stage.ask("a commit", committing).await
}

/// What this node says that the group has committed; `None` if it refuses to say.
async fn committed(broker: &Arc<Broker>) -> Result<Option<Offset>, ClientError> {
    let topic = OffsetFetchRequestTopics {
        name: Text::from(TOPIC),
        partition_indexes: vec![0],
        ..OffsetFetchRequestTopics::default()
    };
    let request = OffsetFetchRequest {
        topics: Some(Vec::new()),
        groups: vec![OffsetFetchRequestGroup {
            group_id: Text::from(GROUP),
            topics: Some(vec![topic]),
            ..OffsetFetchRequestGroup::default()
        }],
        ..OffsetFetchRequest::default()
    };
    let answer = broker.call_within(NAMED_AND_GROUPED, &request, RECOVERY).await?;
    let group = answer.groups.first().filter(|group| group.error_code == 0);
    let partition = group.and_then(|group| group.topics.first()?.partitions.first());
    Ok(partition.filter(|one| one.error_code == 0).map(|one| Offset(one.committed_offset)))
}

/// The version of `OffsetFetch` in which several groups are asked for, and topics have names.
const NAMED_AND_GROUPED: i16 = 9;
