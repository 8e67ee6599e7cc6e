use std::collections::BTreeSet;
use std::sync::Arc;

use crate::broker::errors::ApiError;
use crate::broker::{Caller, Context};
use crate::types::ErrorCode;
use crate::wire::messages::describe_client_quotas_request::ComponentData;
use crate::wire::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};

const ENTITY_TYPES: [&str; 3] = ["user", "client-id", "ip"];

/// How a component matches (KIP-546).
mod match_type {
    pub(super) const EXACT: i8 = 0;
    pub(super) const DEFAULT: i8 = 1;
    pub(super) const SPECIFIED: i8 = 2;
}

/// DescribeClientQuotas (key 48). No quotas can be set, so none match.
pub(in crate::broker) async fn handle(
    _context: &Arc<Context>,
    _caller: &Caller,
    request: DescribeClientQuotasRequest,
) -> DescribeClientQuotasResponse {
    match check(&request.components) {
        Ok(()) => DescribeClientQuotasResponse::default(),
        Err(error) => DescribeClientQuotasResponse {
            error_code: error.code.code(),
            error_message: error.text(),
            entries: None,
            ..DescribeClientQuotasResponse::default()
        },
    }
}

fn check(components: &[ComponentData]) -> Result<(), ApiError> {
    let invalid = |why: String| Err(ApiError::new(ErrorCode::InvalidRequest, why));
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for component in components {
        let entity = &*component.entity_type;
        if entity.is_empty() {
            return invalid("a component of the filter has no entity type".to_owned());
        }
        if !seen.insert(entity) {
            return invalid(format!("the filter has two components for {entity}; give one"));
        }
        if !ENTITY_TYPES.contains(&entity) {
            let why = format!("{entity:?} is no entity of quotas; they are {}", ENTITY_TYPES.join(", "));
            return Err(ApiError::new(ErrorCode::UnsupportedVersion, why));
        }
        match (component.match_type, &component.r#match) {
            (match_type::EXACT, Some(_)) | (match_type::DEFAULT | match_type::SPECIFIED, None) => {}
            (match_type::EXACT, None) => {
                return invalid(format!("the component for {entity} is to match exactly, and gives no name"));
            }
            (match_type::DEFAULT | match_type::SPECIFIED, Some(name)) => {
                return invalid(format!(
                    "the component for {entity} gives a name, {name:?}, which it cannot match"
                ));
            }
            (other, _) => {
                return invalid(format!("the component for {entity} matches by an unknown rule, {other}"));
            }
        }
    }
    if seen.contains("ip") && seen.len() > 1 {
        return invalid("addresses (ip) cannot be combined with user or client-id".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(entity: &str, match_type: i8, name: Option<&str>) -> ComponentData {
        ComponentData {
            entity_type: entity.into(),
            match_type,
            r#match: name.map(Into::into),
            ..Default::default()
        }
    }

    #[test]
    fn filters_are_checked_as_in_kafka() {
        let code = |components: &[ComponentData]| check(components).err().map(|error| error.code);
        assert_eq!(code(&[]), None);
        assert_eq!(code(&[component("user", 0, Some("a")), component("client-id", 2, None)]), None);
        assert_eq!(code(&[component("house", 0, Some("x"))]), Some(ErrorCode::UnsupportedVersion));
        for wrong in [
            vec![component("", 1, None)],
            vec![component("user", 1, None), component("user", 2, None)],
            vec![component("user", 0, None)],
            vec![component("user", 1, Some("a"))],
            vec![component("user", 3, None)],
            vec![component("ip", 2, None), component("user", 2, None)],
        ] {
            assert_eq!(code(&wrong), Some(ErrorCode::InvalidRequest), "{wrong:?}");
        }
    }
}
