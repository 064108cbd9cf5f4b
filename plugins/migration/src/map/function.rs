//! Functions: whether the target runs their language, and for as long.

use troupe_estate::Resource;

use super::{Blocker, Code, Destination, Mapped, Unchecked};
use crate::catalog::engines::{self, Runtime};
use crate::input::Target;
use crate::{Cloud, facts};

/// Seconds that a function of a cloud may run where nothing else is bought.
///
/// Sources, of 2025-06-01: <https://learn.microsoft.com/azure/azure-functions/functions-scale> (consumption plan),
/// <https://cloud.google.com/run/quotas> and <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const fn seconds_max(cloud: Cloud) -> f64 {
    match cloud {
        Cloud::Azure => 600.0,
        Cloud::Aws => 900.0,
        Cloud::Gcp => 3600.0,
    }
}

/// Checks a function's language and time.
pub fn choose(resource: &Resource, target: &Target, to: &mut Destination, row: &mut Mapped) {
    if facts::text(resource, &["package_type"]).is_some_and(|kind| kind.eq_ignore_ascii_case("image")) {
        row.caveats.push("It is a container image, which runs elsewhere once it listens for HTTP.".to_owned());
    } else if let Some(name) = facts::text(resource, &["runtime", "buildConfig/runtime", "linux_fx_version"]) {
        language(name, target, to, row);
    } else {
        row.unchecked.push(Unchecked::missing(Code::Runtime, resource, &["runtime"]));
    }
    let seconds = facts::number(resource, &["timeout_s", "timeout_seconds", "timeoutSeconds"]);
    let most = seconds_max(target.cloud);
    if let Some(seconds) = seconds.filter(|seconds| *seconds > most) {
        row.blockers.push(Blocker::new(
            Code::Time,
            format!("it may run for {seconds} s, and a function of {} for {most} s by default", target.cloud.title()),
            "cut the work, or run it as a job or on a plan without that limit",
        ));
    }
}

fn language(name: &str, target: &Target, to: &mut Destination, row: &mut Mapped) {
    let service = engines::runtimes_cited(target.cloud).map_or("the target", |(service, _)| service);
    match engines::runtime(target.cloud, name) {
        Some(Runtime::Offered(runtime)) => {
            let (language, version) = runtime.split_once(' ').unwrap_or((&runtime, ""));
            to.engine = Some(language.to_owned());
            to.version = Some(version.to_owned());
        }
        Some(Runtime::Other { language, versions }) => {
            let message = format!("{service} has {language} {}, and not `{name}`", versions.join(", "));
            let remedy = format!("bring the code to {language} {}", versions.last().map_or("", String::as_str));
            row.blockers.push(Blocker::new(Code::RuntimeVersion, message, remedy));
            to.engine = Some(language);
            to.version = versions.last().cloned();
        }
        Some(Runtime::Missing(language)) => row.blockers.push(Blocker::new(
            Code::Runtime,
            format!("{service} does not offer `{language}`"),
            "run it as a container, or as a custom handler",
        )),
        None => row
            .unchecked
            .push(Unchecked { code: Code::Runtime, why: format!("the runtimes of {service} are not known here") }),
    }
}
