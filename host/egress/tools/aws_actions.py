#!/usr/bin/env python3
"""Writes data/aws-actions.tsv: what the requests of AWS services look like.

The table is read from the API models that botocore carries (Apache-2.0), which name each
operation as `service:Operation` grants do. To renew it, or after adding a service below:

    python3 -m venv /tmp/botocore && /tmp/botocore/bin/pip install botocore
    /tmp/botocore/bin/python host/egress/tools/aws_actions.py

Lines of the table, fields apart by tabs, `-` for an empty field, lists apart by commas:

    service  NAME  PROTOCOL  VERSION  ENDPOINT-PREFIX  SIGNING-NAME  SERVICE-ID  TARGET-PREFIX  regional|global
    host     HOST-NAME  REGION                    one without a region in it
    op       OPERATION                            query, ec2 and json protocols
    op       OPERATION  METHOD  PATH  REQUIRED-QUERY  REQUIRED-HEADERS  OTHER-QUERY
                                                  rest protocols; a key that may be repeated ends in `*`

A prefix that begins with `{account}.` has the number of an account there.

The script stops if two operations of a service, or of two services that answer at the same
host, could not be told apart.
"""

import datetime
import gzip
import itertools
import json
import pathlib

import botocore

SERVICES = [
    "acm", "apigateway", "apigatewayv2", "autoscaling", "backup", "batch", "ce", "cloudfront", "cloudtrail",
    "cloudwatch", "config", "dynamodb", "ec2", "ecr", "ecs", "efs", "eks", "elasticache", "elb", "elbv2",
    "guardduty", "iam", "kms", "lambda", "logs", "opensearch", "organizations", "rds", "redshift", "route53",
    "s3", "s3control", "secretsmanager", "sns", "sqs", "stepfunctions", "sts", "wafv2",
]

# Services that speak several protocols, and the one of them that requests are named by.
# Their models put RPC v2 of CBOR first, whose requests have no name here.
SPOKEN = {"cloudwatch": "json"}

# Operations that are only ever sent to hosts of their own, where no plain endpoint
# answers. On the plain endpoint they would hide an operation of the same shape.
ELSEWHERE = {
    # Answered by s3express-control.REGION alone; `GET /` on S3 is ListBuckets.
    ("s3", "ListDirectoryBuckets"),
}

# Services that answer at a host of each account, `ACCOUNT.PREFIX.REGION`, and the operations of them that have a name
# here. One of the others hands out credentials by a name that only looks.
OF_ACCOUNT = {"s3control": {"GetPublicAccessBlock"}}

# Operations that have no name here, as their query may hold any key at all.
OPEN = {("apigateway", name) for name in ("GetExport", "GetSdk", "ImportRestApi", "PutRestApi")}

DATA = pathlib.Path(botocore.__file__).parent / "data"
OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "data" / "aws-actions.tsv"


def load(path):
    return json.loads(gzip.decompress(path.read_bytes()))


def listed(items):
    items = sorted(items)
    assert all(not set(item) & set("\t,\n") for item in items), items
    return ",".join(items) or "-"


def operation(model, name):
    """The fields that tell a rest operation apart."""
    spec = model["operations"][name]
    path, _, literal = spec["http"]["requestUri"].partition("?")
    shape = model["shapes"][spec["input"]["shape"]] if "input" in spec else {}
    required, optional, headers = set(filter(None, literal.split("&"))), set(), set()
    for member, reference in shape.get("members", {}).items():
        location, is_required = reference.get("location"), member in shape.get("required", [])
        key = reference.get("locationName", member)
        if location == "querystring":
            kind = model["shapes"][reference["shape"]]["type"]
            # A map puts keys of its own into the query: those operations stand in `OPEN`.
            assert kind != "map", (name, member)
            key += "*" if kind == "list" else ""
            (required if is_required else optional).add(key)
        elif location == "header" and is_required:
            headers.add(key.lower())
    return spec["http"]["method"], path, listed(required), listed(headers), listed(optional)


def service(name, endpoints):
    model = load(sorted((DATA / name).iterdir())[-1] / "service-2.json.gz")
    about = model["metadata"]
    protocol, prefix = SPOKEN.get(name, about["protocol"]), about["endpointPrefix"]
    assert protocol in about.get("protocols", [protocol]), f"{name} does not speak {protocol}"
    fixed, regional = [], False
    for partition in endpoints["partitions"]:
        known = partition["services"].get(prefix, {})
        # A partition that lists nothing about a service says nothing about its regions.
        if partition["partition"] == "aws":
            regional = known.get("isRegionalized", True)
        for region, place in known.get("endpoints", {}).items():
            # `local` is DynamoDB on one's own machine.
            if region in partition["regions"] or place.get("deprecated") or region == "local":
                continue
            if "hostname" in place and "fips" not in region.lower() and name not in OF_ACCOUNT:
                fixed.append((place["hostname"], place["credentialScope"]["region"]))
    at = "{account}." + prefix if name in OF_ACCOUNT else prefix
    yield ("service", name, protocol, about["apiVersion"], at, about.get("signingName", prefix), about["serviceId"],
           about.get("targetPrefix", "-"), "regional" if regional else "global")
    for host in sorted(fixed):
        yield ("host", *host)
    seen = {}
    for op in sorted(model["operations"]):
        spec = model["operations"][op]
        host = spec.get("endpoint", {}).get("hostPrefix")
        if name in OF_ACCOUNT:
            if op not in OF_ACCOUNT[name]:
                continue
            assert host == "{AccountId}.", (name, op, host)
        elif (name, op) in ELSEWHERE | OPEN or host:
            continue
        if not protocol.startswith("rest"):
            yield ("op", op)
            continue
        fields = operation(model, op)
        same = seen.get(fields[:4])
        if same is not None:
            # An old name of a newer operation: the newer one is what a grant names.
            deprecated = [each for each in (same, op) if model["operations"][each].get("deprecated")]
            assert len(deprecated) == 1, f"{name}: {same} and {op} look the same"
            if deprecated == [op]:
                continue
        seen[fields[:4]] = op
    if protocol.startswith("rest"):
        for op in sorted(seen.values()):
            yield ("op", op, *operation(model, op))


def check_shared(lines):
    """Stops if two services answer at one host and their requests do not tell which is meant."""
    at, marks = {}, {}
    for line in lines:
        if line[0] == "service":
            name, protocol, version, prefix = line[1:5]
            at.setdefault(prefix, []).append(name)
            # The query protocols say which version of an API is meant, and the json ones a target.
            marks[name] = {line[7] if protocol == "json" else version}
        elif line[0] == "op" and len(line) > 2:
            # The rest ones have their paths: the first part must be one's own.
            marks[name] = marks.get(name, set()) - {version} | {line[3].split("/")[1]}
    for prefix, names in at.items():
        for one, other in itertools.combinations(names, 2):
            same = marks[one] & marks[other]
            assert not same and not any("{" in mark for mark in marks[one] | marks[other]), (one, other, same)


def main():
    endpoints = json.loads((DATA / "endpoints.json").read_text()) if (DATA / "endpoints.json").exists() else load(
        DATA / "endpoints.json.gz")
    lines = [
        f"# AWS actions, from the API models of botocore {botocore.__version__} (Apache-2.0), "
        f"{datetime.date.today()}.",
        "# Written by host/egress/tools/aws_actions.py, which explains the lines; do not edit.",
    ]
    table = [fields for name in SERVICES for fields in service(name, endpoints)]
    check_shared(table)
    lines += ["\t".join(fields) for fields in table]
    OUTPUT.write_text("\n".join(lines) + "\n")
    print(f"{OUTPUT}: {len(lines)} lines")


if __name__ == "__main__":
    main()
