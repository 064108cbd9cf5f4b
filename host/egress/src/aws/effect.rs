//! How far an operation reaches.
//!
//! The API models do not say whether an operation changes anything; its name does, by
//! the verb it begins with. Verbs that only look are listed, as are those that delete or
//! cannot be undone; every other verb, known or new, writes. Operations whose verb
//! misleads are listed one by one, each with its reason.

use http::HeaderMap;
use troupe_core::Effect;

/// Verbs of operations that only look.
const READS: [&str; 11] =
    ["BatchGet", "Decode", "Describe", "Get", "Head", "List", "Lookup", "Query", "Scan", "Search", "Select"];

/// Verbs of operations that delete something, give it up, or cannot be undone.
const DESTROYS: [&str; 17] = [
    "Abort",
    "BatchDelete",
    "Cancel",
    "Delete",
    "Deprovision",
    "Deregister",
    "Destroy",
    "Purchase",
    "Purge",
    "Release",
    "Remove",
    "Reset",
    "Revoke",
    "Stop",
    "Terminate",
    "Unsubscribe",
    "Untag",
];

/// Operations whose verb misleads.
const EXCEPTIONS: &[(&str, &str, Effect)] = &[
    // They hand out new credentials, with which anything could be done past the gate.
    ("sts", "GetDelegatedAccessToken", Effect::Write),
    ("sts", "GetFederationToken", Effect::Write),
    ("sts", "GetSessionToken", Effect::Write),
    ("sts", "GetWebIdentityToken", Effect::Write),
    ("ecr", "GetAuthorizationToken", Effect::Write),
    ("redshift", "GetClusterCredentials", Effect::Write),
    ("redshift", "GetClusterCredentialsWithIAM", Effect::Write),
    ("redshift", "GetIdentityCenterAuthToken", Effect::Write),
    ("acm", "GetAcmeExternalAccountBindingCredentials", Effect::Write),
    // So do these: what people keep there is what they sign in with elsewhere.
    ("secretsmanager", "BatchGetSecretValue", Effect::Write),
    ("secretsmanager", "GetSecretValue", Effect::Write),
    // It takes the task that it gets: nobody else is given it.
    ("stepfunctions", "GetActivityTask", Effect::Write),
    // They compute a report or a verdict about what is there.
    ("dynamodb", "TransactGetItems", Effect::Read),
    ("iam", "GenerateCredentialReport", Effect::Read),
    ("iam", "GenerateOrganizationsAccessReport", Effect::Read),
    ("iam", "GenerateServiceLastAccessedDetails", Effect::Read),
    ("iam", "SimulateCustomPolicy", Effect::Read),
    ("iam", "SimulatePrincipalPolicy", Effect::Read),
    ("apigatewayv2", "ExportApi", Effect::Read),
    ("backup", "ExportBackupPlanTemplate", Effect::Read),
    ("ecr", "BatchCheckLayerAvailability", Effect::Read),
    ("logs", "FilterLogEvents", Effect::Read),
    ("logs", "TestMetricFilter", Effect::Read),
    ("rds", "DownloadDBLogFilePortion", Effect::Read),
    ("route53", "TestDNSAnswer", Effect::Read),
    ("secretsmanager", "ValidateResourcePolicy", Effect::Read),
    ("sns", "CheckIfPhoneNumberIsOptedOut", Effect::Read),
    ("stepfunctions", "ValidateStateMachineDefinition", Effect::Read),
    ("wafv2", "CheckCapacity", Effect::Read),
    // Each may carry deletions, by statement or by item.
    ("dynamodb", "BatchExecuteStatement", Effect::Destructive),
    ("dynamodb", "BatchWriteItem", Effect::Destructive),
    ("dynamodb", "ExecuteStatement", Effect::Destructive),
    ("dynamodb", "ExecuteTransaction", Effect::Destructive),
    ("dynamodb", "TransactWriteItems", Effect::Destructive),
    ("route53", "ChangeCidrCollection", Effect::Destructive),
    ("route53", "ChangeResourceRecordSets", Effect::Destructive),
    // What they say is then deleted: expired objects, items, images and log lines, an index,
    // a replica, the machines that a group or a cluster has too many of.
    ("autoscaling", "BatchPutScheduledUpdateGroupAction", Effect::Destructive),
    ("autoscaling", "ExecutePolicy", Effect::Destructive),
    ("autoscaling", "PutScheduledUpdateGroupAction", Effect::Destructive),
    ("autoscaling", "RollbackInstanceRefresh", Effect::Destructive),
    ("autoscaling", "SetDesiredCapacity", Effect::Destructive),
    ("autoscaling", "SetInstanceHealth", Effect::Destructive),
    ("autoscaling", "StartInstanceRefresh", Effect::Destructive),
    ("autoscaling", "UpdateAutoScalingGroup", Effect::Destructive),
    ("backup", "DisassociateRecoveryPoint", Effect::Destructive),
    ("backup", "UpdateRecoveryPointLifecycle", Effect::Destructive),
    ("ecr", "PutLifecyclePolicy", Effect::Destructive),
    ("ecs", "UpdateService", Effect::Destructive),
    ("elasticache", "DecreaseNodeGroupsInGlobalReplicationGroup", Effect::Destructive),
    ("elasticache", "DecreaseReplicaCount", Effect::Destructive),
    ("elasticache", "ModifyCacheCluster", Effect::Destructive),
    ("elasticache", "ModifyReplicationGroupShardConfiguration", Effect::Destructive),
    ("eks", "UpdateNodegroupConfig", Effect::Destructive),
    ("logs", "PutRetentionPolicy", Effect::Destructive),
    ("rds", "ModifyDBInstance", Effect::Destructive),
    ("rds", "ModifyDBCluster", Effect::Destructive),
    ("redshift", "BatchModifyClusterSnapshots", Effect::Destructive),
    ("redshift", "ModifyCluster", Effect::Destructive),
    ("redshift", "ModifyClusterSnapshot", Effect::Destructive),
    ("redshift", "ResizeCluster", Effect::Destructive),
    ("sqs", "SetQueueAttributes", Effect::Destructive),
    // What was there before is no more: a definition, a database's last hours, a key.
    ("apigatewayv2", "ReimportApi", Effect::Destructive),
    ("kms", "ScheduleKeyDeletion", Effect::Destructive),
    ("rds", "BacktrackDBCluster", Effect::Destructive),
    ("kms", "RetireGrant", Effect::Destructive),
    ("organizations", "CloseAccount", Effect::Destructive),
    ("organizations", "LeaveOrganization", Effect::Destructive),
    ("dynamodb", "UpdateGlobalTable", Effect::Destructive),
    ("dynamodb", "UpdateTable", Effect::Destructive),
    ("dynamodb", "UpdateTimeToLive", Effect::Destructive),
    ("s3", "PutBucketLifecycleConfiguration", Effect::Destructive),
    // They cost money or bind for a term, and cannot be taken back.
    ("ec2", "AcceptReservedInstancesExchangeQuote", Effect::Destructive),
    ("ec2", "LockSnapshot", Effect::Destructive),
    ("backup", "PutBackupVaultLockConfiguration", Effect::Destructive),
    ("rds", "PromoteReadReplica", Effect::Destructive),
    ("rds", "PromoteReadReplicaDBCluster", Effect::Destructive),
    ("redshift", "AcceptReservedNodeExchange", Effect::Destructive),
    ("s3", "PutObjectLockConfiguration", Effect::Destructive),
    ("s3", "PutObjectRetention", Effect::Destructive),
    // They can be started again.
    ("ec2", "StopInstances", Effect::Write),
    ("rds", "StopDBCluster", Effect::Write),
    ("rds", "StopDBInstance", Effect::Write),
    // It takes a deletion back.
    ("kms", "CancelKeyDeletion", Effect::Write),
];

/// Headers that lock what an S3 operation writes for a term: nobody can take it back.
const LOCKS: [&str; 2] = ["x-amz-object-lock-", "x-amz-bucket-object-lock-"];

/// Returns the effect class of an operation, called with these headers.
pub(super) fn of(service: &str, operation: &str, headers: &HeaderMap) -> Effect {
    let locks = || headers.keys().any(|name| LOCKS.iter().any(|lock| name.as_str().starts_with(lock)));
    match of_name(service, operation) {
        Effect::Write if service == "s3" && locks() => Effect::Destructive,
        effect => effect,
    }
}

fn of_name(service: &str, operation: &str) -> Effect {
    let begins_with = |verbs: &[&str]| {
        verbs.iter().any(|verb| {
            // `Get` is the verb of `GetUser`, not of `Getaway`.
            operation.strip_prefix(verb).is_some_and(|rest| rest.chars().next().is_none_or(char::is_uppercase))
        })
    };
    let exception = EXCEPTIONS.iter().find(|(its, name, _)| *its == service && *name == operation);
    match exception {
        Some((_, _, effect)) => *effect,
        None if begins_with(&READS) => Effect::Read,
        None if begins_with(&DESTROYS) => Effect::Destructive,
        None => Effect::Write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::table;

    #[test]
    fn verbs_decide_and_an_unknown_verb_writes() {
        for (service, operation, effect) in [
            ("ec2", "DescribeInstances", Effect::Read),
            ("ec2", "TerminateInstances", Effect::Destructive),
            ("ec2", "RunInstances", Effect::Write),
            ("ec2", "StopInstances", Effect::Write),
            ("ec2", "PurchaseHostReservation", Effect::Destructive),
            ("sts", "GetCallerIdentity", Effect::Read),
            ("sts", "GetSessionToken", Effect::Write),
            ("sts", "AssumeRole", Effect::Write),
            ("iam", "GenerateCredentialReport", Effect::Read),
            ("s3", "AbortMultipartUpload", Effect::Destructive),
            ("dynamodb", "Scan", Effect::Read),
            ("dynamodb", "Query", Effect::Read),
            ("dynamodb", "BatchWriteItem", Effect::Destructive),
            ("dynamodb", "UpdateItem", Effect::Write),
            ("dynamodb", "UpdateTimeToLive", Effect::Destructive),
            ("s3", "PutBucketLifecycleConfiguration", Effect::Destructive),
            ("s3", "PutObject", Effect::Write),
            ("elb", "DescribeLoadBalancers", Effect::Read),
            ("elbv2", "DeregisterTargets", Effect::Destructive),
            ("ce", "GetCostAndUsage", Effect::Read),
            ("config", "SelectResourceConfig", Effect::Read),
            ("kms", "ScheduleKeyDeletion", Effect::Destructive),
            ("kms", "Decrypt", Effect::Write),
            ("ecr", "GetAuthorizationToken", Effect::Write),
            ("secretsmanager", "GetSecretValue", Effect::Write),
            ("secretsmanager", "ListSecrets", Effect::Read),
            ("sns", "Unsubscribe", Effect::Destructive),
            ("sqs", "ReceiveMessage", Effect::Write),
            ("rds", "StopDBInstance", Effect::Write),
            ("logs", "PutRetentionPolicy", Effect::Destructive),
            ("batch", "DescribeJobQueues", Effect::Read),
            ("batch", "SubmitJob", Effect::Write),
            ("batch", "CancelJob", Effect::Destructive),
            ("batch", "TerminateJobs", Effect::Destructive),
            ("lambda", "Invoke", Effect::Write),
            ("lambda", "Getaway", Effect::Write),
            ("lambda", "Frobnicate", Effect::Write),
        ] {
            assert_eq!(of_name(service, operation), effect, "{service}:{operation}");
        }
    }

    #[test]
    fn every_exception_names_an_operation_there_is() {
        for (service, operation, effect) in EXCEPTIONS {
            let found = table::services().iter().find(|found| found.name == *service).unwrap();
            assert!(found.operation(operation).is_some(), "{service}:{operation} ({effect})");
        }
    }
}
