use std::time::Duration;

use serde_json::json;

use super::host;

#[tokio::test]
async fn a_task_that_writes_files_goes_on_after_a_kill_and_leaves_no_half_file() {
    let mut host = host().await;
    let fill = json!({ "directory": "work", "files": 150, "bytes": 20_000 });
    let task = host.client().submit("files", "fill", fill).await;
    for pause in [40, 90, 150] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        host.kill().await;
        host.start().await;
    }
    let ended = host.client().ended(&task).await;
    assert_eq!((&ended["status"], &ended["output"]["written"]), (&json!("completed"), &json!(150)), "{ended:#}");
    let dir = host.data_dir().join("files/default/files/work");
    let mut files = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        // What a killed host left unfinished was taken away when the next one counted.
        assert!(!entry.file_name().to_string_lossy().starts_with(".troupe-"), "{entry:?}");
        assert_eq!(entry.metadata().unwrap().len(), 20_000);
        files += 1;
    }
    assert_eq!(files, 150);
}

#[tokio::test]
async fn a_run_that_keeps_nothing_cannot_write_a_file() {
    let host = host().await;
    let task = json!({
        "agent": "files", "skill": "write_as_reader", "durability": "none",
        "input": { "directory": "work", "path": "a", "text": "x" },
    });
    let told = host.client().post("/api/v1/tasks?wait=30", &task).await.output();
    assert_eq!(told["code"], "denied.capability");
    assert!(!host.data_dir().join("files/default/files/work").join("a").exists());
}
