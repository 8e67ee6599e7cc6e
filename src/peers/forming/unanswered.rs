use super::Server;
use super::founder::{LASTS, LOG_EVERY};
use crate::types::Instant;

/// For how long a configured address of a node that has joined has not answered, and what was told of that.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    since: Option<Instant>,
    told: Option<(Instant, String)>,
}

impl Unanswered {
    pub(super) fn answered(&mut self) {
        *self = Unanswered::default();
    }

    /// It has not answered, for this reason. Gives what is to be told of it: once that has lasted, and again when the reason is
    /// another one, but not more often than any other sentence.
    pub(super) fn failed(&mut self, now: Instant, server: &Server, why: &str) -> Option<String> {
        let lasts = self.since.get_or_insert(now).after(LASTS) <= now;
        let repeats = self.told.as_ref().is_some_and(|(at, told)| told == why || now.since(*at) < LOG_EVERY);
        if !lasts || repeats {
            return None;
        }
        self.told = Some((now, why.to_owned()));
        Some(format!(
            "{} names {}, where no node has answered for {} s ({why}), and no node of the cluster is known to be: correct \
             that address, or start the node that belongs there; it is a node's listener of controller.listener.names",
            server.key(),
            server.address,
            LASTS.as_secs()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::NodeAddress;
    use crate::types::NodeId;

    fn server(node: Option<i32>) -> Server {
        Server { address: NodeAddress { host: "wrong".into(), port: 9093 }, node: node.map(NodeId) }
    }

    fn at(seconds: u64) -> Instant {
        Instant(seconds * 1_000_000_000)
    }

    #[test]
    fn what_lasts_is_told_once_and_again_when_it_changes() {
        let (mut one, server) = (Unanswered::default(), server(None));
        let mut failed = |seconds, why| one.failed(at(seconds), &server, why);
        assert_eq!((failed(5, "refused"), failed(34, "refused")), (None, None));
        assert_eq!(
            failed(35, "refused").as_deref(),
            Some(
                "controller.quorum.bootstrap.servers names wrong:9093, where no node has answered for 30 s (refused), and no \
                 node of the cluster is known to be: correct that address, or start the node that belongs there; it is a \
                 node's listener of controller.listener.names"
            )
        );
        assert_eq!((failed(36, "refused"), failed(9_000, "refused")), (None, None));
        assert!(failed(9_001, "no route").is_some_and(|told| told.contains("(no route)")));
        assert_eq!(failed(9_002, "refused"), None, "what alternates is told as seldom as anything");
        assert!(failed(9_061, "refused").is_some());
    }

    #[test]
    fn an_answer_begins_anew_and_voters_have_a_key_of_their_own() {
        let (mut one, server) = (Unanswered::default(), server(Some(2)));
        assert_eq!(one.failed(at(0), &server, "refused"), None);
        one.answered();
        assert_eq!(one.failed(at(40), &server, "refused"), None);
        let told = one.failed(at(70), &server, "refused").expect("it lasts");
        assert!(told.starts_with("controller.quorum.voters names wrong:9093, "), "{told}");
    }
}
