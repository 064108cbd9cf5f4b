//! What a migration needs to know of an account: what computes, keeps data and connects, how large it is, how
//! much of it is used, what it depends on, and which names lead to it.
//!
//! ```text
//! names (Route 53) ─┐
//! look at a service ─┴▶ sizes (EC2) ─▶ use (CloudWatch) ─▶ resources in the inventory's form
//! ```
//!
//! What is added are attributes, since relations are what they are in the inventory: a plan that was made of
//! one is compared with the other. What could not be asked stands in `unread` of the resource, and in
//! `errors` with why.

mod names;
mod sizes;
mod usage;

use std::cell::RefCell;

use jiff::Timestamp;
use troupe_sdk::prelude::*;

use crate::input::{InventoryInput, Plan, Settings};
use crate::inventory::Told;
use crate::look::Looker;
use crate::model::{GLOBAL, Inventory};
use crate::services::Service;
use names::Names;

/// What is looked at if nothing else is said: what guards and watches an account stays with it.
const SERVICES: [Service; 25] = [
    Service::Ec2,
    Service::S3,
    Service::Lambda,
    Service::Dynamodb,
    Service::Batch,
    Service::Elbv2,
    Service::Elb,
    Service::Autoscaling,
    Service::Rds,
    Service::Ecs,
    Service::Eks,
    Service::Ecr,
    Service::Kms,
    Service::Secretsmanager,
    Service::Sqs,
    Service::Sns,
    Service::Cloudfront,
    Service::Route53,
    Service::Apigateway,
    Service::Apigatewayv2,
    Service::Elasticache,
    Service::Opensearch,
    Service::Redshift,
    Service::Efs,
    Service::Acm,
];

/// Looks at what is planned, and asks how large it is and how much of it is used.
///
/// # Errors
///
/// Input that is not acceptable; what the host said, if the artefacts could not be written.
pub async fn take(mut input: InventoryInput, settings: Settings) -> Result<Inventory, Failure> {
    if input.services.is_empty() {
        input.services = SERVICES.to_vec();
    }
    let plan = Plan::of(input, settings).await?;
    let now = Timestamp::try_from(time::now()).map_err(Failure::failed)?;
    let looker = Looker::begin(&plan.regions).await;
    let told = RefCell::new(Told::new(&looker));
    let mut names = Names::default();
    if plan.services.contains(&Service::Route53) {
        let mut asked = names.ask(looker.scope(&plan, GLOBAL)).await;
        asked.settle(&looker.identity);
        told.borrow_mut().take(asked);
    }
    looker
        .each(&plan, async |place, mut found| {
            let scope = looker.scope(&plan, place.region);
            sizes::put(scope, &mut found).await;
            usage::put(scope, &mut found, now).await;
            names.put(&mut found.resources);
            found.settle(&looker.identity);
            told.borrow_mut().take(found);
            Ok(())
        })
        .await?;
    told.into_inner().finish(looker, &plan)
}
