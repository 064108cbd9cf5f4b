//! Subscriptions, as clients set and see them.
//!
//! One for an instance ends with that: it is removed in the transaction that stops the instance, or ends the session
//! that this is in, and what waits for it is dropped.

use troupe_core::view::{NewSubscription, Page, SubscriptionOrigin, SubscriptionView};
use troupe_core::{AgentName, Caller, Code, Error, Result, Scope, SubscriptionName, Topic, limits, shown};
use troupe_store::{NewSubscriptionRow, SubscriptionRow, Taker, subscription_not_found};

use crate::{Runtime, agents};

impl Runtime {
    /// Sets a subscription, in place of the one of its name.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::RequestInvalid`] for numbers out of bounds; [`Code::AgentNotFound`],
    /// [`Code::DeploymentNotFound`], [`Code::SkillNotFound`], [`Code::InstanceNotFound`], also of one in a session of
    /// somebody else, [`Code::InstanceStopped`] and [`Code::SessionEnded`] if nobody could handle an event now;
    /// [`Code::LimitSubscriptions`].
    pub async fn set_subscription(
        &self,
        caller: &Caller,
        name: &str,
        subscription: NewSubscription,
    ) -> Result<SubscriptionView> {
        let agent = may_subscribe(caller, subscription.agent.as_str())?;
        self.require_ready()?;
        let name: SubscriptionName = name.parse()?;
        if let Some(before) = self.store.subscription(&caller.tenant, name.as_str()).await? {
            caller.require_for(Scope::Operate, &before.subscription.agent)?;
        }
        check(&subscription)?;
        let route = self.serving(&caller.tenant, agent.as_str()).await?;
        route.skill(subscription.skill.as_str())?;
        if let Some(instance) = subscription.instance
            && let Some(session) = self.store.check_instance(&caller.tenant, &agent, instance).await?
        {
            // Its tasks are in the session, so whose that is alone may ask for them. To others it is not there.
            let session = self.own_session(caller, session).await.map_err(|_| {
                Error::new(Code::InstanceNotFound, format!("agent `{agent}` has no instance {instance}"))
            })?;
            session.require_open(self.clock.now())?;
        }
        let new = NewSubscriptionRow { name, subscription };
        let row = self.store.set_subscription(&caller.tenant, new, &caller.principal).await?;
        let (tenant, by) = (&caller.tenant, &caller.principal);
        tracing::info!(%tenant, subscription = row.name, by, "a subscription was set");
        Ok(view(row))
    }

    /// Has what is routed to a subscription wait, or no longer; also to one of a trigger.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SubscriptionNotFound`].
    pub async fn pause_subscription(&self, caller: &Caller, name: &str, paused: bool) -> Result<SubscriptionView> {
        let row = self.subscription_to_change(caller, name).await?;
        self.require_ready()?;
        Ok(view(self.store.pause_subscription(&caller.tenant, &row.name, paused, &caller.principal).await?))
    }

    /// Removes a subscription, and returns what it was. What was routed to it and is not being handled is dropped.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SubscriptionNotFound`]; [`Code::SubscriptionOfTrigger`].
    pub async fn remove_subscription(&self, caller: &Caller, name: &str) -> Result<SubscriptionView> {
        let row = self.subscription_to_change(caller, name).await?;
        self.require_ready()?;
        if row.origin == SubscriptionOrigin::Trigger {
            let agent = &row.subscription.agent;
            let message = format!(
                "this is a trigger of the release of `{agent}` that serves; pause it, or make a release serve without it"
            );
            return Err(Error::new(Code::SubscriptionOfTrigger, message));
        }
        let row = self.store.remove_subscription(&caller.tenant, &row.name, &caller.principal).await?;
        let (tenant, by) = (&caller.tenant, &caller.principal);
        tracing::info!(%tenant, subscription = row.name, by, "a subscription was removed");
        Ok(view(row))
    }

    /// Lists subscriptions, by name.
    ///
    /// # Errors
    /// [`Code::AuthScope`].
    pub async fn subscriptions(
        &self,
        caller: &Caller,
        after: &str,
        limit: Option<u32>,
    ) -> Result<Page<SubscriptionView>> {
        caller.require(Scope::Read)?;
        let limit = limits::page(limit);
        let rows = self.store.subscriptions(&caller.tenant, after, limit + 1).await?;
        Ok(Page::of(rows, limit, |row| row.name.clone(), view))
    }

    /// One subscription.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::SubscriptionNotFound`].
    pub async fn subscription(&self, caller: &Caller, name: &str) -> Result<SubscriptionView> {
        caller.require(Scope::Read)?;
        self.find_subscription(caller, name).await.map(view)
    }

    /// The agents that take a topic now, by name.
    ///
    /// # Errors
    /// [`Code::EventInvalid`] for what is no topic.
    pub(crate) async fn agents_for(&self, caller: &Caller, topic: &str) -> Result<Vec<AgentName>> {
        let topic: Topic = topic.parse()?;
        let taking = self.store.takers(&caller.tenant, &topic).await?;
        let agent = |taker| match taker {
            Taker::Skill(row) => Some(row.subscription.agent),
            Taker::Webhook(_) => None,
        };
        let mut agents: Vec<AgentName> = taking.into_iter().filter_map(agent).collect();
        agents.sort();
        agents.dedup();
        Ok(agents)
    }

    async fn find_subscription(&self, caller: &Caller, name: &str) -> Result<SubscriptionRow> {
        self.store.subscription(&caller.tenant, name).await?.ok_or_else(|| subscription_not_found(&shown(name)))
    }

    /// A subscription that a caller may change.
    async fn subscription_to_change(&self, caller: &Caller, name: &str) -> Result<SubscriptionRow> {
        caller.require_for_some(Scope::Operate)?;
        let row = self.find_subscription(caller, name).await?;
        caller.require_for(Scope::Operate, &row.subscription.agent)?;
        Ok(row)
    }
}

/// The agent that a caller may have events handled by.
fn may_subscribe(caller: &Caller, agent: &str) -> Result<AgentName> {
    agents::permitted(caller, Scope::Run, agent)?;
    agents::permitted(caller, Scope::Operate, agent)
}

fn check(subscription: &NewSubscription) -> Result<()> {
    for (name, value, most) in [
        ("parallel", subscription.parallel, limits::EVENTS_PARALLEL_MAX),
        ("tries", subscription.tries, limits::EVENT_TRIES_MAX),
    ] {
        if !(1..=most).contains(&value) {
            return Err(Error::new(Code::RequestInvalid, format!("`{name}` is 1 to {most}")));
        }
    }
    let most = limits::INVOCATION_TIME_MAX.as_millis();
    match subscription.timeout_ms {
        Some(ms) if ms == 0 || u128::from(ms) > most => {
            Err(Error::new(Code::RequestInvalid, format!("`timeout_ms` is 1 to {most}")))
        }
        _ => Ok(()),
    }
}

fn view(row: SubscriptionRow) -> SubscriptionView {
    let SubscriptionRow { name, origin, subscription, principal, changed_at, stats, .. } = row;
    SubscriptionView { name, origin, subscription, principal, changed_at, stats }
}
