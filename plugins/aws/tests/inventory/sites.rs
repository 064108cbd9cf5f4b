//! `CloudFront`, Route 53 and API Gateway: what the world reaches.

use crate::aws::{account, inventory, resource, xml, xml_error};
use serde_json::json;
use troupe_sdk::test::Answer;

/// What the list and the configuration of a distribution both tell.
const CONFIGURED: &str = "<Enabled>true</Enabled><Aliases><Quantity>1</Quantity><Items><CNAME>www.example.com</CNAME></Items></Aliases>\
    <Origins><Items><Origin><Id>s3</Id><DomainName>site.s3.amazonaws.com</DomainName><S3OriginConfig><OriginAccessIdentity/></S3OriginConfig></Origin><Origin><Id>api</Id><DomainName>api.example.com</DomainName>\
    <CustomOriginConfig><OriginProtocolPolicy>http-only</OriginProtocolPolicy><OriginSslProtocols><Items><SslProtocol>TLSv1</SslProtocol></Items></OriginSslProtocols></CustomOriginConfig></Origin></Items></Origins>\
    <DefaultCacheBehavior><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy></DefaultCacheBehavior><ViewerCertificate><ACMCertificateArn>cert-1</ACMCertificateArn>\
    <MinimumProtocolVersion>TLSv1.2_2021</MinimumProtocolVersion></ViewerCertificate><WebACLId/>";

#[test]
fn distributions_are_told_with_origins_certificate_and_logs() {
    let _host = account(|asked| {
        Some(match (asked.action.as_str(), asked.parameter("Marker")) {
            ("cloudfront:ListDistributions", None) => xml(&format!(
                "<DistributionList xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Marker/><IsTruncated>true</IsTruncated>\
                 <NextMarker>E1</NextMarker><Items><DistributionSummary><Id>E1</Id><ARN>arn:aws:cloudfront::1:distribution/E1</ARN>\
                 {CONFIGURED}</DistributionSummary></Items></DistributionList>"
            )),
            ("cloudfront:ListDistributions", Some("E1")) => xml(
                "<DistributionList><IsTruncated>false</IsTruncated><Items><DistributionSummary><Id>E2</Id><ARN>arn:E2</ARN>\
                 </DistributionSummary></Items></DistributionList>",
            ),
            ("cloudfront:GetDistributionConfig", _) if asked.parameter("path")?.contains("/E1/") => xml(&format!(
                "<DistributionConfig>{CONFIGURED}<Logging><Enabled>false</Enabled><Bucket/></Logging><DefaultRootObject>index.html\
                 </DefaultRootObject></DistributionConfig>"
            )),
            ("cloudfront:GetDistributionConfig", _) => xml_error(403, "AccessDenied"),
            ("cloudfront:ListTagsForResource", _) => {
                let first = asked.parameter("Resource") == Some("arn:aws:cloudfront::1:distribution/E1");
                let tag = if first { "<Tag><Key>Name</Key><Value>site</Value></Tag>" } else { "" };
                xml(&format!("<Tags><Items>{tag}</Items></Tags>"))
            }
            _ => return None,
        })
    });
    let found = inventory(json!({ "services": ["cloudfront"], "regions": ["us-east-1", "eu-west-1"] }));
    assert_eq!(found["counts"], json!({ "aws.cloudfront.distribution": 2 }));
    let site = resource(&found, "E1");
    assert_eq!((&site["name"], &site["region"]), (&json!("site"), &json!("global")));
    let attributes = &site["attributes"];
    assert_eq!((&attributes["access_logs"], &attributes["viewer_protocols"]), (&json!(false), &json!(["allow-all"])));
    assert_eq!((&attributes["waf"], &attributes["aliases"]), (&json!(false), &json!(["www.example.com"])));
    let origins = &attributes["origins"];
    assert_eq!((&origins[0]["s3"], &origins[0]["access_controlled"]), (&json!(true), &json!(false)));
    assert_eq!((&origins[1]["protocol"], &origins[1]["tls_protocols"]), (&json!("http-only"), &json!(["TLSv1"])));
    assert!(resource(&found, "E2")["unread"].as_array().unwrap().contains(&json!("access_logs")));
}

#[test]
fn a_partition_without_the_service_is_not_an_empty_one() {
    let _host = account(|_| None);
    let found = inventory(json!({ "services": ["cloudfront"], "regions": ["us-gov-west-1"] }));
    let [error] = found["errors"].as_array().unwrap().as_slice() else { panic!("{found:#}") };
    assert_eq!((&error["kind"], &error["code"]), (&json!("not_available"), &json!("no_endpoint")));
}

#[test]
fn zones_are_told_with_networks_query_logs_and_tags_asked_together() {
    let host = account(|asked| {
        Some(match (asked.action.as_str(), asked.parameter("marker")) {
            ("route53:ListHostedZones", None) => xml(
                "<ListHostedZonesResponse><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name><Config>\
                 <PrivateZone>false</PrivateZone></Config><ResourceRecordSetCount>12</ResourceRecordSetCount></HostedZone></HostedZones>\
                 <IsTruncated>true</IsTruncated><NextMarker>Z2</NextMarker></ListHostedZonesResponse>",
            ),
            ("route53:ListHostedZones", Some("Z2")) => xml(
                "<ListHostedZonesResponse><HostedZones><HostedZone><Id>/hostedzone/Z2</Id><Name>inner.</Name><Config>\
                 <PrivateZone>true</PrivateZone></Config></HostedZone></HostedZones></ListHostedZonesResponse>",
            ),
            ("route53:ListQueryLoggingConfigs", _) => xml(
                "<R><QueryLoggingConfigs><QueryLoggingConfig><HostedZoneId>Z1</HostedZoneId><CloudWatchLogsLogGroupArn>arn:log\
                 </CloudWatchLogsLogGroupArn></QueryLoggingConfig></QueryLoggingConfigs></R>",
            ),
            ("route53:GetHostedZone", _) => {
                assert_eq!(asked.parameter("path"), Some("2013-04-01/hostedzone/Z2"));
                xml("<R><VPCs><VPC><VPCRegion>us-east-1</VPCRegion><VPCId>vpc-1</VPCId></VPC></VPCs></R>")
            }
            ("route53:ListTagsForResources", _) => {
                let body = asked.parameter("").unwrap();
                assert!(body.contains("<ResourceId>Z1</ResourceId><ResourceId>Z2</ResourceId>"), "{body}");
                xml(
                    "<R><ResourceTagSets><ResourceTagSet><ResourceId>Z2</ResourceId><Tags><Tag><Key>a</Key><Value>b</Value></Tag>\
                     </Tags></ResourceTagSet></ResourceTagSets></R>",
                )
            }
            _ => return None,
        })
    });
    let found = inventory(json!({ "services": ["route53"] }));
    assert_eq!(found["errors"], json!([]));
    let public = resource(&found, "Z1");
    assert_eq!((&public["name"], &public["arn"]), (&json!("example.com"), &json!("arn:aws:route53:::hostedzone/Z1")));
    assert_eq!(public["attributes"], json!({ "private": false, "records": 12, "query_logs": true }));
    let private = resource(&found, "Z2");
    assert_eq!((&private["attributes"]["vpcs"], &private["tags"]), (&json!(["vpc-1"]), &json!({ "a": "b" })));
    assert_eq!(host.sent().len(), 1 + 2 + 1 + 1 + 1);
}

#[test]
fn apis_of_both_kinds_are_told_with_their_stages_and_without_variables() {
    let host = account(|asked| {
        let ok = |body| Answer::json(200, body);
        Some(match (asked.action.as_str(), asked.parameter("position"), asked.parameter("nextToken")) {
            ("apigateway:GetRestApis", None, _) => ok(json!({ "item": [{
                "id": "r1", "name": "orders", "createdDate": 1_735_689_600, "endpointConfiguration": { "types": ["REGIONAL"] },
                "policy": "{\\\"Version\\\":\\\"2012-10-17\\\"}", "disableExecuteApiEndpoint": false, "tags": { "a": "b" }
            }], "position": "p" })),
            ("apigateway:GetRestApis", Some("p"), _) => ok(json!({ "item": [{ "id": "r2", "name": "inner",
                "endpointConfiguration": { "types": ["PRIVATE"], "vpcEndpointIds": ["vpce-1"] } }] })),
            ("apigateway:GetStages", ..) if asked.parameter("path") == Some("restapis/r1/stages") => {
                ok(json!({ "item": [{
                "stageName": "prod", "tracingEnabled": false, "cacheClusterEnabled": true, "variables": { "password": "hush" },
                "methodSettings": { "*/*": { "loggingLevel": "ERROR", "cacheDataEncrypted": false } },
                "webAclArn": "acl-1", "accessLogSettings": { "destinationArn": "arn:log", "format": "x" }
            }] }))
            }
            ("apigateway:GetStages", ..) => Answer::json(403, json!({ "message": "no" })),
            ("apigatewayv2:GetApis", _, None) => {
                ok(json!({ "items": [{ "apiId": "h1", "name": "web", "protocolType": "HTTP",
                "createdDate": "2025-01-01T00:00:00Z", "corsConfiguration": { "allowOrigins": ["*"] } }], "nextToken": "n" }))
            }
            ("apigatewayv2:GetApis", _, Some("n")) => ok(json!({ "items": [] })),
            ("apigatewayv2:GetStages", ..) => ok(json!({ "items": [{ "stageName": "$default", "autoDeploy": true,
                "stageVariables": { "password": "hush" } }] })),
            _ => return None,
        })
    });
    let found = inventory(json!({ "services": ["apigateway", "apigatewayv2"] }));
    assert_eq!(
        found["counts"],
        json!({ "aws.apigateway.rest-api": 2, "aws.apigateway.stage": 1, "aws.apigatewayv2.api": 1, "aws.apigatewayv2.stage": 1 })
    );
    let orders = resource(&found, "r1");
    assert_eq!((&orders["name"], &orders["tags"]), (&json!("orders"), &json!({ "a": "b" })));
    assert_eq!(orders["attributes"]["policy"], json!({ "Version": "2012-10-17" }));
    assert_eq!((&orders["attributes"]["private"], &orders["attributes"]["stages"]), (&json!(false), &json!(["prod"])));
    let prod = resource(&found, "r1/prod");
    assert_eq!((&prod["attributes"]["access_logs"], &prod["attributes"]["waf"]), (&json!(true), &json!(true)));
    assert_eq!(prod["attributes"]["methods"]["cache_encrypted"], false);
    let inner = resource(&found, "r2");
    assert_eq!((&inner["attributes"]["private"], &inner["unread"]), (&json!(true), &json!(["stages"])));
    let [error] = found["errors"].as_array().unwrap().as_slice() else { panic!("{found:#}") };
    assert_eq!((&error["resource"], &error["hides"]), (&json!("r2"), &json!(["aws.apigateway.stage"])));
    let web = resource(&found, "h1");
    assert_eq!((&web["attributes"]["cors_origins"], &web["created"]), (&json!(["*"]), &json!("2025-01-01T00:00:00Z")));
    assert_eq!(resource(&found, "h1/$default")["attributes"]["access_logs"], false);
    assert!(!found.to_string().contains("hush"));
    let accepted = host
        .sent()
        .iter()
        .filter(|sent| sent.url.contains("apigateway"))
        .all(|sent| sent.headers.get("accept") == Some("application/json"));
    assert!(accepted, "API Gateway writes another form unless it is asked for this one");
}
