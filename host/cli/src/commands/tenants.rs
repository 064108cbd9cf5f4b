//! `troupe tenants`: who is kept apart from whom.

use std::process::ExitCode;

use troupe_core::Result;
use troupe_core::view::{NewTenant, Page, TenantView};

use crate::args::{Args, Tenants, TenantsCommand};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

const PATH: &str = "/api/v1/tenants";

pub(crate) async fn run(args: &Args, command: &Tenants) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let change = |name: &str, what: &str| format!("{PATH}/{}/{what}", segment(name));
    match &command.command {
        None => {
            let tenants: Vec<TenantView> = client.all(PATH, &[]).await?;
            let page = Page { items: tenants, next: None };
            output::answer(args.json, &page, |page| list(&page.items))?;
        }
        Some(TenantsCommand::Create { name }) => {
            let tenant: TenantView = client.post(PATH, &NewTenant { name: name.parse()? }).await?;
            output::answer(args.json, &tenant, |tenant| {
                let name = &tenant.name;
                format!(
                    "made the tenant {name}\nrun `troupe keys create --tenant {name} --name NAME --scopes SCOPES` for its first key"
                )
            })?;
        }
        Some(TenantsCommand::Disable { name }) => {
            let tenant: TenantView = client.post(&change(name, "disable"), &()).await?;
            output::answer(args.json, &tenant, |tenant| format!("{} is disabled", tenant.name))?;
        }
        Some(TenantsCommand::Enable { name }) => {
            let tenant: TenantView = client.post(&change(name, "enable"), &()).await?;
            output::answer(args.json, &tenant, |tenant| format!("{} is enabled", tenant.name))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(tenants: &[TenantView]) -> String {
    let row = |tenant: &TenantView| {
        let disabled = tenant.disabled_at.map(|at| at.to_string()).unwrap_or_default();
        vec![tenant.name.to_string(), tenant.created_at.to_string(), disabled]
    };
    table(&["tenant", "created", "disabled"], &tenants.iter().map(row).collect::<Vec<_>>())
}
