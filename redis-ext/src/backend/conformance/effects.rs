//! Effects: finished once, by the latest run.

use std::time::Duration;

use super::{
    Subject,
    subject::{LONG, SHORT},
};
use crate::{
    TaskId,
    backend::{EffectBackend as _, EffectKey, EffectState},
};

impl Subject {
    fn effect(&self, name: &str) -> EffectKey {
        EffectKey { queue: self.queue.clone(), task: TaskId::random(), name: name.to_owned() }
    }

    async fn begin(&self, effect: &EffectKey, ttl: Duration) -> u64 {
        match self.backend.begin_effect(effect, ttl).await.unwrap() {
            EffectState::Begun(token) => token,
            EffectState::Finished(result) => panic!("already finished with {result:?}"),
        }
    }
}

pub async fn a_finished_effect_is_not_begun_again(subject: &Subject) {
    let effect = subject.effect("charge");
    let token = subject.begin(&effect, LONG).await;
    assert!(subject.backend.finish_effect(&effect, token, b"\xff\n result", LONG).await.unwrap());
    let again = subject.backend.begin_effect(&effect, LONG).await.unwrap();
    assert_eq!(again, EffectState::Finished(b"\xff\n result".to_vec()));
}

pub async fn only_the_latest_run_finishes_an_effect(subject: &Subject) {
    let effect = subject.effect("charge");
    let early = subject.begin(&effect, LONG).await;
    let late = subject.begin(&effect, LONG).await;
    assert!(late > early);
    assert!(!subject.backend.finish_effect(&effect, early, b"early", LONG).await.unwrap());
    assert!(subject.backend.finish_effect(&effect, late, b"late", LONG).await.unwrap());
    assert!(!subject.backend.finish_effect(&effect, early, b"early", LONG).await.unwrap());
    let again = subject.backend.begin_effect(&effect, LONG).await.unwrap();
    assert_eq!(again, EffectState::Finished(b"late".to_vec()));
}

pub async fn an_effect_finished_again_after_a_lost_reply_keeps_its_result(subject: &Subject) {
    let effect = subject.effect("charge");
    let token = subject.begin(&effect, LONG).await;
    assert!(subject.backend.finish_effect(&effect, token, b"first", LONG).await.unwrap());
    assert!(subject.backend.finish_effect(&effect, token, b"second", LONG).await.unwrap());
    let again = subject.backend.begin_effect(&effect, LONG).await.unwrap();
    assert_eq!(again, EffectState::Finished(b"first".to_vec()));
}

pub async fn effects_of_other_names_and_tasks_are_others(subject: &Subject) {
    let charge = subject.effect("charge");
    let notify = EffectKey { name: "notify".to_owned(), ..charge.clone() };
    let other_task = EffectKey { task: TaskId::random(), ..charge.clone() };
    let token = subject.begin(&charge, LONG).await;
    assert!(subject.backend.finish_effect(&charge, token, b"", LONG).await.unwrap());
    subject.begin(&notify, LONG).await;
    subject.begin(&other_task, LONG).await;
    assert_eq!(subject.backend.begin_effect(&charge, LONG).await.unwrap(), EffectState::Finished(Vec::new()));
}

pub async fn an_effect_is_forgotten_after_its_time(subject: &Subject) {
    let (finished, begun) = (subject.effect("charge"), subject.effect("charge"));
    let token = subject.begin(&finished, LONG).await;
    assert!(subject.backend.finish_effect(&finished, token, b"", SHORT).await.unwrap());
    let token = subject.begin(&begun, SHORT).await;
    tokio::time::sleep(2 * SHORT).await;
    subject.begin(&finished, LONG).await;
    assert!(!subject.backend.finish_effect(&begun, token, b"", LONG).await.unwrap());
}
