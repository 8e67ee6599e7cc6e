//! What has lost its majority stands still, and everybody is told so; what has one goes on. It comes back with the disks, or, where these
//! are damaged, its topic is deleted.
use std::time::Duration;

use ordain::client::{Client, ClientError};
use ordain::types::NodeId;

use super::attempts::{self, PATIENCE};
use super::loss::{Loss, Of};
use super::told::Told;
use super::{GOES_ON, HALTED, RECORDS, Stage};
use crate::scenarios::Violation;

/// For so long nothing may come of anything.
const FOR: Duration = Duration::from_secs(15);

pub(super) async fn play(stage: &Stage) -> Result<(), Violation> {
    let mut rng = stage.rng("lost majority");
    let (loss, mut stands) = Loss::happens(stage, &mut rng).await?;
    loss.start_again(stage, &mut rng).await;
    let halted = async {
        if loss.of == Of::Partition {
            all_are_told(stage, &loss).await?;
        }
        let until = stage.now().after(FOR);
        while stage.now() < until {
            nothing_is_granted(stage, &loss).await?;
            stands.write(stage, RECORDS).await?;
            stands.is_whole(stage).await?;
        }
        Ok::<(), Violation>(())
    };
    tokio::select! {
        biased;
        wrong = loss.goes_on(stage) => return Err(wrong),
        done = halted => done?,
    }
    ends(stage, loss, stands).await
}

/// Every node comes to know, and so tells operators and clients, that nobody leads the partition, and who has lost it.
async fn all_are_told(stage: &Stage, loss: &Loss) -> Result<(), Violation> {
    let mut lost: Vec<NodeId> = loss.lost.iter().map(|lost| lost.node).collect();
    lost.sort_unstable();
    let knows = |node: NodeId| {
        let image = stage.context(node)?.metadata();
        let partition = image.partition(loss.id)?;
        (partition.leader.is_none() && partition.lost == lost).then_some(())
    };
    let all_know = async || stage.nodes().into_iter().try_for_each(&knows);
    stage.until(&format!("all nodes know that {lost:?} have lost the partition"), all_know).await
}

/// Whoever asks for something that needs a majority is refused, or is not answered.
async fn nothing_is_granted(stage: &Stage, loss: &Loss) -> Result<(), Violation> {
    refused(stage.attempt(PATIENCE, attempts::of_clients).await)?;
    for node in loss.holders() {
        // One that starts until there are metadata takes no connections.
        if stage.context(node).is_some() {
            refused(stage.attempt(PATIENCE, move |client| attempts::at_node(client, node)).await)?;
        }
    }
    match loss.of {
        Of::Partition => Ok(()),
        Of::MetadataToo => refused(stage.attempt(PATIENCE, attempts::of_an_administrator).await),
    }
}

fn refused(tried: Option<Result<Option<String>, ClientError>>) -> Result<(), Violation> {
    match tried {
        Some(Ok(Some(what))) => {
            let text = format!("of three that voted two have lost what they held, and {what}");
            Err(Violation::new(GOES_ON, text))
        }
        Some(Ok(None) | Err(_)) | None => Ok(()),
    }
}

/// Nothing that was acknowledged is lost where the disks come back.
async fn ends(stage: &Stage, loss: Loss, mut stands: Told) -> Result<(), Violation> {
    if loss.is_undone_by_old_disks() {
        loss.old_disks_come_back(stage);
        stage.settled().await?;
        let mut halted = loss.halted;
        halted.is_whole(stage).await?;
        halted.write(stage, RECORDS).await?;
        halted.is_whole(stage).await?;
    } else {
        let deleting = |client: Client| async move { client.delete_topic(HALTED).await };
        stage.ask("deleting the topic", deleting).await?;
        stage.settled().await?;
    }
    stands.write(stage, RECORDS).await?;
    stands.is_whole(stage).await
}
