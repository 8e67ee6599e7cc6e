use std::collections::BTreeSet;
use std::sync::Arc;

use crate::broker::changes::{Mode, change};
use crate::broker::errors::ApiError;
use crate::broker::{Caller, Context};
use crate::coordinator::group;
use crate::metadata::controller::{ControllerError, DeletedTopic, TopicSelector, delete_topics};
use crate::types::{ErrorCode, TopicId};
use crate::wire::Text;
use crate::wire::messages::delete_topics_request::DeleteTopicState;
use crate::wire::messages::delete_topics_response::DeletableTopicResult;
use crate::wire::messages::{DeleteTopicsRequest, DeleteTopicsResponse};

/// DeleteTopics (key 20), by name and since version 6 also by id.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let by_name = |name| DeleteTopicState { name: Some(name), ..Default::default() };
    let topics: Vec<DeleteTopicState> =
        request.topics.into_iter().chain(request.topic_names.into_iter().map(by_name)).collect();
    if !context.config().topics.delete_enabled {
        let code =
            if caller.version < 3 { ErrorCode::InvalidRequest } else { ErrorCode::TopicDeletionDisabled };
        let error = ApiError::new(code, ControllerError::DeletionDisabled.to_string());
        let responses = topics.into_iter().map(|topic| failed(topic.name, topic.topic_id, &error));
        return DeleteTopicsResponse { responses: responses.collect(), ..DeleteTopicsResponse::default() };
    }
    let Sorted { selectors, mut responses } = sort(topics);
    let asked = selectors.clone();
    let decided = change(context, Mode::Make, request.timeout_ms, move |image| {
        // What is disabled has been refused above.
        delete_topics(image, &selectors, true)
    })
    .await;
    let mut results = decided.map(Vec::into_iter);
    let mut deleted = Vec::new();
    for selector in asked {
        let result = match &mut results {
            Ok(results) => results.next().expect("every selector has a result"),
            Err(error) => {
                responses.push(refused(&selector, error));
                continue;
            }
        };
        match result {
            Ok(DeletedTopic { name, id }) => {
                deleted.push(group::command::DeletedTopic { name: name.as_str().into(), id });
                responses.push(DeletableTopicResult {
                    name: Some(name.into()),
                    topic_id: id,
                    ..Default::default()
                });
            }
            // Named by its name as well: the answer for the name tells.
            Err(ControllerError::NamedTwice(_)) if matches!(selector, TopicSelector::Id(_)) => {}
            Err(error) => responses.push(refused(&selector, &error.into())),
        }
    }
    // Before the answer: who creates the topic anew finds no offsets of the old one.
    context.groups.topics_deleted(deleted).await;
    DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() }
}

/// The topics that are named once and in one way, and the answers for the others.
struct Sorted {
    selectors: Vec<TopicSelector>,
    responses: Vec<DeletableTopicResult>,
}

fn sort(topics: Vec<DeleteTopicState>) -> Sorted {
    let mut responses = Vec::new();
    let mut selectors = Vec::new();
    for topic in topics {
        let invalid = |why: &str| ApiError::new(ErrorCode::InvalidRequest, why);
        match (topic.name, topic.topic_id) {
            (None, TopicId::ZERO) => {
                responses.push(failed(
                    None,
                    TopicId::ZERO,
                    &invalid("a topic is named neither by name nor by id"),
                ));
            }
            (None, id) => selectors.push(TopicSelector::Id(id)),
            (Some(name), TopicId::ZERO) => selectors.push(TopicSelector::Name(name.to_string())),
            (Some(name), id) => {
                responses.push(failed(
                    Some(name),
                    id,
                    &invalid("a topic is named by name and by id: give one of them"),
                ));
            }
        }
    }
    let mut seen = BTreeSet::new();
    let repeated: BTreeSet<TopicSelector> =
        selectors.iter().filter(|selector| !seen.insert(*selector)).cloned().collect();
    let twice =
        ApiError::new(ErrorCode::InvalidRequest, "the topic is named twice in the request; name it once");
    responses.extend(repeated.iter().map(|selector| refused(selector, &twice)));
    selectors.retain(|selector| !repeated.contains(selector));
    Sorted { selectors, responses }
}

fn refused(selector: &TopicSelector, error: &ApiError) -> DeletableTopicResult {
    match selector {
        TopicSelector::Name(name) => failed(Some(name.clone().into()), TopicId::ZERO, error),
        TopicSelector::Id(id) => failed(None, *id, error),
    }
}

fn failed(name: Option<Text>, topic_id: TopicId, error: &ApiError) -> DeletableTopicResult {
    DeletableTopicResult {
        name,
        topic_id,
        error_code: error.code.code(),
        error_message: error.text(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_named_once_and_in_one_way() {
        let id = TopicId([5; 16]);
        let state = |name: Option<&str>, topic_id| DeleteTopicState {
            name: name.map(Into::into),
            topic_id,
            ..Default::default()
        };
        let sorted = sort(vec![
            state(Some("a"), TopicId::ZERO),
            state(Some("twice"), TopicId::ZERO),
            state(None, TopicId::ZERO),
            state(Some("twice"), TopicId::ZERO),
            state(Some("both"), id),
            state(None, id),
        ]);
        assert_eq!(sorted.selectors, [TopicSelector::Name("a".to_owned()), TopicSelector::Id(id)]);
        let answered: Vec<_> =
            sorted.responses.iter().map(|one| (one.name.as_deref(), one.topic_id, one.error_code)).collect();
        assert_eq!(
            answered,
            [(None, TopicId::ZERO, 42), (Some("both"), id, 42), (Some("twice"), TopicId::ZERO, 42)]
        );
    }
}
