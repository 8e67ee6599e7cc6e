//! Environment variables as configuration: `KAFKA_NODE_ID` sets `node.id`, by the rules of Kafka's images.

const PREFIX: &str = "KAFKA_";

/// Variables of Kafka's start scripts and images, which set no configuration key.
const IGNORED: &[&str] = &["KAFKA_OPTS", "KAFKA_HEAP_OPTS", "KAFKA_VERSION", "KAFKA_HOME", "KAFKA_DEBUG"];

/// Beginnings of variables that set no key: the scripts' own, and those that Kubernetes and Docker invent
/// for a service called "kafka".
const IGNORED_PREFIXES: &[&str] = &[
    "KAFKA_LOG4J_",
    "KAFKA_TOOLS_LOG4J_",
    "KAFKA_JMX_",
    "KAFKA_JVM_",
    "KAFKA_GC_",
    "KAFKA_SERVICE_",
    "KAFKA_PORT",
];

/// The key that `variable` sets; `None` for a variable that is none of ours. After the prefix, `_` is a dot,
/// `__` an underscore and `___` a dash, and case does not matter.
#[must_use]
pub fn key_of(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix(PREFIX)?;
    let ignored = IGNORED.contains(&variable) || IGNORED_PREFIXES.iter().any(|p| variable.starts_with(p));
    if rest.is_empty() || ignored {
        return None;
    }
    Some(rest.to_lowercase().replace('_', ".").replace("...", "-").replace("..", "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_map_as_in_kafkas_images() {
        let key = |variable| key_of(variable).expect("a key");
        assert_eq!(key("KAFKA_NODE_ID"), "node.id");
        assert_eq!(key("KAFKA_ADVERTISED_LISTENERS"), "advertised.listeners");
        assert_eq!(key("KAFKA_A__B_C___D"), "a_b.c-d");
        assert_eq!(key("KAFKA_ORDAIN_INSECURE"), "ordain.insecure");
    }

    #[test]
    fn what_is_not_configuration_is_left_alone() {
        for variable in [
            "PATH",
            "KAFKA_",
            "KAFKA_OPTS",
            "KAFKA_HEAP_OPTS",
            "KAFKA_LOG4J_ROOT_LOGLEVEL",
            "KAFKA_JMX_PORT",
            "KAFKA_JVM_PERFORMANCE_OPTS",
            "KAFKA_GC_LOG_OPTS",
            "KAFKA_PORT_9092_TCP_ADDR",
            "KAFKA_SERVICE_HOST",
            "CLUSTER_ID",
        ] {
            assert_eq!(key_of(variable), None, "{variable}");
        }
    }
}
