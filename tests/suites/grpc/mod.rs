//! gRPC: its calls, its streams, its door, and clients that we did not write.

mod calls;
mod door;
mod health;
mod python;
mod sessions;
mod streams;
mod tls;

use troupe_tests::grpc::proto;

/// What a stream of a task told by its end.
struct Told {
    tasks: Vec<proto::Task>,
    progress: Vec<String>,
    partial: Vec<String>,
    end: proto::End,
}

/// Sorts what a stream of a task told, whose last is its end.
fn told(events: Vec<proto::TaskEvent>) -> Told {
    use proto::task_event::What;
    let (mut tasks, mut progress, mut partial, mut ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for event in events {
        assert!(ends.is_empty(), "something comes after the end: {event:?}");
        match event.what.expect("something that happened") {
            What::Task(task) => tasks.push(task),
            What::Progress(report) => progress.push(report.message),
            What::PartialJson(part) => partial.push(part),
            What::Missed(parts) => panic!("{parts} were missed"),
            What::End(end) => ends.push(end),
        }
    }
    Told { tasks, progress, partial, end: ends.pop().expect("an end") }
}
