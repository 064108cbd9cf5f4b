use std::collections::HashMap;

use troupe_core::Code;

use super::{AwsEnvironment, Sources, find, region};
use crate::EndpointMap;

/// Looks with these variables and these files.
fn look(variables: &[(&str, &str)], files: &[(&str, &str)]) -> troupe_core::Result<AwsEnvironment> {
    with(variables, files, find)
}

fn region_of(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Option<String> {
    with(variables, files, region)
}

fn with<T>(variables: &[(&str, &str)], files: &[(&str, &str)], look: impl FnOnce(Sources<'_>) -> T) -> T {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    let files: HashMap<&str, &str> = files.iter().copied().collect();
    look(Sources {
        variable: &|name| match name {
            "HOME" => Some("/home/op".to_owned()),
            _ => variables.get(name).map(|value| (*value).to_owned()),
        },
        file: &|path| Ok(files.get(path).map(|text| (*text).to_owned())),
    })
}

/// The id of the key, which is all that its text form shows.
fn key_id(found: &AwsEnvironment) -> Option<String> {
    let text = format!("{:?}", found.credentials.as_ref()?);
    text.split('"').nth(1).map(str::to_owned)
}

fn refusal(variables: &[(&str, &str)], files: &[(&str, &str)]) -> String {
    let error = look(variables, files).unwrap_err();
    assert_eq!(error.code, Code::CredentialsInvalid);
    error.message
}

const CREDENTIALS: &str = "/home/op/.aws/credentials";
const CONFIG: &str = "/home/op/.aws/config";
const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "secret")];
const FILE: &str = "
# Keys.
[default]
aws_access_key_id = DEFAULT
aws_secret_access_key = s=with=signs

[ other ]
AWS_ACCESS_KEY_ID=OTHER
aws_secret_access_key=s
aws_session_token=t
";

#[test]
fn a_machine_without_anything_has_no_credentials() {
    let found = look(&[], &[]).unwrap();
    assert!(found.credentials.is_none() && region_of(&[], &[]).is_none() && found.endpoints == EndpointMap::default());
}

#[test]
fn the_environment_counts_more_than_the_profile() {
    let variables = [KEYS[0], KEYS[1], ("AWS_SESSION_TOKEN", "token"), ("AWS_PROFILE", "other")];
    let found = look(&variables, &[(CREDENTIALS, FILE)]).unwrap();
    assert_eq!(key_id(&found).as_deref(), Some("ENV"));
    let secrets: Vec<&[u8]> = found.credentials.as_ref().unwrap().secrets().collect();
    assert_eq!(secrets, [&b"secret"[..], b"token"]);
}

#[test]
fn the_default_profile_is_read_unless_another_is_named() {
    let files = [(CREDENTIALS, FILE)];
    let found = look(&[], &files).unwrap();
    assert_eq!(key_id(&found).as_deref(), Some("DEFAULT"));
    assert_eq!(found.credentials.unwrap().secrets().next().unwrap(), b"s=with=signs");
    assert_eq!(key_id(&look(&[("AWS_PROFILE", "other")], &files).unwrap()).as_deref(), Some("OTHER"));
    assert_eq!(key_id(&look(&[("AWS_PROFILE", "")], &files).unwrap()).as_deref(), Some("DEFAULT"));
}

#[test]
fn files_elsewhere_are_found_by_their_variables() {
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", "~/keys"), ("AWS_CONFIG_FILE", "/etc/aws")];
    let files = [("/home/op/keys", FILE), ("/etc/aws", "[default]\nregion = eu-west-1\n")];
    assert_eq!(key_id(&look(&variables, &files).unwrap()).as_deref(), Some("DEFAULT"));
    assert_eq!(region_of(&variables, &files).as_deref(), Some("eu-west-1"));
}

#[test]
fn the_configuration_file_holds_keys_too() {
    let config = "[profile ci]\naws_access_key_id = CI\naws_secret_access_key = s\nregion = eu-west-3\n";
    let (variables, files) = ([("AWS_PROFILE", "ci")], [(CONFIG, config)]);
    assert_eq!(key_id(&look(&variables, &files).unwrap()).as_deref(), Some("CI"));
    assert_eq!(region_of(&variables, &files).as_deref(), Some("eu-west-3"));
}

#[test]
fn the_region_is_the_variable_s_before_the_profile_s() {
    let files = [(CONFIG, "[default]\nregion = eu-west-1\n")];
    let region = |variables: &[(&str, &str)]| region_of(variables, &files).unwrap();
    assert_eq!(region(&[]), "eu-west-1");
    assert_eq!(region(&[("AWS_DEFAULT_REGION", "eu-west-2")]), "eu-west-2");
    assert_eq!(region(&[("AWS_DEFAULT_REGION", "eu-west-2"), ("AWS_REGION", "us-east-1")]), "us-east-1");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let message = refusal(&[("AWS_PROFILE", "prod")], &[]);
    insta::assert_snapshot!(message, @"the AWS profile `prod` is neither in /home/op/.aws/credentials nor in /home/op/.aws/config; `aws configure list-profiles` shows those there are");
    insta::assert_snapshot!(refusal(&KEYS[..1], &[]), @"the environment has AWS_ACCESS_KEY_ID but not AWS_SECRET_ACCESS_KEY");
    let message = refusal(&[], &[(CREDENTIALS, "[default]\naws_secret_access_key = s\n")]);
    insta::assert_snapshot!(message, @"the profile `default` in /home/op/.aws/credentials has aws_secret_access_key but not aws_access_key_id");
    insta::assert_snapshot!(refusal(&[], &[(CONFIG, "region = x\n")]), @"/home/op/.aws/config, line 1, stands before the first section");
    insta::assert_snapshot!(refusal(&[], &[(CONFIG, "[default]\nregion\n")]), @"/home/op/.aws/config, line 2, is not of the form `name = value`");
    insta::assert_snapshot!(refusal(&[], &[(CONFIG, "[default\n")]), @"/home/op/.aws/config, line 1, has no closing bracket");
}

#[test]
fn ways_that_are_not_supported_are_said_to_be() {
    for setting in
        ["role_arn", "sso_session", "sso_start_url", "login_session", "web_identity_token_file", "credential_process"]
    {
        let config = format!("[default]\n{setting} = x\n");
        let message = refusal(&[], &[(CONFIG, &config)]);
        assert!(message.contains(setting) && message.contains("not supported"), "{message}");
        assert_eq!(key_id(&look(&KEYS, &[(CONFIG, &config)]).unwrap()).as_deref(), Some("ENV"), "keys come first");
    }
    let message = refusal(&[], &[(CONFIG, "[default]\nrole_arn = x\n")]);
    insta::assert_snapshot!(message, @"`role_arn` of the AWS profile `default` asks for assuming a role, which is not supported; `aws configure export-credentials --format env` prints keys that are");
    assert!(refusal(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")], &[]).contains("AWS_WEB_IDENTITY_TOKEN_FILE"));
}

#[test]
fn keys_in_the_credentials_file_count_more_than_a_credential_process() {
    let files = [(CREDENTIALS, FILE), (CONFIG, "[default]\ncredential_process = x\n")];
    assert_eq!(key_id(&look(&[], &files).unwrap()).as_deref(), Some("DEFAULT"));
}

#[test]
fn endpoints_come_from_variables_and_profile_in_the_cli_s_order() {
    let config = "
[default]
endpoint_url = http://profile:1
services = local
[services local]
dynamodb =
  endpoint_url = http://profile-dynamodb:2
s3 =
  endpoint_url = http://profile-s3:3
";
    let host = |variables: &[(&str, &str)], service: &str| {
        let found = look(variables, &[(CONFIG, config)]).unwrap();
        found.endpoints.find("x.amazonaws.com", Some(service)).map(|found| found.authority().host.clone())
    };
    assert_eq!(host(&[], "ec2").as_deref(), Some("profile"));
    assert_eq!(host(&[], "dynamodb").as_deref(), Some("profile-dynamodb"));
    let all = [("AWS_ENDPOINT_URL", "http://all:4")];
    assert_eq!(host(&all, "ec2").as_deref(), Some("all"));
    assert_eq!(host(&all, "dynamodb").as_deref(), Some("all"));
    let both = [("AWS_ENDPOINT_URL", "http://all:4"), ("AWS_ENDPOINT_URL_DYNAMODB", "http://own:5")];
    assert_eq!(host(&both, "dynamodb").as_deref(), Some("own"));
    assert_eq!(host(&both, "s3").as_deref(), Some("all"));
    assert_eq!(host(&[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")], "ec2"), None);
    assert!(refusal(&[("AWS_ENDPOINT_URL", "localhost:5000")], &[]).contains("localhost:5000"));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let found = find(Sources { variable: &|_| None, file: &|_| Err(std::io::ErrorKind::PermissionDenied.into()) });
    assert!(found.unwrap_err().message.ends_with("cannot be read"));
}
