use crate::client::cluster::Client;
use crate::client::error::ClientError;
use crate::types::NodeId;
use crate::wire::ApiKey;
use crate::wire::messages::UnregisterBrokerRequest;

impl Client {
    /// Has the cluster forget a broker that does not come back (UnregisterBroker, key 64). One that lives registers again.
    ///
    /// # Errors
    /// `BROKER_ID_NOT_REGISTERED`, or what went wrong on the way: it may have been done then.
    pub async fn unregister_broker(&self, node: NodeId) -> Result<(), ClientError> {
        let request = UnregisterBrokerRequest { broker_id: node.0, ..UnregisterBrokerRequest::default() };
        let (broker, answer) = self.call_controller(&request, |answer| vec![answer.error_code]).await?;
        let (api, subject) = (ApiKey::UnregisterBroker, format!("broker {node}"));
        ClientError::check(
            broker.address(),
            api,
            answer.error_code,
            subject,
            answer.error_message.as_deref(),
        )?;
        self.invalidate();
        Ok(())
    }
}
