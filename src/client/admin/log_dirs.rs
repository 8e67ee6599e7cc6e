use crate::client::cluster::{Client, Lane};
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::types::NodeId;
use crate::wire::ApiKey;
use crate::wire::messages::DescribeLogDirsRequest;
use crate::wire::messages::describe_log_dirs_request::DescribableLogDirTopic;

/// A directory where a broker keeps its log.
#[derive(Clone, PartialEq, Debug)]
pub struct LogDir {
    pub path: String,
    /// Why it cannot be used.
    pub error: Option<String>,
    /// Of its file system, in bytes; `None` where the broker does not tell.
    pub total_bytes: Option<u64>,
    pub usable_bytes: Option<u64>,
    /// How long a commit of Ordain's journal took of late, in ms, if that is too long for the broker to lead.
    pub slow_commit_ms: Option<u32>,
    pub partitions: Vec<LogDirPartition>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct LogDirPartition {
    pub partition: TopicPartition,
    pub size_bytes: u64,
    pub offset_lag: i64,
    /// It is being moved here.
    pub is_future: bool,
}

impl Client {
    /// The log directories of one broker.
    ///
    /// # Errors
    /// What went wrong on the way, after retries.
    pub async fn log_dirs(&self, node: NodeId) -> Result<Vec<LogDir>, ClientError> {
        self.describe_log_dirs(node, None).await
    }

    /// The log directories of one broker without their partitions: how much room there is.
    ///
    /// # Errors
    /// What went wrong on the way, after retries.
    pub async fn disks(&self, node: NodeId) -> Result<Vec<LogDir>, ClientError> {
        self.describe_log_dirs(node, Some(Vec::new())).await
    }

    async fn describe_log_dirs(
        &self,
        node: NodeId,
        topics: Option<Vec<DescribableLogDirTopic>>,
    ) -> Result<Vec<LogDir>, ClientError> {
        let request = DescribeLogDirsRequest { topics, ..DescribeLogDirsRequest::default() };
        let mut retry = self.retry();
        loop {
            match self.log_dirs_once(node, &request).await {
                Ok(dirs) => return Ok(dirs),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    async fn log_dirs_once(
        &self,
        node: NodeId,
        request: &DescribeLogDirsRequest,
    ) -> Result<Vec<LogDir>, ClientError> {
        let broker = self.node(node, Lane::Admin).await?;
        let answer = broker.call(request).await?;
        let (api, subject) = (ApiKey::DescribeLogDirs, format!("broker {node}"));
        ClientError::check(broker.address(), api, answer.error_code, subject, None)?;
        let dirs = answer.results.iter().map(|dir| {
            let failed =
                ClientError::check(broker.address(), api, dir.error_code, dir.log_dir.to_string(), None);
            let partitions = dir.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|partition| LogDirPartition {
                    partition: TopicPartition::new(topic.name.to_string(), partition.partition_index),
                    size_bytes: u64::try_from(partition.partition_size).unwrap_or(0),
                    offset_lag: partition.offset_lag,
                    is_future: partition.is_future_key,
                })
            });
            LogDir {
                path: dir.log_dir.to_string(),
                error: failed.err().map(|error| error.to_string()),
                total_bytes: u64::try_from(dir.total_bytes).ok(),
                usable_bytes: u64::try_from(dir.usable_bytes).ok(),
                slow_commit_ms: u32::try_from(dir.slow_commit_ms).ok().filter(|&ms| ms > 0),
                partitions: partitions.collect(),
            }
        });
        Ok(dirs.collect())
    }
}
