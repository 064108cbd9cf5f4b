//! Templates, by the command line.

use insta::assert_snapshot;
use troupe_tests::Host;
use troupe_tests::command::{Said, run_on};

use super::seen;
use crate::{PROGRAM, host};

const EXPLORER: &str = "\
# Comments are for whoever edits it.
template: 1
name: explorer
version: 1.0.0
summary: Greets as it was told
component: echo
parameters:
  type: object
  properties:
    greeting: { type: string, default: good day, description: What it says }
    repeat: { type: integer }
  required: [repeat]
agent:
  summary: Says ${greeting}
  skills: [who]
  configuration: { greeting: \"${greeting}\", repeat: \"${repeat}\" }
";

async fn on(host: &Host, arguments: &[&str]) -> Said {
    run_on(PROGRAM, host, arguments).await
}

#[tokio::test]
async fn a_template_is_imported_shown_made_into_an_agent_and_removed() {
    let host = host().await;
    let file = host.data_dir().join("explorer.yaml");
    std::fs::write(&file, EXPLORER).unwrap();
    let file = file.to_str().unwrap();
    assert_snapshot!(seen(on(&host, &["templates"]).await.good()), @"no templates yet; `troupe templates import FILE` imports one");
    assert_snapshot!(seen(on(&host, &["templates", "import", file]).await.good()), @r"
    imported explorer@1.0.0
    run `troupe agents create NAME --template explorer` to make an agent of it
    ");
    assert_snapshot!(seen(on(&host, &["templates"]).await.good()), @r"
    TEMPLATE  VERSIONS  COMPONENT  SUMMARY
    explorer  1.0.0     echo       Greets as it was told
    ");
    assert_snapshot!(seen(on(&host, &["templates", "show", "explorer"]).await.good()), @r"
    template  explorer@1.0.0
    summary   Greets as it was told
    component echo
    imported  [time] by owner

    PARAMETER  TYPE     DEFAULT   DESCRIPTION
    greeting   string   good day  What it says
    repeat     integer  needed
    ");
    let create = ["agents", "create", "greeter", "--template", "explorer"];
    let tried = on(&host, &[&create[..], &["--set", "repeat=2", "--dry-run"]].concat()).await;
    assert_snapshot!(seen(tried.good()), @"greeter@1.0.0 would be made of explorer@1.0.0 over echo@2.0.0");
    let made = on(&host, &[&create[..], &["--set", "repeat=2", "--set", "greeting=a=b"]].concat()).await;
    assert_snapshot!(seen(made.good()), @r"
    greeter@1.0.0 is made of explorer@1.0.0 over echo@2.0.0
    published greeter@1.0.0
    [digest]
    run `troupe swap greeter@1.0.0` to make it serve
    ");
    on(&host, &["swap", "greeter@1.0.0"]).await.good();
    let said = on(&host, &["--json", "run", "greeter", "who"]).await;
    assert!(said.good().contains(r#""greeting": "a=b""#), "{}", said.out);
    let other = host.data_dir().join("greeter.yaml");
    let exported = on(&host, &["agents", "export", "greeter"]).await;
    std::fs::write(&other, exported.good()).unwrap();
    let again = ["agents", "create", "greeter", "--file", other.to_str().unwrap(), "--dry-run"];
    let again: serde_json::Value =
        serde_json::from_str(on(&host, &[&["--json"], &again[..]].concat()).await.good()).unwrap();
    let release = host.client().get("/api/v1/agents/greeter/versions/1.0.0").await.of(200);
    assert_eq!(again["digest"], release["digest"]);
    assert_snapshot!(seen(on(&host, &["templates", "remove", "explorer@1.0.0"]).await.good()), @"explorer@1.0.0 is removed");
}

#[tokio::test]
async fn what_is_wrong_with_a_template_is_said_with_its_place() {
    let host = host().await;
    let file = host.data_dir().join("explorer.yaml");
    let path = file.to_str().unwrap().to_owned();
    std::fs::write(&file, "template: 1\n  name: x\n").unwrap();
    let said = on(&host, &["templates", "import", &path]).await;
    assert!(
        said.bad().contains("explorer.yaml: the YAML cannot be read: ") && said.err.contains("line 2"),
        "{}",
        said.err
    );
    std::fs::write(&file, EXPLORER.replace("summary: Greets", "sumary: Greets")).unwrap();
    let said = on(&host, &["templates", "import", &path]).await;
    assert!(said.bad().contains("is not a template: unknown field `sumary`"), "{}", said.err);
    std::fs::write(&file, EXPLORER).unwrap();
    let create = ["agents", "create", "greeter", "--file", &path];
    let said = on(&host, &[&create[..], &["--set", "repeat=often"]].concat()).await;
    assert_snapshot!(seen(said.bad()), @"error: `--set repeat=often`: the template wants a value of type integer, written as JSON [request.invalid]");
    let said = on(&host, &[&create[..], &["--set", "repeat=1", "--set", "repeat=2"]].concat()).await;
    assert_snapshot!(seen(said.bad()), @"error: `--set repeat=…` stands twice [request.invalid]");
    let said = on(&host, &["templates", "remove", "explorer"]).await;
    assert_snapshot!(seen(said.bad()), @"error: a version is removed; write `explorer@VERSION` [request.invalid]");
    let said = on(&host, &["templates", "show", "nobody"]).await;
    assert_snapshot!(seen(said.bad()), @"error: there is no template `nobody`; `troupe templates` lists those there are [template.not_found]");
}
