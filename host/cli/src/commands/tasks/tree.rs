//! What agents asked of one another, as a tree: the task at the top, and below each what its agent asked for; what
//! handles events that they published stands below the top.

use troupe_core::view::TaskView;
use troupe_core::{Result, TaskId};

use crate::client::{Client, segment};

/// The task at the top of one, and all below it, the newest first.
pub(super) async fn read(client: &Client, path: &str) -> Result<Vec<TaskView>> {
    let task: TaskView = client.get(path).await?;
    let top = match task.root {
        Some(root) => client.get(&format!("/api/v1/tasks/{}", segment(&root.to_string()))).await?,
        None => task,
    };
    let below = client.all("/api/v1/tasks", &[("root", top.id.to_string())]).await?;
    Ok(std::iter::once(top).chain(below).collect())
}

/// One line for each task, those that were asked for earlier first.
pub(super) fn show(tree: &[TaskView]) -> String {
    let mut out = String::new();
    let Some(top) = tree.first() else { return out };
    let mut left = vec![(top.id, 0)];
    while let Some((id, depth)) = left.pop() {
        if let Some(task) = tree.iter().find(|task| task.id == id) {
            out.push_str(&line(task, depth));
        }
        // The newest first, so that the oldest is taken next.
        left.extend(children(tree, id).map(|child| (child, depth + 1)));
    }
    out
}

fn children(tree: &[TaskView], of: TaskId) -> impl Iterator<Item = TaskId> + '_ {
    let top = tree.first().map(|task| task.id);
    tree.iter().skip(1).filter(move |task| task.caused_by.or(top) == Some(of)).map(|task| task.id)
}

fn line(task: &TaskView, depth: usize) -> String {
    let (indent, status) = ("  ".repeat(depth), task.status.as_str());
    let release = task.release.as_ref().map_or_else(String::new, |release| format!("@{}", release.version));
    let code = task.failure.as_ref().map_or_else(String::new, |failure| format!(" [{}]", failure.code));
    format!("{indent}{} {}{release} {} {status}{code}\n", task.id, task.agent, task.skill)
}
