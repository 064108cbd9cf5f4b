use super::*;

fn refused(text: &str) -> String {
    let error = Document::parse(text).unwrap_err();
    assert_eq!(error.code, Code::CredentialsInvalid);
    error.message
}

/// A document with one credential, whose table has these lines.
fn credential(name: &str, lines: &str) -> String {
    format!("[tenant.default.credentials.\"{name}\"]\n{lines}\n")
}

#[test]
fn every_kind_has_its_fields() {
    let text = r#"
[tenant.default.credentials."aws:audit"]
role_arn = "arn:aws:iam::123456789012:role/audit"
external_id = "x"
access_key_id = { env = "AUDIT_KEY" }
secret_access_key = { file = "/run/secrets/audit" }

[tenant.default.credentials."aws:web"]
role_arn = "arn:aws:iam::123456789012:role/audit"
web_identity_token = { file = "/run/token" }

[tenant.default.credentials."aws:prod"]
profile = "prod"

[tenant.default.credentials."azure:prod"]
tenant_id = "contoso.onmicrosoft.com"
client_id = "1"
client_secret = { vault = "azure/prod#client_secret" }
scope = "https://management.azure.com/.default"

[tenant.acme.credentials."azure:work"]
tenant_id = "contoso.onmicrosoft.com"
client_id = "1"
federated_token = { file = "/run/token" }
authority = "https://login.microsoftonline.us"
scope = "api://app/.default"
to = { hosts = ["app.example.com"] }

[tenant.default.credentials."gcp:prod"]
key = { file = "/run/gcp.json" }

[tenant.default.credentials."gcp:here"]
metadata = "default"
scopes = ["https://www.googleapis.com/auth/devstorage.read_only"]

[tenant.default.credentials."bearer:wiki"]
token = { env = "WIKI" }
to = { hosts = ["wiki.example.com"], scheme = "https", port = 8443, path_prefix = "/api/" }

[tenant.default.credentials."header:search"]
header = "x-api-key"
value = { vault = "search#key", server = "main" }
to = { hosts = ["*.search.example.com"] }

[tenant.default.secrets.chat-token]
value = { vault = "chat#token" }
to = { hosts = ["chat.example.com"] }

[vault.main]
address = "https://vault.example.com:8200"
namespace = "team"
mount = "kv"
approle = { role_id = { file = "/run/role" }, secret_id = { file = "/run/secret" } }
"#;
    let document = Document::parse(text).unwrap();
    let tenant = |name: &str| document.tenant.get(&name.parse().unwrap()).unwrap();
    assert_eq!(tenant("default").credentials.len(), 8);
    assert_eq!(tenant("acme").credentials.len(), 1);
    assert_eq!(tenant("default").secrets.len(), 1);
    assert_eq!(document.vault.len(), 1);
    assert_eq!(Document::parse(text).unwrap(), document);
    assert_eq!(Document::parse("").unwrap(), Document::default());
}

#[test]
fn what_is_wrong_is_told_by_line_table_and_field() {
    let to = "to = { hosts = [\"a.b\"] }";
    for (lines, line, why) in [
        (format!("tokne = {{ env = \"A\" }}\n{to}"), 2, "unknown field `tokne`, expected `token` or `to`"),
        ("token = { env = \"A\" }".to_owned(), 1, "missing field `to`"),
        (to.to_owned(), 1, "missing field `token`"),
        ("token = { env = \"A\" }\nto = { hosts = [] }".to_owned(), 3, "an empty list lets the value go nowhere"),
    ] {
        let message = refused(&credential("bearer:a", &lines));
        let place = format!("credentials.toml line {line}, in [tenant.default.credentials.\"bearer:a\"]: ");
        assert!(message.starts_with(&place) && message.contains(why), "{message}\nis not: {place}{why}");
    }
    assert!(refused("[tenant.default\n").starts_with("credentials.toml line 1"));
}

#[test]
fn a_secret_that_was_written_down_is_not_repeated() {
    let text = credential("bearer:a", "token = \"tok_canary_4f9a8b7c\"\nto = { hosts = [\"a.b\"] }");
    let message = refused(&text);
    assert!(message.contains("line 2") && message.contains("a secret does not stand here"), "{message}");
    assert!(!message.contains("canary"), "{message}");
    let message = refused(&text.replace("token = \"", "token = { env = \"A\", canary = \""));
    assert!(!message.contains("tok_canary"), "{message}");
}

#[test]
fn fields_that_do_not_go_together_are_refused() {
    let sources = "access_key_id = { env = \"A\" }\nsecret_access_key = { env = \"B\" }";
    let azure = "tenant_id = \"t\"\nclient_id = \"c\"\nscope = \"https://management.azure.com/.default\"";
    for (text, why) in [
        (credential("aws:a", "access_key_id = { env = \"A\" }"), "missing field `secret_access_key`"),
        (credential("aws:a", ""), "write either `access_key_id` and `secret_access_key`, or `profile`"),
        (credential("aws:a", &format!("{sources}\nprofile = \"p\"")), "write either"),
        (credential("aws:a", &format!("{sources}\nexternal_id = \"x\"")), "`external_id` goes with `role_arn`"),
        (credential("aws:a", "web_identity_token = { file = \"/t\" }"), "add `role_arn`"),
        (
            credential("aws:a", &format!("{sources}\nrole_arn = \"r\"\nduration_seconds = 60")),
            "AWS allows 900 to 43200",
        ),
        (credential("aws:a", &format!("{sources}\nregion = \"evil.example/\"")), "is not a region"),
        (credential("azure:a", azure), "write either `client_secret` or `federated_token`"),
        (
            credential("azure:a", &format!("{azure}\nclient_secret = {{ env = \"A\" }}\nauthority = \"x\"")),
            "`authority`: ",
        ),
        (
            credential("azure:a", &format!("{}\nclient_secret = {{ env = \"A\" }}", azure.replace("\"t\"", "\"a/b\""))),
            "`tenant_id` is neither",
        ),
        (
            credential(
                "azure:a",
                "tenant_id = \"t\"\nclient_id = \"c\"\nscope = \"api://x\"\nclient_secret = { env = \"A\" }",
            ),
            "`scope` names no host",
        ),
        (credential("gcp:a", ""), "write either `key`"),
        (credential("gcp:a", "metadata = \"a/../b\""), "is not a service account"),
        (credential("gcp:a", "key = { env = \"A\" }\nscopes = []"), "`scopes` is not a list"),
        (credential("token:a", ""), "`token:a` is not KIND:NAME in lower case"),
        (credential("aws", ""), "`aws` is not KIND:NAME"),
        (
            credential("header:a", "header = \"a b\"\nvalue = { env = \"A\" }\nto = { hosts = [\"a.b\"] }"),
            "not the name of a header",
        ),
        (
            credential("bearer:a", "token = { env = \"A\", file = \"b\" }\nto = { hosts = [\"a.b\"] }"),
            "a source is one of",
        ),
        (credential("bearer:a", "token = { vault = \"a\" }\nto = { hosts = [\"a.b\"] }"), "written `PATH#FIELD`"),
        (credential("bearer:a", "token = { vault = \"../a#b\" }\nto = { hosts = [\"a.b\"] }"), "written `PATH#FIELD`"),
        (credential("bearer:a", "token = { vault = \"a#b\" }\nto = { hosts = [\"a.b\"] }"), "there is no [vault.NAME]"),
        (credential("bearer:a", "token = { env = \"A\" }\nto = { hosts = [\"*\"] }"), "is not a host pattern"),
        (
            credential("bearer:a", "token = { env = \"A\" }\nto = { hosts = [\"a.b\"], path_prefix = \"/../\" }"),
            "is not an absolute path",
        ),
        (
            credential("bearer:a", "token = { env = \"A\" }\nto = { hosts = [\"a.b\"], path_prefix = \"/a*/\" }"),
            "has a `*` inside a segment",
        ),
        ("[tenant.Default]".to_owned(), "a tenant name is"),
        (
            "[tenant.default.secrets.Chat]\nvalue = { env = \"A\" }\nto = { hosts = [\"a.b\"] }".to_owned(),
            "a secret's name is",
        ),
        ("[vault.main]\naddress = \"https://v\"".to_owned(), "write either `token` or `approle`"),
        ("[vault.main]\naddress = \"ftp://v\"\ntoken = { env = \"A\" }".to_owned(), "`address`: "),
        (
            "[vault.main]\naddress = \"https://v\"\ntoken = { vault = \"a#b\" }".to_owned(),
            "what opens vault cannot stand in vault",
        ),
        (
            "[vault.main]\naddress = \"https://v\"\ntoken = { env = \"A\" }\nevery_seconds = 0".to_owned(),
            "it may be 1 to",
        ),
        (
            "[vault.main]\naddress = \"https://v\"\ntoken = { env = \"A\" }\nmount = \"../x\"".to_owned(),
            "`mount` is not a path",
        ),
    ] {
        let message = refused(&text);
        assert!(message.contains(why), "{message}\ndoes not say: {why}\n{text}");
    }
}

#[test]
fn of_several_vaults_one_is_named() {
    let vault = |name: &str| format!("[vault.{name}]\naddress = \"https://{name}\"\ntoken = {{ env = \"A\" }}\n");
    let both = vault("one") + &vault("two");
    let text = |source: &str| {
        both.clone() + &credential("bearer:a", &format!("token = {source}\nto = {{ hosts = [\"a.b\"] }}"))
    };
    Document::parse(&text("{ vault = \"a#b\", server = \"two\" }")).unwrap();
    assert!(refused(&text("{ vault = \"a#b\" }")).contains("there are several; name one by `server = \"NAME\"`"));
    assert!(refused(&text("{ vault = \"a#b\", server = \"three\" }")).contains("there is no [vault.three]"));
}

#[test]
fn a_host_is_mapped_to_an_endpoint_and_nothing_else_is() {
    let document = Document::parse("[endpoints]\n\"management.azure.com\" = \"http://127.0.0.1:5001\"\n").unwrap();
    assert_eq!(
        document.endpoints.get("management.azure.com"),
        Some(&Endpoint::parse("http://127.0.0.1:5001").unwrap())
    );
    for (line, why) in [
        ("\"*.azure.com\" = \"http://127.0.0.1:5001\"", "`*.azure.com` is no host; write one in full"),
        ("\"https://a.b\" = \"http://127.0.0.1:5001\"", "`https://a.b` is no host"),
        ("\"A.example.com\" = \"http://127.0.0.1:5001\"", "`A.example.com` is no host"),
        ("\"a.example.com\" = \"127.0.0.1:5001\"", "`a.example.com`: the endpoint \"127.0.0.1:5001\""),
        ("\"a.example.com\" = 5001", "invalid type: integer `5001`, expected a string"),
    ] {
        let message = refused(&format!("[endpoints]\n{line}\n"));
        assert!(message.starts_with("credentials.toml line ") && message.contains(why), "{message}\nis not: {why}");
    }
}
