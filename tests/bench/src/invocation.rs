//! An invocation as the host makes one, for figures that go past the host.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use troupe_core::{Clock as _, Effect, SystemClock, TenantId};
use troupe_sandbox::{Facts, Invocation, Ledger, LiveGrants, Stop};

use crate::host::Failure;

const TIME: Duration = Duration::from_secs(60);

/// An invocation that may do what is granted to its route.
pub fn invocation(grants: LiveGrants, ledger: Box<dyn Ledger>, configuration: &Arc<RawValue>) -> Invocation {
    let started_at = SystemClock.now();
    Invocation {
        facts: Facts {
            tenant: TenantId::default(),
            session: None,
            instance: None,
            user: None,
            trace: String::new(),
            attempt: 1,
            deadline: started_at.plus(TIME),
            latest: started_at.plus(TIME),
            configuration: Arc::clone(configuration),
        },
        grants,
        ledger,
        directories: None,
        artifacts: None,
        observer: Arc::new(()),
        stop: Stop::default(),
        time: TIME,
        life: TIME,
        ceiling: Effect::Destructive,
        memory_bytes: 64 << 20,
        output_bytes: 1 << 20,
        seed: [7; 32],
        started_at,
        recording: None,
    }
}

/// The configuration of an agent that has none.
///
/// # Errors
/// None that can come.
pub fn no_configuration() -> Result<Arc<RawValue>, Failure> {
    Ok(Arc::from(RawValue::from_string("{}".to_owned())?))
}
