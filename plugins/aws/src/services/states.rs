//! Step Functions: the state machines of one region. What they do is left out: people keep
//! secrets in the inputs of steps.

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, each, told};

const SERVICE: &str = "states";
const LIST: (&str, &str) = (SERVICE, "ListStateMachines");
const DESCRIBE: (&str, &str) = (SERVICE, "DescribeStateMachine");
const TAGS: (&str, &str) = (SERVICE, "ListTagsForResource");

/// Lists the state machines and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional(SERVICE, scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, target: "AWSStepFunctions", version: "1.0" };
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let read = |page: Item<'_>| {
        listed.extend(page.list("stateMachines").filter_map(|item| {
            let (arn, name) = (item.text("stateMachineArn")?, item.text("name")?);
            let machine = Resource::new("aws.states.state-machine", scope.region, name).name(name);
            let machine = machine.created(item.time("creationDate")).with("kind", item.text("type"));
            Some(machine.arn(Some(arn.to_owned())))
        }));
    };
    if let Err(fault) = api.pages(LIST.1, json!({ "maxResults": 1000 }), Paging::NEXT_TOKEN, read).await {
        found.note(LIST, scope.region, None, fault);
    }
    each(found, listed, |machine| describe(api, machine)).await
}

async fn describe(api: Api<'_>, mut machine: Resource) -> Found {
    let mut found = Found::default();
    let arn = machine.arn.clone().unwrap_or_default();
    let described = api.ask::<Value>(DESCRIBE.1, json!({ "stateMachineArn": arn, "includedData": "METADATA_ONLY" }));
    let tags = api.ask::<Value>(TAGS.1, json!({ "resourceArn": arn }));
    let (described, tags) = wait::both(described, tags).await;
    let tells = ["state", "logging", "tracing", "encryption"];
    told(&mut found, &mut machine, DESCRIBE, &tells, &described, |machine, answer| {
        let logging = answer.at("loggingConfiguration");
        let groups = logging.texts_of("destinations", "cloudWatchLogsLogGroup/logGroupArn");
        *machine = machine
            .clone()
            .with("state", answer.text("status"))
            // What does not log says nothing about it.
            .with("logging", Some(logging.text("level").unwrap_or("OFF")))
            .with("logs_data", Some(logging.truth("includeExecutionData").unwrap_or_default()))
            .with("tracing", Some(answer.truth("tracingConfiguration/enabled").unwrap_or_default()))
            .with("encryption", Some(answer.text("encryptionConfiguration/type").unwrap_or("AWS_OWNED_KEY")))
            .to("role", answer.text("roleArn"))
            .to("kms-key", answer.text("encryptionConfiguration/kmsKeyId"));
        groups.for_each(|group| machine.relate("log-group", group));
    });
    told(&mut found, &mut machine, TAGS, &["tags"], &tags, |machine, answer| {
        machine.tags.extend(answer.tags("tags"));
    });
    found.resources.push(machine);
    found
}
