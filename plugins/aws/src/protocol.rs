//! The protocols in which AWS's services are asked and answer.
//!
//! | protocol | asked by | answers in | services here |
//! |---|---|---|---|
//! | query | a form with `Action` | XML | EC2, IAM, STS |
//! | REST-XML | method and path | XML | S3 |
//! | REST-JSON | method and path | JSON | Batch, Lambda |
//! | JSON 1.0 | a header with the operation | JSON | DynamoDB |

pub mod json;
pub mod query;
pub mod rest;
pub mod xml;
