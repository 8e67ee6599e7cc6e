//! I11: state is the replay of the log: what the broker answers of topics, configurations, groups, producers and
//! offsets is the same before and after a loss of power (seen broken in Redpanda, PR 31483).
use crate::scenarios::broker::history::Events;

pub(super) fn answers_survive_a_restart(events: &Events) -> Result<(), String> {
    for pair in events.answers.windows(2) {
        let (before, after) = (&pair[0].0, &pair[1].0);
        for question in before.keys().chain(after.keys()) {
            let (was, is) = (before.get(question), after.get(question));
            if was != is {
                return Err(format!("{question}: it was {was:?}, and after a loss of power {is:?}"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::broker::history::Answers;

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
    }
}
