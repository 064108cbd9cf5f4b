use troupe_core::Code;

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn task(number: usize) -> TaskId {
    format!("0199a2f0-6c1e-7d3a-9b52-{number:012x}").parse().unwrap()
}

fn key(tenant: &str, agent: &str) -> Key {
    (tenant.parse().unwrap(), agent.parse().unwrap())
}

fn push(queue: &Queue, key: &Key, number: usize) {
    queue.push(0, key.0.clone(), key.1.clone(), task(number));
}

/// The next task, if its turn has come.
async fn next(queue: &Queue) -> Option<(Turn, Slot)> {
    tokio::time::timeout(Duration::from_millis(20), queue.next()).await.ok().flatten()
}

#[tokio::test]
async fn a_task_is_queued_once_until_its_turn_is_over() {
    let (queue, echo) = (Queue::default(), key("default", "echo"));
    push(&queue, &echo, 1);
    push(&queue, &echo, 1);
    let (turn, _slot) = next(&queue).await.unwrap();
    push(&queue, &echo, 1);
    push(&queue, &echo, 2);
    assert_eq!(next(&queue).await.unwrap().0.task, task(2));
    drop(turn);
    push(&queue, &echo, 1);
    assert_eq!(next(&queue).await.unwrap().0.task, task(1));
}

#[tokio::test]
async fn what_is_parked_is_queued_again_and_what_has_its_turn_is_not() {
    let (queue, echo) = (Queue::default(), key("default", "echo"));
    let again = |number| queue.push_again(0, echo.0.clone(), echo.1.clone(), task(number));
    push(&queue, &echo, 1);
    push(&queue, &echo, 2);
    next(&queue).await.unwrap().0.park();
    let (turn, _slot) = next(&queue).await.unwrap();
    for number in [1, 2, 1, 2] {
        again(number);
    }
    let (parked, _slot) = next(&queue).await.unwrap();
    assert_eq!([turn.task, parked.task], [task(2), task(1)]);
    assert!(next(&queue).await.is_none());
    drop(turn);
    again(2);
    assert_eq!(next(&queue).await.unwrap().0.task, task(2));
}

#[tokio::test]
async fn what_is_parked_and_was_done_elsewhere_is_forgotten_with_its_room() {
    let (queue, echo) = (Queue::default(), key("default", "echo"));
    for number in 0..limits::PENDING_PER_AGENT_MAX {
        push(&queue, &echo, number);
    }
    for _ in 0..2 {
        next(&queue).await.unwrap().0.park();
    }
    queue.keep_parked(&HashSet::from([task(0)]));
    drop(queue.room(&echo).unwrap());
    queue.resume(&echo.0, &echo.1);
    let (first, _slot) = next(&queue).await.unwrap();
    let (second, _slot) = next(&queue).await.unwrap();
    assert_eq!([first.task, second.task], [task(0), task(2)]);
    // It may come again.
    push(&queue, &echo, 1);
    assert!(queue.room(&echo).is_err());
}

#[tokio::test]
async fn what_is_parked_and_what_is_being_made_take_room_too() {
    let (queue, echo) = (Queue::default(), key("default", "echo"));
    for number in 1..limits::PENDING_PER_AGENT_MAX {
        push(&queue, &echo, number);
    }
    next(&queue).await.unwrap().0.park();
    let room = queue.room(&echo).unwrap();
    assert_eq!(queue.room(&echo).unwrap_err().code, Code::LimitConcurrency);
    queue.room(&key("default", "other")).unwrap();
    drop(room);
    let room = queue.room(&echo).unwrap();
    push(&queue, &echo, 0);
    drop(room);
    assert!(queue.room(&echo).is_err());
    // The oldest went aside first.
    queue.remove(task(1));
    queue.room(&echo).unwrap();
    queue.resume(&echo.0, &echo.1);
    assert_eq!(next(&queue).await.unwrap().0.task, task(0));
    assert_eq!(next(&queue).await.unwrap().0.task, task(2));
}

#[tokio::test]
async fn one_agent_takes_its_share_of_the_places_and_leaves_the_rest_to_others() {
    let (queue, slow, other) = (Queue::default(), key("default", "slow"), key("default", "other"));
    let mut running = Vec::new();
    for number in 0..limits::INVOCATIONS_PER_AGENT_MAX {
        running.push(queue.slot(&slow, 0, task(number), LONG).await.unwrap().unwrap());
    }
    push(&queue, &slow, 500);
    assert!(next(&queue).await.is_none());
    push(&queue, &other, 501);
    assert_eq!(next(&queue).await.unwrap().0.task, task(501));
    drop(running.pop());
    assert_eq!(next(&queue).await.unwrap().0.task, task(500));
}

#[tokio::test]
async fn tenants_take_turns_at_what_becomes_free() {
    let queue = Queue::default();
    for tenant in ["acme", "zeta"] {
        for number in 0..3 {
            push(&queue, &key(tenant, "slow"), if tenant == "acme" { number } else { 100 + number });
        }
    }
    let mut order = Vec::new();
    while let Some((turn, _)) = next(&queue).await {
        order.push(turn.key.0.to_string());
    }
    assert_eq!(order, ["acme", "zeta", "acme", "zeta", "acme", "zeta"]);
}

#[tokio::test]
async fn a_call_waits_in_line_no_longer_than_its_client() {
    let (queue, slow) = (Queue::default(), key("default", "slow"));
    let dispatcher = queue.clone();
    tokio::spawn(async move { while dispatcher.next().await.is_some() {} });
    let mut running = Vec::new();
    for number in 0..limits::INVOCATIONS_PER_AGENT_MAX {
        running.push(queue.slot(&slow, 0, task(number), LONG).await.unwrap());
    }
    assert!(queue.slot(&slow, 0, task(900), Duration::from_millis(50)).await.unwrap().is_none());
    let waiting: Vec<_> = (0..limits::CALLS_WAITING_PER_AGENT_MAX)
        .map(|number| {
            let (queue, slow) = (queue.clone(), slow.clone());
            tokio::spawn(async move { queue.slot(&slow, 0, task(1000 + number), LONG).await.unwrap() })
        })
        .collect();
    tokio::task::yield_now().await;
    let refused = queue.slot(&slow, 0, task(901), LONG).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (
            Code::LimitConcurrency,
            "32 calls wait for a place of agent `slow` already, its share of this host; try again later"
        )
    );
    drop(running);
    for call in waiting {
        assert!(call.await.unwrap().is_some());
    }
    let waiting = queue.lock();
    assert!(waiting.calls.full(&slow).is_none() && waiting.places.is_free(&slow));
}

#[tokio::test]
async fn a_call_that_waits_is_told_when_the_host_stops() {
    let (queue, slow) = (Queue::default(), key("default", "slow"));
    let mut running = Vec::new();
    for number in 0..limits::INVOCATIONS_PER_AGENT_MAX {
        running.push(queue.slot(&slow, 0, task(number), LONG).await.unwrap().unwrap());
    }
    let (stood, ()) = tokio::join!(queue.slot(&slow, 0, task(900), LONG), async {
        tokio::task::yield_now().await;
        queue.close();
    });
    assert!(stood.unwrap().is_none());
    assert!(queue.next().await.is_none());
}
