//! Load balancing: from the address that listens to the machines that answer.

use super::{aggregated, global};
use crate::listing::Listing;
use crate::record::{Record, flag, has, is, number, to, to_of};

pub(super) const LISTINGS: [Listing; 15] = [
    Listing {
        record: Some(&FORWARDING_RULE),
        ..aggregated("compute.forwardingRules.aggregatedList", url!("forwardingRules"), "forwardingRules")
    },
    Listing {
        record: Some(&BACKEND_SERVICE),
        ..aggregated("compute.backendServices.aggregatedList", url!("backendServices"), "backendServices")
    },
    Listing { record: Some(&BACKEND_BUCKET), ..global("compute.backendBuckets.list", url!(global "backendBuckets")) },
    Listing { record: Some(&URL_MAP), ..aggregated("compute.urlMaps.aggregatedList", url!("urlMaps"), "urlMaps") },
    Listing {
        record: Some(&HTTP_PROXY),
        ..aggregated("compute.targetHttpProxies.aggregatedList", url!("targetHttpProxies"), "targetHttpProxies")
    },
    Listing {
        record: Some(&HTTPS_PROXY),
        ..aggregated("compute.targetHttpsProxies.aggregatedList", url!("targetHttpsProxies"), "targetHttpsProxies")
    },
    Listing {
        record: Some(&TCP_PROXY),
        ..aggregated("compute.targetTcpProxies.aggregatedList", url!("targetTcpProxies"), "targetTcpProxies")
    },
    Listing { record: Some(&SSL_PROXY), ..global("compute.targetSslProxies.list", url!(global "targetSslProxies")) },
    Listing {
        record: Some(&TARGET_INSTANCE),
        ..aggregated("compute.targetInstances.aggregatedList", url!("targetInstances"), "targetInstances")
    },
    Listing {
        record: Some(&TARGET_POOL),
        ..aggregated("compute.targetPools.aggregatedList", url!("targetPools"), "targetPools")
    },
    Listing {
        record: Some(&HEALTH_CHECK),
        ..aggregated("compute.healthChecks.aggregatedList", url!("healthChecks"), "healthChecks")
    },
    Listing {
        record: Some(&HTTP_HEALTH_CHECK),
        ..global("compute.httpHealthChecks.list", url!(global "httpHealthChecks"))
    },
    Listing {
        record: Some(&HTTPS_HEALTH_CHECK),
        ..global("compute.httpsHealthChecks.list", url!(global "httpsHealthChecks"))
    },
    Listing {
        record: Some(&ENDPOINT_GROUP),
        ..aggregated(
            "compute.networkEndpointGroups.aggregatedList",
            url!("networkEndpointGroups"),
            "networkEndpointGroups",
        )
    },
    Listing {
        record: Some(&SERVICE_ATTACHMENT),
        ..aggregated("compute.serviceAttachments.aggregatedList", url!("serviceAttachments"), "serviceAttachments")
    },
];

const FORWARDING_RULE: Record = Record {
    elsewhere: Some(("/global/", "gcp.compute.googleapis.com/GlobalForwardingRule")),
    attributes: &[
        is("address", "/IPAddress"),
        is("protocol", "/IPProtocol"),
        is("port_range", "/portRange"),
        is("ports", "/ports"),
        flag("all_ports", "/allPorts"),
        is("scheme", "/loadBalancingScheme"),
        is("tier", "/networkTier"),
        flag("global_access", "/allowGlobalAccess"),
    ],
    relations: &[
        to("target", "/target"),
        to("backend_service", "/backendService"),
        to("network", "/network"),
        to("subnetwork", "/subnetwork"),
    ],
    ..Record::compute("gcp.compute.googleapis.com/ForwardingRule")
};

const BACKEND_SERVICE: Record = Record {
    elsewhere: Some(("/regions/", "gcp.compute.googleapis.com/RegionBackendService")),
    attributes: &[
        is("protocol", "/protocol"),
        is("scheme", "/loadBalancingScheme"),
        number("port", "/port"),
        number("timeout_seconds", "/timeoutSec"),
        flag("cdn", "/enableCDN"),
        flag("logging", "/logConfig/enable"),
        is("log_sample_rate", "/logConfig/sampleRate"),
        flag("iap", "/iap/enabled"),
        is("session_affinity", "/sessionAffinity"),
        has("security_policy", "/securityPolicy"),
    ],
    relations: &[
        to("backend", "/backends/*/group"),
        to("health_check", "/healthChecks/*"),
        to("security_policy", "/securityPolicy"),
        to("security_policy", "/edgeSecurityPolicy"),
        to("network", "/network"),
    ],
    ..Record::compute("gcp.compute.googleapis.com/BackendService")
};

const BACKEND_BUCKET: Record = Record {
    attributes: &[is("bucket", "/bucketName"), flag("cdn", "/enableCdn")],
    relations: &[
        to_of("bucket", "storage.googleapis.com", "/bucketName"),
        to("security_policy", "/edgeSecurityPolicy"),
    ],
    ..Record::compute("gcp.compute.googleapis.com/BackendBucket")
};

const URL_MAP: Record = Record {
    attributes: &[is("hosts", "/hostRules/*/hosts/*"), flag("https_redirect", "/defaultUrlRedirect/httpsRedirect")],
    relations: &[
        to("backend_service", "/defaultService"),
        to("backend_service", "/pathMatchers/*/defaultService"),
        to("backend_service", "/pathMatchers/*/pathRules/*/service"),
    ],
    ..Record::compute("gcp.compute.googleapis.com/UrlMap")
};

const HTTP_PROXY: Record =
    Record { relations: &[to("url_map", "/urlMap")], ..Record::compute("gcp.compute.googleapis.com/TargetHttpProxy") };

const HTTPS_PROXY: Record = Record {
    attributes: &[has("ssl_policy", "/sslPolicy"), is("quic", "/quicOverride")],
    relations: &[to("url_map", "/urlMap"), to("certificate", "/sslCertificates/*"), to("ssl_policy", "/sslPolicy")],
    ..Record::compute("gcp.compute.googleapis.com/TargetHttpsProxy")
};

const TCP_PROXY: Record = Record {
    attributes: &[is("proxy_header", "/proxyHeader")],
    relations: &[to("backend_service", "/service")],
    ..Record::compute("gcp.compute.googleapis.com/TargetTcpProxy")
};

const SSL_PROXY: Record = Record {
    attributes: &[has("ssl_policy", "/sslPolicy"), is("proxy_header", "/proxyHeader")],
    relations: &[
        to("backend_service", "/service"),
        to("certificate", "/sslCertificates/*"),
        to("ssl_policy", "/sslPolicy"),
    ],
    ..Record::compute("gcp.compute.googleapis.com/TargetSslProxy")
};

const TARGET_INSTANCE: Record = Record {
    attributes: &[is("nat_policy", "/natPolicy")],
    relations: &[to("instance", "/instance")],
    ..Record::compute("gcp.compute.googleapis.com/TargetInstance")
};

const TARGET_POOL: Record = Record {
    attributes: &[is("session_affinity", "/sessionAffinity")],
    relations: &[to("instance", "/instances/*"), to("health_check", "/healthChecks/*")],
    ..Record::compute("gcp.compute.googleapis.com/TargetPool")
};

const HEALTH_CHECK: Record = Record {
    attributes: &[
        is("type", "/type"),
        number("interval_seconds", "/checkIntervalSec"),
        number("timeout_seconds", "/timeoutSec"),
        flag("logging", "/logConfig/enable"),
    ],
    ..Record::compute("gcp.compute.googleapis.com/HealthCheck")
};

const HTTP_HEALTH_CHECK: Record = Record {
    attributes: &[is("path", "/requestPath"), number("port", "/port"), number("interval_seconds", "/checkIntervalSec")],
    ..Record::compute("gcp.compute.googleapis.com/HttpHealthCheck")
};

const HTTPS_HEALTH_CHECK: Record = Record {
    attributes: &[is("path", "/requestPath"), number("port", "/port"), number("interval_seconds", "/checkIntervalSec")],
    ..Record::compute("gcp.compute.googleapis.com/HttpsHealthCheck")
};

const ENDPOINT_GROUP: Record = Record {
    attributes: &[is("type", "/networkEndpointType"), number("size", "/size"), is("run_service", "/cloudRun/service")],
    relations: &[to("network", "/network"), to("subnetwork", "/subnetwork")],
    ..Record::compute("gcp.compute.googleapis.com/NetworkEndpointGroup")
};

const SERVICE_ATTACHMENT: Record = Record {
    attributes: &[is("preference", "/connectionPreference"), flag("proxy_protocol", "/enableProxyProtocol")],
    relations: &[to("target", "/targetService"), to("subnetwork", "/natSubnets/*")],
    ..Record::compute("gcp.compute.googleapis.com/ServiceAttachment")
};
