//! A moto server of the test's own, and requests that fill it.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// The region of what is asked of no region of its own.
const REGION: &str = "us-east-1";

/// Longest that the server may take to start.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// A server, ended with this.
#[derive(Debug)]
pub struct Moto {
    _child: Child,
    url: String,
    http: reqwest::Client,
}

impl Moto {
    /// Starts a server; none where there is no moto on this machine.
    pub async fn start() -> Option<Self> {
        if let Ok(moto) = Self::try_start().await {
            return Some(moto);
        }
        assert!(std::env::var_os("TROUPE_REQUIRE_SUITES").is_none(), "moto_server is not on the path");
        // Past the test runner, which keeps what a passing test prints to itself.
        let _ = writeln!(std::io::stderr(), "left out: the AWS suite, because moto_server is not on the path");
        None
    }

    /// Starts a server.
    ///
    /// # Errors
    /// Whatever keeps the program from being started.
    pub async fn try_start() -> std::io::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let http = crate::client::builder().build().expect("a client");
        let moto = Self { _child: child, url: format!("http://127.0.0.1:{port}"), http };
        let until = tokio::time::Instant::now() + START_TIME_MAX;
        while moto.http.get(format!("{}/moto-api/", moto.url)).send().await.is_err() {
            assert!(tokio::time::Instant::now() < until, "moto does not start");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(moto)
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Checks signatures and policies from now on.
    pub async fn enforce(&self) {
        let request = self.http.post(format!("{}/moto-api/reset-auth", self.url));
        done(request.header("content-type", "text/plain").body("0").send().await.unwrap()).await;
    }

    /// Calls an operation of a query service, and returns the answer's text.
    pub async fn query(&self, service: &str, region: &str, parameters: &[(&str, String)]) -> String {
        let body: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let request = self
            .http
            .post(&self.url)
            .header("authorization", unsigned(service, region))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"));
        done(request.send().await.unwrap()).await
    }

    /// Calls an operation of a query service of a version, in the first region.
    pub async fn call(&self, service: &str, version: &str, action: &str, rest: &[(&'static str, &str)]) -> String {
        let mut call = vec![("Action", action.to_owned()), ("Version", version.to_owned())];
        call.extend(rest.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.query(service, REGION, &call).await
    }

    /// Calls an operation of a JSON service, and returns the answer's text.
    pub async fn json(&self, service: &str, region: &str, target: &str, input: &Value) -> String {
        let request = self
            .http
            .post(&self.url)
            .header("authorization", unsigned(service, region))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(input.to_string());
        done(request.send().await.unwrap()).await
    }

    /// Posts to a REST service, and returns the answer's text.
    pub async fn post(&self, service: &str, region: &str, path: &str, input: &Value) -> String {
        let request = self.http.post(format!("{}{path}", self.url)).json(input);
        done(request.header("authorization", unsigned(service, region)).send().await.unwrap()).await
    }

    /// Sets what Cost Explorer answers, one question after the other.
    pub async fn post_costs(&self, results: &[Value]) {
        let url = format!("{}/moto-api/static/ce/cost-and-usage-results", self.url);
        done(self.http.post(url).json(&json!({ "results": results })).send().await.unwrap()).await;
    }

    /// Makes a bucket.
    pub async fn make_bucket(&self, name: &str) {
        let request = self.http.put(format!("{}/{name}", self.url));
        done(request.header("authorization", unsigned("s3", "us-east-1")).send().await.unwrap()).await;
    }

    /// Makes a role that functions may take.
    pub async fn make_role(&self, name: &str) {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{"Service":"lambda.amazonaws.com"}}]}"#;
        let call = [("RoleName", name), ("AssumeRolePolicyDocument", trust)];
        self.call("iam", "2010-05-08", "CreateRole", &call).await;
    }

    /// Makes a function, tagged with its own name as its team.
    pub async fn make_function(&self, region: &str, name: &str, role: &str) {
        let function = json!({
            "FunctionName": name, "Role": role, "Runtime": "python3.12", "Handler": "main.handle",
            "Code": { "ZipFile": "eA==" }, "Tags": { "team": name },
            "Environment": { "Variables": { "PASSWORD": "not-to-be-told" } },
        });
        let request = self.http.post(format!("{}/2015-03-31/functions", self.url)).json(&function);
        done(request.header("authorization", unsigned("lambda", region)).send().await.unwrap()).await;
    }

    /// Makes a compute environment and a job queue, of the same name.
    pub async fn make_queue(&self, region: &str, name: &str, role: &str) {
        let environment =
            json!({ "computeEnvironmentName": name, "type": "UNMANAGED", "state": "ENABLED", "serviceRole": role });
        let queue = json!({
            "jobQueueName": name, "priority": 1, "state": "ENABLED",
            "computeEnvironmentOrder": [{ "order": 1, "computeEnvironment": name }],
        });
        for (operation, input) in [("createcomputeenvironment", environment), ("createjobqueue", queue)] {
            let request = self.http.post(format!("{}/v1/{operation}", self.url)).json(&input);
            done(request.header("authorization", unsigned("batch", region)).send().await.unwrap()).await;
        }
    }

    /// Makes a table.
    pub async fn make_table(&self, region: &str, name: &str) {
        let table = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{ "AttributeName": "a", "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": "a", "AttributeType": "S" }],
        });
        self.json("dynamodb", region, "DynamoDB_20120810.CreateTable", &table).await;
    }
}

/// What stands between the tags `<name>` in an answer, each time.
pub fn all_between<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    text.split(&open).skip(1).filter_map(|rest| rest.split(&close).next()).collect()
}

/// Names service and region as a signature does; moto goes by that before it enforces.
fn unsigned(service: &str, region: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

async fn done(response: Response) -> String {
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    text
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
