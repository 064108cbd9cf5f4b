use std::time::Duration;

use serde_json::{Map, Value, json};
use troupe_core::view::{MessageState, NewMessage, Reply, ReplyKind, SessionStatus};
use troupe_core::{Clock as _, Code, SessionId, SkillName, limits};
use troupe_store::{
    Commit, MessageRow, NewInstanceRow, NewMessageRow, NewSessionRow, Planned, Redact, SaidMessage, SessionFilter,
    SessionRow, Started, Step, TaskRow,
};

use crate::support::{Home, OWNER, agent, completed, id, pending, pin, ran_on, tenant};

const MINUTE: Duration = Duration::from_secs(60);

fn session_id(number: u64) -> SessionId {
    format!("0199a2f0-6c1e-7d3a-9b53-{number:012x}").parse().unwrap()
}

fn new(number: u64) -> NewSessionRow {
    NewSessionRow {
        id: session_id(number),
        principal: "owner".to_owned(),
        user: Map::new(),
        context: Map::new(),
        idle: 2 * MINUTE,
        lifetime: 5 * MINUTE,
    }
}

fn task(number: u64) -> Step {
    let task = TaskRow { session: Some(session_id(1)), ..pending(number) };
    Step::Task(None, Box::new(task))
}

fn reply() -> Step {
    Step::Reply(None, Box::new(Reply::new(ReplyKind::Abilities, "nothing")))
}

fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

impl Home {
    async fn session(&self) -> SessionRow {
        self.store.start_session(&tenant(), new(1)).await.unwrap()
    }

    async fn said(&self, text: &str, planned: Option<(u64, Step)>) -> troupe_core::Result<SaidMessage> {
        let message = NewMessage { text: text.to_owned(), ..NewMessage::default() };
        self.message(message, planned).await
    }

    async fn message(&self, message: NewMessage, planned: Option<(u64, Step)>) -> troupe_core::Result<SaidMessage> {
        let new = NewMessageRow {
            session: session_id(1),
            agent: agent(),
            instance: None,
            principal: "owner".to_owned(),
            message,
        };
        self.store.say(&tenant(), new, planned.map(|(after, step)| Planned { after, step })).await
    }

    async fn state(&self, number: u64) -> MessageState {
        self.store.message(&tenant(), session_id(1), number).await.unwrap().unwrap().state
    }

    async fn end_task(&self, number: u64) {
        let claimed = self.store.claim(&tenant(), id(number), OWNER, &ran_on(), &self.head()).await.unwrap();
        let commit = Commit { pin: pin(&claimed), journal: Vec::new(), write: None, end: Some(completed()) };
        self.store.commit(commit).await.unwrap();
    }
}

fn kept(said: SaidMessage) -> MessageRow {
    match said {
        SaidMessage::Kept(row, _) => *row,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_message_its_number_and_its_task_are_kept_together_or_not_at_all() {
    let home = Home::open().await;
    home.session().await;
    assert_eq!(home.said("a", Some((0, reply()))).await.map(kept).unwrap().number, 1);
    // The plan was made before the first was said.
    assert_eq!(home.said("b", Some((0, task(1)))).await.unwrap(), SaidMessage::Changed);
    assert!(home.store.pending().await.unwrap().is_empty());
    let row = home.said("b", Some((1, task(1)))).await.map(kept).unwrap();
    assert_eq!((row.number, row.state, row.task), (2, MessageState::Running, Some(id(1))));
    assert_eq!(home.store.pending().await.unwrap().len(), 1);
    // Of two at the same time one has the turn, and the other waits.
    assert_eq!(home.said("c", Some((2, task(2)))).await.map(kept).unwrap().state, MessageState::Waiting);
    assert_eq!(home.said("d", None).await.map(kept).unwrap().number, 4);
    assert_eq!(home.store.pending().await.unwrap().len(), 1);
    // A task that cannot be made leaves no message.
    let gone = "0199a2f0-6c1e-7d3a-9b52-000000000099".parse().unwrap();
    let stray = TaskRow { instance: Some(gone), ..pending(9) };
    let mut row = home.store.message(&tenant(), session_id(1), 3).await.unwrap().unwrap();
    home.end_task(1).await;
    let planned = Planned { after: 2, step: Step::Task(None, Box::new(stray)) };
    assert_eq!(home.store.take_turn(&row, planned).await.unwrap_err().code, Code::InstanceNotFound);
    assert_eq!(home.state(3).await, MessageState::Waiting);
    row.number = 4;
    let planned = Planned { after: 2, step: reply() };
    assert_eq!(home.store.take_turn(&row, planned).await.unwrap(), SaidMessage::Changed);
}

#[tokio::test]
async fn the_end_of_a_task_answers_its_message_in_one_commit_and_passes_the_turn_on() {
    let home = Home::open().await;
    home.session().await;
    home.said("a", Some((0, task(1)))).await.unwrap();
    home.said("b", None).await.unwrap();
    home.said("c", None).await.unwrap();
    assert!(home.store.turns(None, 10).await.unwrap().is_empty());
    home.end_task(1).await;
    let first = home.store.message(&tenant(), session_id(1), 1).await.unwrap().unwrap();
    assert_eq!((first.state, first.answered_at), (MessageState::Answered, Some(home.clock.now())));
    let outcome = first.outcome.unwrap();
    assert_eq!((outcome.output.as_deref(), outcome.release), (Some(r#"{"ok":true}"#), Some(ran_on())));
    let due = home.store.turns(None, 10).await.unwrap();
    assert_eq!(due, [(tenant(), session_id(1), 2)]);
    assert!(home.store.turns(due.last().cloned(), 10).await.unwrap().is_empty());
    let row = home.store.message(&tenant(), session_id(1), 2).await.unwrap().unwrap();
    let turn = home.store.take_turn(&row, Planned { after: 1, step: reply() }).await.unwrap();
    assert_eq!(kept(turn).state, MessageState::Answered);
    // Once.
    let again = home.store.take_turn(&row, Planned { after: 1, step: task(2) }).await.unwrap();
    assert_eq!(again, SaidMessage::Changed);
    assert_eq!(home.store.turns(None, 10).await.unwrap(), [(tenant(), session_id(1), 3)]);
    let kinds = home.kinds().await;
    let of_session: Vec<_> = kinds.iter().filter(|kind| kind.starts_with("session.")).collect();
    assert_eq!(
        of_session,
        [
            "session.started",
            "session.message",
            "session.message",
            "session.message",
            "session.answered",
            "session.answered"
        ]
    );
}

#[tokio::test]
async fn a_session_lives_on_by_use_up_to_its_life_and_ends_with_all_that_waits_in_it() {
    let home = Home::open().await;
    let began = home.session().await;
    assert_eq!(began.expires_at, began.created_at.plus(2 * MINUTE));
    home.clock.advance(MINUTE);
    home.said("a", Some((0, task(1)))).await.unwrap();
    let used = home.store.session(&tenant(), session_id(1)).await.unwrap().unwrap();
    assert_eq!(used.expires_at, began.created_at.plus(3 * MINUTE));
    home.clock.advance(MINUTE + MINUTE / 2);
    let instance = NewInstanceRow {
        id: "0199a2f0-6c1e-7d3a-9b52-00000000000a".parse().unwrap(),
        agent: agent(),
        name: None,
        session: Some(session_id(1)),
        principal: "owner".to_owned(),
        checked: false,
    };
    let Started::New(instance) = home.store.start_instance(&tenant(), instance).await.unwrap() else { panic!("new") };
    home.said("b", None).await.unwrap();
    // Not yet over: nothing is ended.
    assert!(home.store.end_session(&tenant(), session_id(1), None).await.unwrap().ended.is_none());
    home.clock.advance(MINUTE);
    home.store.change_context(&tenant(), session_id(1), object(json!({ "a": 1 })), None).await.unwrap();
    let last = home.store.session(&tenant(), session_id(1)).await.unwrap().unwrap();
    assert_eq!(last.expires_at, began.lives_until);
    home.clock.advance(2 * MINUTE);
    assert_eq!(last.status(home.clock.now()), SessionStatus::Expired);
    assert_eq!(home.said("late", None).await.unwrap_err().code, Code::SessionEnded);
    assert_eq!(home.store.sessions_over(home.clock.now(), 9).await.unwrap(), [(tenant(), session_id(1))]);
    let ended = home.store.end_session(&tenant(), session_id(1), None).await.unwrap();
    assert_eq!((ended.ended, ended.ended_by), (Some((home.clock.now(), SessionStatus::Expired)), None));
    assert!(home.store.sessions_over(home.clock.now(), 9).await.unwrap().is_empty());
    assert!(home.store.instance(&tenant(), instance.id).await.unwrap().unwrap().stopped_at.is_some());
    let waited = home.store.message(&tenant(), session_id(1), 2).await.unwrap().unwrap();
    assert_eq!(waited.reply.unwrap().failure.unwrap().code, "session.ended");
    assert_eq!(home.state(1).await, MessageState::Running);
    home.end_task(1).await;
    assert_eq!(home.state(1).await, MessageState::Answered);
}

#[tokio::test]
async fn a_key_gives_its_message_and_no_other() {
    let home = Home::open().await;
    home.session().await;
    let keyed = |text: &str| NewMessage {
        text: text.to_owned(),
        idempotency_key: Some("k".to_owned()),
        ..NewMessage::default()
    };
    let first = home.message(keyed("a"), Some((0, task(1)))).await.map(kept).unwrap();
    let SaidMessage::Existing(again) = home.message(keyed("a"), Some((1, task(2)))).await.unwrap() else {
        panic!("the same")
    };
    assert_eq!(*again, first);
    let other = home.message(keyed("b"), None).await.unwrap_err();
    assert_eq!(other.code, Code::ConflictIdempotency);
    assert_eq!(home.store.session(&tenant(), session_id(1)).await.unwrap().unwrap().messages, 1);
}

#[tokio::test]
async fn a_tenant_has_as_many_sessions_as_it_may_and_a_session_as_many_messages() {
    let home = Home::open().await;
    let start = async |number| home.store.start_session(&tenant(), new(number)).await;
    let store = home.store.clone();
    let all = (1..=limits::SESSIONS_MAX).map(move |number| {
        let store = store.clone();
        async move { store.start_session(&tenant(), new(number)).await.map(drop) }
    });
    let all = all.collect::<tokio::task::JoinSet<_>>().join_all().await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(start(0).await.unwrap_err().code, Code::LimitSessions);
    home.store.start_session(&"other".parse().unwrap(), new(0)).await.unwrap();
    home.store.end_session(&tenant(), session_id(7), Some("owner")).await.unwrap();
    start(0).await.unwrap();
    let ended = SessionFilter { status: Some(SessionStatus::Ended), ..SessionFilter::default() };
    let listed = home.store.sessions(&tenant(), &ended, None, 10, home.clock.now()).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.id).collect::<Vec<_>>(), [session_id(7)]);
    for number in 0..limits::MESSAGES_MAX {
        home.said("a", Some((number, reply()))).await.unwrap();
    }
    assert_eq!(home.said("more", None).await.unwrap_err().code, Code::LimitMessages);
    let (page, more) = home.store.messages(&tenant(), session_id(1), 10, 20).await.unwrap();
    assert_eq!((page.len(), page[0].number, more), (20, 11, true));
}

/// Forgets a task with its documents.
async fn forget(home: &Home, number: u64) {
    let redact = Redact { call: |_| Vec::new(), answer: Vec::new, documents: true };
    home.store.redact(&tenant(), id(number), redact, None).await.unwrap();
}

#[tokio::test]
async fn an_answer_in_own_words_is_forgotten_alone_and_a_skill_with_what_was_said_since_the_one_before() {
    let home = Home::open().await;
    home.session().await;
    let own = SkillName::CONVERSE;
    let said = [("a", Some(own)), ("b", Some(own)), ("c", None), ("d", Some(own)), ("e", None)];
    for (after, (text, skill)) in (0..).zip(said) {
        let Step::Task(reading, mut asked) = task(after + 1) else { unreachable!() };
        asked.skill = skill.map_or(asked.skill, |own| own.parse().unwrap());
        home.said(text, Some((after, Step::Task(reading, asked)))).await.map(kept).unwrap();
        home.end_task(after + 1).await;
    }
    let texts = async || {
        let (rows, _) = home.store.messages(&tenant(), session_id(1), 0, 10).await.unwrap();
        rows.iter()
            .map(|row| if row.message.text.len() == 1 { row.message.text.clone() } else { "-".to_owned() })
            .collect::<String>()
    };
    assert_eq!(texts().await, "abcde");
    forget(&home, 2).await;
    assert_eq!(texts().await, "a-cde");
    forget(&home, 5).await;
    assert_eq!(texts().await, "a-c--");
}

#[tokio::test]
async fn of_what_was_said_before_as_much_is_read_as_a_page_holds_the_newest_first() {
    let home = Home::open().await;
    home.session().await;
    let long = || {
        let text = "x".repeat(usize::try_from(limits::STORE_PAGE_BYTES_MAX / 3).unwrap());
        Step::Reply(None, Box::new(Reply::new(ReplyKind::Abilities, text)))
    };
    for after in 0..4 {
        home.said("a", Some((after, long()))).await.unwrap();
    }
    let history = home.store.history(&tenant(), session_id(1), (&agent(), None), u64::MAX, 20).await.unwrap();
    assert_eq!(history.iter().map(|row| row.number).collect::<Vec<_>>(), [4, 3]);
    let history = home.store.history(&tenant(), session_id(1), (&agent(), None), 4, 1).await.unwrap();
    assert_eq!(history.iter().map(|row| row.number).collect::<Vec<_>>(), [3]);
}
