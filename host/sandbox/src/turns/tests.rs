use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::timeout;

use super::*;

const A_WHILE: Duration = Duration::from_millis(50);

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn next(turn: &Turn) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    turn.next(&tenant("a"), AgentId::of(1))
}

#[tokio::test]
async fn a_guest_waits_for_a_turn_and_gives_it_back_while_it_waits_for_something_else() {
    let turns = Turns::new(1);
    let (first, second) = (turns.guest(), turns.guest());
    next(&first).await;
    assert!(timeout(A_WHILE, next(&second)).await.is_err(), "there is one turn alone");
    let waits = first.drive(std::future::pending::<()>());
    assert!(timeout(A_WHILE, waits).await.is_err());
    timeout(A_WHILE, next(&second)).await.expect("a turn that was given back");
    // Whoever has one and wants another stands in line like everybody else.
    let line = tokio::spawn({
        let first = first.clone();
        async move { next(&first).await }
    });
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    let again = second.clone();
    let again = tokio::spawn(async move { next(&again).await });
    timeout(A_WHILE, line).await.expect("the turn of whoever waited first").unwrap();
    assert!(!again.is_finished());
    first.drive(async {}).await;
    timeout(A_WHILE, again).await.expect("a turn at the other's end").unwrap();
}

/// Those who stand in line, by a name each, and the order in which they come to compute.
struct Standing(Turns, Vec<(&'static str, Waits)>);

type Waits = Pin<Box<dyn Future<Output = Option<Taken>>>>;

impl Standing {
    fn add(&mut self, tenant_name: &str, agent: u64, name: &'static str) {
        let turns = self.0.clone();
        let tenant = tenant(tenant_name);
        let mut waits: Waits = Box::pin(async move { turns.take(tenant, AgentId::of(agent)).await });
        assert!(waits.as_mut().now_or_never().is_none(), "{name} does not wait");
        self.1.push((name, waits));
    }

    /// Whose turn it is now.
    fn who(&mut self) -> (&'static str, Taken) {
        let found = self.1.iter_mut().enumerate().find_map(|(at, (_, waits))| {
            let taken = waits.as_mut().now_or_never()?;
            Some((at, taken.unwrap()))
        });
        let (at, taken) = found.expect("somebody whose turn it is");
        (self.1.remove(at).0, taken)
    }

    fn order(&mut self, mut taken: Taken) -> Vec<&'static str> {
        let mut order = Vec::new();
        while !self.1.is_empty() {
            drop(taken);
            let (name, next) = self.who();
            order.push(name);
            taken = next;
        }
        order
    }
}

async fn all_taken() -> (Standing, Taken) {
    let turns = Turns::new(1);
    let taken = turns.take(tenant("z"), AgentId::of(0)).await.unwrap();
    (Standing(turns, Vec::new()), taken)
}

#[tokio::test]
async fn tenants_take_turns_and_so_do_the_agents_of_one() {
    let (mut line, taken) = all_taken().await;
    for name in ["a1", "a2", "a3", "a4"] {
        line.add("a", 1, name);
    }
    line.add("a", 2, "a's other");
    line.add("b", 1, "b1");
    line.add("b", 1, "b2");
    line.add("c", 3, "c1");
    assert_eq!(line.order(taken), ["a1", "b1", "c1", "a's other", "b2", "a2", "a3", "a4"]);
    assert_eq!(line.0.line().free, 1);
    assert!(line.0.line().waiting.0.is_empty());
}

#[tokio::test]
async fn whoever_comes_back_stands_behind_those_who_wait() {
    let (mut line, mut taken) = all_taken().await;
    for name in ["a1", "a2", "a3"] {
        line.add("a", 1, name);
    }
    let mut order = Vec::new();
    line.add("b", 1, "b");
    for _ in 0..6 {
        drop(taken);
        let (name, next) = line.who();
        order.push(name);
        line.add(&name[..1], 1, name);
        taken = next;
    }
    assert_eq!(order, ["a1", "b", "a2", "b", "a3", "b"]);
}

#[tokio::test]
async fn a_turn_is_lost_by_nobody_who_goes_away() {
    let (mut line, taken) = all_taken().await;
    for name in ["gone", "told and gone", "stays"] {
        line.add("a", 1, name);
    }
    drop(line.1.remove(0));
    drop(taken);
    // It was told, and goes away before it looks.
    drop(line.1.remove(0));
    let (name, taken) = line.who();
    assert_eq!(name, "stays");
    drop(taken);
    assert_eq!(line.0.line().free, 1);
}
