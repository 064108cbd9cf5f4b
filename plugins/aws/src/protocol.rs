//! The protocols in which AWS's services are asked and answer.
//!
//! | protocol | asked by | answers in | services here |
//! |---|---|---|---|
//! | query | a form with `Action` | XML | EC2, IAM, STS, load balancers, RDS, … |
//! | REST-XML | method and path | XML | S3, CloudFront, Route 53 |
//! | REST-JSON | method and path | JSON | Batch, Lambda, EKS, API Gateway, … |
//! | JSON 1.0 and 1.1 | a header with the operation | JSON | DynamoDB, ECS, KMS, SQS, … |

pub mod json;
pub mod query;
pub mod rest;
pub mod xml;
