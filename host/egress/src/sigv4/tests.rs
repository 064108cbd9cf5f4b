use bytes::Bytes;
use http::{HeaderMap, Method};
use troupe_core::{Code, Timestamp};

use super::{AwsCredentials, sign};
use crate::{Request, headers};

/// 2015-08-30T12:36:00Z, the time of AWS's test suite.
const SUITE: Timestamp = Timestamp::from_millis(1_440_938_160_000);
/// 2013-05-24T00:00:00Z, the time of the examples in the S3 reference.
const S3_EXAMPLES: Timestamp = Timestamp::from_millis(1_369_353_600_000);
/// 2021-05-11T15:40:45Z.
const LAMBDA_EXAMPLE: Timestamp = Timestamp::from_millis(1_620_747_645_000);

fn request(method: Method, uri: &str, pairs: &[(&str, &str)], body: &'static str) -> Request {
    let headers: HeaderMap = headers::parse(pairs.iter().map(|(name, value)| (*name, value.as_bytes()))).unwrap();
    Request { method, uri: uri.parse().unwrap(), headers, body: Bytes::from_static(body.as_bytes()) }
}

fn suite_key() -> AwsCredentials {
    AwsCredentials::new("AKIDEXAMPLE".into(), "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(), None)
}

fn s3_key() -> AwsCredentials {
    AwsCredentials::new("AKIAIOSFODNN7EXAMPLE".into(), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(), None)
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap().to_str().unwrap()
}

/// Which headers were signed, and the signature.
fn signature(request: &Request) -> (&str, &str) {
    let (_, rest) = header(request, "authorization").split_once("SignedHeaders=").unwrap();
    rest.split_once(", Signature=").unwrap()
}

#[track_caller]
fn assert_suite(mut request: Request, signed: &str, expected: &str) {
    sign(&mut request, "us-east-1", "service", SUITE, &suite_key()).unwrap();
    assert_eq!(signature(&request), (signed, expected));
}

#[test]
fn the_vectors_of_the_aws_test_suite_are_met() {
    let get = |uri: &str, pairs: &[(&str, &str)]| request(Method::GET, uri, pairs, "");
    assert_suite(
        get("https://example.amazonaws.com/", &[]),
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
    assert_suite(
        get("https://example.amazonaws.com/?Param2=value2&Param1=value1", &[]),
        "host;x-amz-date",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    );
    assert_suite(
        get("https://example.amazonaws.com/example/..", &[]),
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
    assert_suite(
        get("https://example.amazonaws.com/", &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")]),
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
    assert_suite(
        request(
            Method::POST,
            "https://example.amazonaws.com/",
            &[("Content-Type", "application/x-www-form-urlencoded")],
            "Param1=value1",
        ),
        "content-type;host;x-amz-date",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    );
}

#[test]
fn the_whole_authorization_header_is_as_published() {
    let mut request = request(Method::GET, "https://example.amazonaws.com/", &[], "");
    sign(&mut request, "us-east-1", "service", SUITE, &suite_key()).unwrap();
    assert_eq!(header(&request, "x-amz-date"), "20150830T123600Z");
    assert_eq!(
        header(&request, "authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-date, \
         Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    );
    assert!(request.headers.get("authorization").unwrap().is_sensitive());
}

#[test]
fn a_session_token_is_sent_and_signed() {
    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    let credentials = AwsCredentials::new(
        "AKIDEXAMPLE".into(),
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        Some(token.into()),
    );
    let mut request = request(Method::GET, "https://example.amazonaws.com/", &[], "");
    sign(&mut request, "us-east-1", "service", SUITE, &credentials).unwrap();
    assert_eq!(header(&request, "x-amz-security-token"), token);
    assert_eq!(
        signature(&request),
        ("host;x-amz-date;x-amz-security-token", "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8")
    );
}

#[test]
fn an_escaped_path_is_escaped_again_for_services_other_than_s3() {
    let mut request = request(
        Method::POST,
        "https://lambda.us-east-2.amazonaws.com/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A892717189312%3Afunction%3Amy-rusty-fun/invocations",
        &[],
        "",
    );
    sign(&mut request, "us-east-2", "lambda", LAMBDA_EXAMPLE, &suite_key()).unwrap();
    assert_eq!(
        signature(&request),
        ("host;x-amz-date", "4b93abbcc68be32bd64c18e2c71150660ab4c29bbd6c32a383a7517a88fc1804")
    );
}

#[test]
fn paths_of_rest_json_services_are_signed_as_botocore_signs_them() {
    const FUNCTION: &str = "arn%3Aaws%3Alambda%3Aus-east-2%3A892717189312%3Afunction%3Amy-fun";
    const JSON: (&str, &str) = ("content-type", "application/json");
    // Computed by botocore 1.44.5, from what it puts together for these requests.
    for (service, method, target, headers, body, expected) in [
        (
            "lambda",
            Method::GET,
            format!("2017-03-31/tags/{FUNCTION}"),
            &[][..],
            "",
            "7a872f60e1aa0bd17aa35eb1812c1b38deea6565e52c309630346a31e5bd2f76",
        ),
        (
            "lambda",
            Method::GET,
            format!("2015-03-31/functions/{FUNCTION}/configuration?Qualifier=%24LATEST"),
            &[],
            "",
            "3eee64258af481c7eac651feb712c63a9671a62312b074653ff44a5e22de9693",
        ),
        (
            "lambda",
            Method::POST,
            format!("2015-03-31/functions/{FUNCTION}/invocations"),
            &[JSON],
            r#"{"a":1}"#,
            "088c4909d99e57c64c3184e73686f551b8491effb80d9298b6c89bd4b9fdbae9",
        ),
        (
            "lambda",
            Method::DELETE,
            format!("2017-03-31/tags/{FUNCTION}?tagKeys=b%20c&tagKeys=a%2Fb"),
            &[],
            "",
            "99ad0c556bb3e07505bde5987635f7c5c99424f54a7ab7f53f962a3e68dc924a",
        ),
        (
            "lambda",
            Method::GET,
            "2015-03-31/functions/".to_owned(),
            &[],
            "",
            "6cfc06e227a802bd9dc23c3637132b7089bbf4dd9caa10d2e451ef5b7f630861",
        ),
        (
            "batch",
            Method::GET,
            "v1/tags/arn%3Aaws%3Abatch%3Aus-east-2%3A892717189312%3Ajob-queue%2Fgr%C3%BCn".to_owned(),
            &[],
            "",
            "c99a69eb75d33cb13ec14c7cf725c75ac067717bd411c21a65bdd3d007a48de5",
        ),
        (
            "batch",
            Method::POST,
            "v1/describejobqueues".to_owned(),
            &[JSON],
            r#"{"maxResults":100}"#,
            "789d172d9d77e7a622123d474ea4fd4168d4868dea98f405bda56a03829782a7",
        ),
    ] {
        let url = format!("https://{service}.us-east-2.amazonaws.com/{target}");
        let mut request = request(method, &url, headers, body);
        sign(&mut request, "us-east-2", service, LAMBDA_EXAMPLE, &suite_key()).unwrap();
        assert_eq!(signature(&request).1, expected, "{url}");
    }
}

#[test]
fn the_examples_of_the_s3_reference_are_met() {
    let host = "https://examplebucket.s3.amazonaws.com";
    for (mut request, signed, expected) in [
        (
            request(Method::GET, &format!("{host}/test.txt"), &[("range", "bytes=0-9")], ""),
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            request(
                Method::PUT,
                &format!("{host}/test$file.text"),
                &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
                "Welcome to Amazon S3.",
            ),
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            request(Method::GET, &format!("{host}/?lifecycle"), &[], ""),
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            request(Method::GET, &format!("{host}/?max-keys=2&prefix=J"), &[], ""),
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        sign(&mut request, "us-east-1", "s3", S3_EXAMPLES, &s3_key()).unwrap();
        assert_eq!(signature(&request), (signed, expected), "{}", request.uri);
    }
}

#[test]
fn s3_paths_and_queries_with_escapes_are_signed_as_botocore_signs_them() {
    // Computed by botocore 1.44.5 with the key and time of the S3 reference.
    for (target, expected) in [
        ("/a%20b+c/%c3%a9&.txt", "041abdd647b310f265b2dd9b7bd2988260d88286da1cb8aeb82438c27a8638ae"),
        ("?list-type=2&prefix=a%20b%2Bc%2F", "495da08b1c3fd34b724a1b4f46d1b4ef748d9076f1ccfa4021351c23ce60d6f9"),
        ("?prefix=a+b%2bc/&list-type=2", "495da08b1c3fd34b724a1b4f46d1b4ef748d9076f1ccfa4021351c23ce60d6f9"),
    ] {
        let url = format!("https://s3.us-east-1.amazonaws.com/bucket{target}");
        let mut request = request(Method::GET, &url, &[], "");
        sign(&mut request, "us-east-1", "s3", S3_EXAMPLES, &s3_key()).unwrap();
        assert_eq!(signature(&request).1, expected, "{target}");
    }
}

#[test]
fn an_s3_path_is_sent_in_the_escaping_that_is_signed() {
    for (written, sent) in [
        ("/b/a+b&c=d%20e", "/b/a%2Bb%26c%3Dd%20e"),
        ("/b/a%2fb//c", "/b/a%2Fb//c"),
        ("/b/%7Euser/%C3%A9", "/b/~user/%C3%A9"),
        ("/", "/"),
    ] {
        let mut request = request(Method::GET, &format!("https://s3.amazonaws.com{written}?a=b"), &[], "");
        sign(&mut request, "us-east-1", "s3", S3_EXAMPLES, &s3_key()).unwrap();
        assert_eq!(request.uri.path_and_query().unwrap().as_str(), format!("{sent}?a=b"));
    }
}

#[test]
fn what_a_guest_says_about_signing_is_replaced() {
    let forged = [
        ("authorization", "AWS4-HMAC-SHA256 mine"),
        ("x-amz-date", "19700101T000000Z"),
        ("x-amz-security-token", "mine"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("host", "evil.example"),
    ];
    let mut request = request(Method::GET, "https://example.amazonaws.com/", &forged, "");
    sign(&mut request, "us-east-1", "service", SUITE, &suite_key()).unwrap();
    assert_eq!(signature(&request).1, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    assert!(!request.headers.contains_key("x-amz-security-token"));
}

#[test]
fn a_header_that_cannot_be_signed_is_refused() {
    let mut request = request(Method::GET, "https://example.amazonaws.com/", &[("x-name", "é")], "");
    let error = sign(&mut request, "us-east-1", "service", SUITE, &suite_key()).unwrap_err();
    assert_eq!(error.code, Code::DeniedHeader);
}

#[test]
fn the_text_form_of_credentials_shows_no_secret() {
    let credentials = AwsCredentials::new("AKID".into(), "very-secret".into(), Some("token-secret".into()));
    let text = format!("{credentials:?}");
    assert!(text.contains("AKID") && !text.contains("secret"), "{text}");
}

#[test]
fn a_path_that_grows_too_long_in_its_escaping_is_told_as_such() {
    let uri = format!("https://s3.us-east-1.amazonaws.com/bucket/{}", "(".repeat(60_000));
    let error = sign(&mut request(Method::GET, &uri, &[], ""), "us-east-1", "s3", SUITE, &s3_key()).unwrap_err();
    assert_eq!(error.code, Code::LimitHeaders);
}
