//! Services one by one, with moto checking no signatures: one that only so can be asked, and
//! ones that are not there.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::moto::Moto;
use super::{REGIONS, STRANGER, agent_host, found, inventory, inventory_within};

/// What moto, like other web frameworks, answers where nobody wrote an operation.
const NOT_WRITTEN: &str = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n\
    <h1>Internal Server Error</h1>\n<p>The server has either erred or is incapable of performing the requested operation.</p>\n";

#[tokio::test]
async fn functions_are_found_with_their_tags_and_without_their_environment() {
    let Some(moto) = Moto::start().await else { return };
    moto.make_role("runner").await;
    for (region, name) in [("us-east-1", "bill"), ("eu-west-1", "mail"), ("eu-west-1", "scan")] {
        moto.make_function(region, name, "arn:aws:iam::123456789012:role/runner").await;
    }
    let mut host = agent_host(&moto, STRANGER);
    host.start().await;
    let output = inventory(&host, json!({ "regions": REGIONS, "services": ["lambda"] })).await;
    assert_eq!((&output["errors"], &output["counts"]), (&json!([]), &json!({ "aws.lambda.function": 3 })));
    let functions = output["resources"].as_array().unwrap();
    let told: Vec<_> =
        functions.iter().map(|one| (one["region"].as_str().unwrap(), one["id"].as_str().unwrap())).collect();
    assert_eq!(told, [("eu-west-1", "mail"), ("eu-west-1", "scan"), ("us-east-1", "bill")]);
    for function in functions {
        assert_eq!(function["tags"], json!({ "team": function["id"] }));
        assert_eq!(
            function["relations"],
            json!([{ "kind": "role", "target": "arn:aws:iam::123456789012:role/runner" }])
        );
    }
    assert!(!output.to_string().contains("not-to-be-told"), "{output:#}");
}

#[tokio::test]
async fn a_service_that_is_not_there_and_one_that_is_silent_hide_nothing() {
    let Some(moto) = Moto::start().await else { return };
    moto.make_bucket("seen").await;
    // moto takes seconds for the first answer of each service, and here time is short.
    moto.query("sts", "us-east-1", &[("Action", "GetCallerIdentity".to_owned())]).await;
    let mut host = agent_host(&moto, STRANGER)
        .with_variable("AWS_ENDPOINT_URL_DYNAMODB", &endpoint(Some(NOT_WRITTEN)).await)
        .with_variable("AWS_ENDPOINT_URL_LAMBDA", &endpoint(None).await);
    host.start().await;
    let input = json!({ "services": ["s3", "dynamodb", "lambda"] });
    let output = inventory_within(&host, input, Duration::from_secs(20)).await;
    assert_eq!(found(&output).collect::<Vec<_>>(), [("aws.s3.bucket".to_owned(), "seen".to_owned())]);
    let errors = output["errors"].as_array().unwrap();
    let told: Vec<_> =
        errors.iter().map(|one| [&one["service"], &one["operation"], &one["kind"], &one["code"]]).collect();
    assert_eq!(
        told,
        [
            ["dynamodb", "ListTables", "not_available", "http_500"].map(|text| json!(text)).each_ref(),
            ["lambda", "ListFunctions", "failed", "silent"].map(|text| json!(text)).each_ref(),
        ]
    );
}

/// An endpoint that answers every request with status 500 and a page, or never; its address.
async fn endpoint(page: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, page));
        }
    });
    format!("http://{address}")
}

async fn serve(mut connection: TcpStream, page: Option<&'static str>) {
    let mut request = Vec::new();
    // The body of a request to DynamoDB is one JSON object.
    while !request.ends_with(b"}") {
        match connection.read_buf(&mut request).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    if let Some(page) = page {
        let head = "HTTP/1.1 500 INTERNAL SERVER ERROR\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close";
        let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len());
        let _ = connection.write_all(answer.as_bytes()).await;
    }
}
