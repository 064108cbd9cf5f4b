//! Asking Resource Manager: a list for each type.

use troupe_cloud::each_page;
use troupe_sdk::wait;

use super::{Job, Look, asked, rows};
use crate::arm::{self, Page};
use crate::kinds::Kind;

/// Takes everything of these kinds in a subscription.
pub async fn all(look: &Look<'_>, subscription: &str, kinds: Vec<&'static Kind>) {
    let lists =
        kinds.into_iter().map(|kind| one(look, kind, subscription, format!("/subscriptions/{subscription}"), true));
    wait::at_most(arm::AT_ONCE, lists).await;
}

/// Takes everything of a kind below a subscription, or below a parent. The future is boxed, since what is listed may
/// itself have lists below it.
pub fn one<'a>(look: &'a Look<'_>, kind: &'static Kind, subscription: &'a str, below: String, deep: bool) -> Job<'a> {
    Box::pin(async move {
        let first = arm::get(&format!("{below}{}", kind.list()), &kind.api);
        let listed = each_page(&look.client, first, async |page: Page| {
            let next = page.next();
            let rows = page.value.into_iter().map(|row| (kind, row)).collect();
            rows::take(look, rows, Some(subscription), deep).await;
            next
        });
        if let Err(mut fault) = listed.await {
            if kind.is_under() {
                fault.message = format!("below {below}: {}", fault.message);
            }
            let asked = asked(kind, format!("list {}", kind.name())).account(Some(subscription.to_owned()));
            look.note(&asked.hides(kind.estate()), fault);
        }
    })
}
