//! Paths of attack, rules, and what is missing, over an inventory as the agent `aws` tells it.

use serde_json::{Value, json};
use troupe_agent_aws::Aws;
use troupe_agent_security::Security;
use troupe_sdk::test::{Answer, Host, perform};

use super::documents::{has, host, now};

/// A machine that the internet reaches, with a profile that holds a role. What the role and the user have, and what
/// there is beside, is written in.
fn account(role: &'static str) -> Host {
    let operation = |form: &str| form.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned);
    Host::start().at(now()).configuration(json!({ "regions": ["eu-west-1"] })).respond_by(move |sent| {
        let result = |operation: &str, inner: &str| {
            format!("<{operation}Response><{operation}Result>{inner}</{operation}Result></{operation}Response>")
        };
        let text = match operation(&sent.text()).as_deref() {
            Some("GetCallerIdentity") => result("GetCallerIdentity", "<Account>111122223333</Account>"),
            Some("DescribeInstances") => "<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId>\
                 <ipAddress>52.1.2.3</ipAddress><groupSet><item><groupId>sg-1</groupId></item></groupSet>\
                 <iamInstanceProfile><arn>arn:aws:iam::111122223333:instance-profile/web</arn></iamInstanceProfile>\
                 </item></instancesSet></item></reservationSet></R>"
                .to_owned(),
            Some("DescribeSecurityGroups") => "<R><securityGroupInfo><item><groupId>sg-1</groupId><ipPermissions><item>\
                 <ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><ipRanges><item>\
                 <cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item></ipPermissions></item></securityGroupInfo></R>"
                .to_owned(),
            Some("ListRoles") => {
                let arn = "arn:aws:iam::111122223333:role/web-role";
                let role = format!("<member><RoleName>web-role</RoleName><Arn>{arn}</Arn></member>");
                result("ListRoles", &format!("<Roles>{role}</Roles>"))
            }
            Some("GetAccountAuthorizationDetails") => result(
                "GetAccountAuthorizationDetails",
                &format!(
                    "<RoleDetailList><member><RoleName>web-role</RoleName><Arn>arn:aws:iam::111122223333:role/web-role</Arn>\
                     <InstanceProfileList><member><InstanceProfileName>web</InstanceProfileName>\
                     <Arn>arn:aws:iam::111122223333:instance-profile/web</Arn></member></InstanceProfileList>\
                     <AttachedManagedPolicies><member><PolicyArn>{role}</PolicyArn></member></AttachedManagedPolicies>\
                     </member></RoleDetailList><Policies><member><PolicyName>reads</PolicyName>\
                     <Arn>arn:aws:iam::111122223333:policy/reads</Arn><PolicyVersionList><member>\
                     <IsDefaultVersion>true</IsDefaultVersion><Document>%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22\
                     %2C%22Action%22%3A%22s3%3AGetObject%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D</Document></member>\
                     </PolicyVersionList></member></Policies>"
                ),
            ),
            Some("DescribeNetworkAcls") => "<R><networkAclSet><item><networkAclId>acl-1</networkAclId><entrySet><item>\
                 <ruleNumber>100</ruleNumber><protocol>6</protocol><ruleAction>allow</ruleAction><egress>false</egress>\
                 <cidrBlock>0.0.0.0/0</cidrBlock><portRange><from>22</from><to>22</to></portRange></item></entrySet>\
                 </item></networkAclSet></R>"
                .to_owned(),
            None if sent.url.ends_with("payroll?versioning") => {
                "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>".to_owned()
            }
            None if sent.url.ends_with("max-buckets=10000") => "<R><Buckets><Bucket><Name>payroll</Name>\
                 <BucketRegion>eu-west-1</BucketRegion></Bucket></Buckets></R>"
                .to_owned(),
            _ => "<Nothing/>".to_owned(),
        };
        Some(Answer::text(200, text))
    })
}

fn inventory(attached: &'static str) -> Value {
    let _account = account(attached);
    perform::<Aws>("inventory", json!({ "services": ["ec2", "iam", "s3"] })).unwrap()["resources"].take()
}

fn paths(attached: &'static str) -> Value {
    let resources = inventory(attached);
    let _host = host();
    perform::<Security>("paths", json!({ "resources": resources })).unwrap()["paths"].take()
}

fn ids(path: &Value) -> Vec<&str> {
    path["steps"].as_array().unwrap().iter().map(|step| step["resource"]["id"].as_str().unwrap()).collect()
}

#[test]
fn a_machine_whose_role_has_an_attached_policy_of_administrators_is_a_path() {
    let told = paths("arn:aws:iam::aws:policy/AdministratorAccess");
    let [path] = told.as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!(ids(path), ["i-1", "web", "web-role"]);
    assert_eq!((&path["severity"], &path["goal"]), (&json!("critical"), &json!("may do everything")));
}

#[test]
fn a_machine_whose_role_has_an_attached_policy_of_the_account_reaches_what_that_lets_it_read() {
    let told = paths("arn:aws:iam::111122223333:policy/reads");
    let [path] = told.as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!(ids(path), ["i-1", "web", "web-role", "arn:aws:iam::111122223333:policy/reads", "payroll"]);
}

#[test]
fn rules_about_network_lists_and_deleted_versions_judge_what_the_inventory_tells() {
    let resources = inventory("arn:aws:iam::aws:policy/ReadOnlyAccess");
    let _host = host();
    let rules = ["aws.ec2.acl-admin-port-open", "aws.s3.mfa-delete"];
    let told = perform::<Security>("check", json!({ "resources": resources, "rules": rules })).unwrap();
    for (rule, id) in rules.into_iter().zip(["acl-1", "payroll"]) {
        assert!(has(&told, rule, id), "{told:#}");
    }
}

#[test]
fn what_an_account_lacks_is_found_in_the_areas_that_its_inventory_tells() {
    let told = {
        let answers =
            r#"{"trailList":[],"ConfigurationRecorders":[],"ConfigurationRecordersStatus":[],"detectorIds":[]}"#;
        let identity = "<R><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult></R>";
        let _host =
            Host::start().at(now()).configuration(json!({ "regions": ["eu-west-1"] })).respond_by(move |sent| {
                let is_identity = sent.text().contains("GetCallerIdentity");
                Some(Answer::text(200, if is_identity { identity } else { answers }))
            });
        perform::<Aws>("inventory", json!({ "services": ["cloudtrail", "config", "guardduty"] })).unwrap()
    };
    assert_eq!(told["areas"][0]["regions"], json!(["eu-west-1"]), "{told:#}");
    let _host = host();
    let rules = ["aws.cloudtrail.all-regions", "aws.config.none", "aws.guardduty.none"];
    let mut asked = json!({ "resources": told["resources"], "errors": told["errors"], "rules": rules });
    let without = perform::<Security>("check", asked.clone()).unwrap();
    assert_eq!(without["findings"], json!([]));
    asked["areas"] = told["areas"].clone();
    let found = perform::<Security>("check", asked).unwrap();
    assert!(has(&found, "aws.config.none", "eu-west-1") && has(&found, "aws.guardduty.none", "eu-west-1"), "{found:#}");
    // A trail of every region, or of the organisation, would show in this one.
    assert!(has(&found, "aws.cloudtrail.all-regions", "111122223333"), "{found:#}");
}
