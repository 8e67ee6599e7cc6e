//! I11: state is the replay of the log: what the broker answers of topics, configurations, groups, producers and
//! offsets is the same before and after a loss of power (seen broken in Redpanda, PR 31483).
use ordain::client::TopicPartition;

use crate::scenarios::broker::history::Events;

pub(super) fn answers_survive_a_restart(events: &Events) -> Result<(), String> {
    for pair in events.answers.windows(2) {
        let (before, after) = (&pair[0].0, &pair[1].0);
        for question in before.keys().chain(after.keys()) {
            let (was, is) = (before.get(question), after.get(question));
            // The last look may find damage that the broker reports only then.
            let is_down = is.is_none()
                && events.down.iter().any(|at| *question == end_of(at) || *question == producers_of(at));
            // A log of several nodes may go on with who votes; that nothing else does the judge looks at, who reads it.
            let end = |answer: Option<&String>| answer.and_then(|end| end.parse::<i64>().ok());
            let has_grown = events.several_nodes
                && events.extents.keys().any(|at| *question == end_of(at))
                && end(was).zip(end(is)).is_some_and(|(was, is)| was < is);
            if was != is && !is_down && !has_grown {
                return Err(format!("{question}: it was {was:?}, and after a loss of power {is:?}"));
            }
        }
    }
    Ok(())
}

/// The question where a partition ends.
pub(in crate::scenarios) fn end_of(at: &TopicPartition) -> String {
    format!("{at}: the end")
}

/// The question who has written to a partition.
pub(in crate::scenarios) fn producers_of(at: &TopicPartition) -> String {
    format!("{at}: the producers")
}

#[cfg(test)]
mod tests {
    use ordain::types::Offset;

    use super::*;
    use crate::scenarios::broker::history::{Answers, Extent};

    #[test]
    fn another_answer_after_a_restart_is_found() {
        let answers = |all: &[(&str, &str)]| {
            Answers(all.iter().map(|(q, a)| ((*q).to_owned(), (*a).to_owned())).collect())
        };
        let check = |before, after| {
            answers_survive_a_restart(&Events { answers: vec![before, after], ..Events::default() })
        };
        assert_eq!(check(answers(&[("a", "1")]), answers(&[("a", "1")])), Ok(()));
        assert!(check(answers(&[("a", "1")]), answers(&[("a", "2")])).unwrap_err().contains("a: it was"));
        assert!(check(answers(&[("a", "1")]), answers(&[])).is_err());
        assert!(check(answers(&[]), answers(&[("a", "1")])).is_err());
        let at = super::super::testing::at();
        let mut events =
            Events { answers: vec![answers(&[(&end_of(&at), "7")]), answers(&[])], ..Events::default() };
        assert!(answers_survive_a_restart(&events).is_err());
        events.down.insert(at);
        assert_eq!(answers_survive_a_restart(&events), Ok(()), "it was reported as damaged meanwhile");
        let at = super::super::testing::at();
        let ends = |before: &str, after: &str| {
            let answers = vec![answers(&[(&end_of(&at), before)]), answers(&[(&end_of(&at), after)])];
            let extent = Extent { start: Offset(0), end: Offset(7) };
            let extents = [(at.clone(), extent)].into();
            answers_survive_a_restart(&Events { answers, extents, several_nodes: true, ..Events::default() })
        };
        assert_eq!(ends("7", "9"), Ok(()), "who votes has changed");
        assert!(ends("7", "6").is_err());
    }
}
