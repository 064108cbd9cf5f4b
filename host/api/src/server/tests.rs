use std::time::Duration;

use axum::Router;

use super::Server;

#[tokio::test]
async fn a_server_that_is_stopped_before_it_serves_ends_at_once() {
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    server.stopper().stop();
    let served = server.serve(Router::new(), Duration::from_secs(60));
    tokio::time::timeout(Duration::from_secs(10), served).await.expect("an end without waiting for anybody");
}
