use serde_json::json;
use troupe_core::view::Template;
use troupe_core::{Code, TemplateName, limits};

use crate::support::{Home, OWNER, tenant};

fn template(name: &str, version: &str, summary: &str) -> Template {
    let document = json!({
        "template": 1, "name": name, "version": version, "summary": summary, "component": "aws",
        "agent": { "configuration": { "ratio": 0.1, "many": [1, "two", null] } },
    });
    serde_json::from_value(document).unwrap()
}

fn name(text: &str) -> TemplateName {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_version_says_for_good_what_it_said_first() {
    let home = Home::open().await;
    let (tenant, first) = (tenant(), template("explorer", "1.0.0", "first"));
    let (row, is_new) = home.store.import_template(&tenant, first.clone(), OWNER).await.unwrap();
    assert!(is_new && row.template == first && row.principal == OWNER);
    let (again, is_new) = home.store.import_template(&tenant, first.clone(), "key/another").await.unwrap();
    assert_eq!((again, is_new), (row.clone(), false));
    let other = home.store.import_template(&tenant, template("explorer", "1.0.0", "other"), OWNER).await.unwrap_err();
    assert_eq!(other.code, Code::TemplateImmutable);
    for version in ["1.10.0", "1.9.0", "1.10.0-rc.1"] {
        home.store.import_template(&tenant, template("explorer", version, version), OWNER).await.unwrap();
    }
    home.store.import_template(&tenant, template("another", "0.1.0", "more"), OWNER).await.unwrap();
    let version = "1.0.0".parse().unwrap();
    assert_eq!(home.reopened().await.template(&tenant, &name("explorer"), &version).await.unwrap(), Some(row));
    let all = home.store.template_versions(&tenant, None).await.unwrap();
    assert_eq!(all.len(), 5);
    assert_eq!(all[0].name, name("another"));
    let versions = home.store.template_versions(&tenant, Some(&name("explorer"))).await.unwrap();
    assert_eq!(versions.iter().map(|row| row.version.clone()).max().unwrap().to_string(), "1.10.0");
    let removed = home.store.remove_template(&tenant, &name("explorer"), &version, OWNER).await.unwrap();
    assert_eq!(removed.template, first);
    let gone = home.store.remove_template(&tenant, &name("explorer"), &version, OWNER).await.unwrap_err();
    assert_eq!(gone.code, Code::TemplateNotFound);
}

#[tokio::test]
async fn a_tenant_has_so_many_and_sees_none_of_others() {
    let home = Home::open().await;
    let tenant = tenant();
    for number in 0..limits::TEMPLATES_MAX {
        let template = template("explorer", &format!("1.0.{number}"), "one of many");
        home.store.import_template(&tenant, template, OWNER).await.unwrap();
    }
    let refused = home.store.import_template(&tenant, template("one-more", "1.0.0", "x"), OWNER).await.unwrap_err();
    assert_eq!(refused.code, Code::LimitTemplates);
    let other = "globex".parse().unwrap();
    assert!(home.store.template_versions(&other, None).await.unwrap().is_empty());
    home.store.import_template(&other, template("explorer", "1.0.0", "ours"), OWNER).await.unwrap();
    let version = "1.0.0".parse().unwrap();
    home.store.remove_template(&tenant, &name("explorer"), &version, OWNER).await.unwrap();
    let kept = home.store.template(&other, &name("explorer"), &version).await.unwrap().unwrap();
    assert_eq!(kept.template.summary, "ours");
}
